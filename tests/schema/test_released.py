"""A released schema is kept: later ones add to it, or the changelog names what they break or deprecate."""

import re

import pytest
from graphql import build_schema

from schema.api import graphql_schema
from tests.support.contract import HEADER, RELEASED, ROOT, contract, unannounced

CHANGELOG = (ROOT / "CHANGELOG.md").read_text()


def test_what_was_released_is_kept() -> None:
    """What breaks is named by its coordinate under "Breaking", what is deprecated under "Deprecated"."""
    assert unannounced(build_schema(RELEASED.read_text()), graphql_schema, CHANGELOG) == []


def test_the_released_schema_is_of_the_newest_version() -> None:
    """A version that gets its heading in the changelog gets its schema: `make released`."""
    newest = re.findall(r"^## (\d+\.\d+\.\d+)", CHANGELOG, flags=re.MULTILINE)[0]
    assert RELEASED.read_text().startswith(HEADER.format(newest))


SCHEMA = """
type Query { lead(id: ID!, first: Int = 20): Lead  leads: [Lead!]! }
type Lead { id: ID!  score: Int  kind: Kind }
enum Kind { LEAD OPPORTUNITY }
input LeadFilter { closed: Boolean = false  owner: ID }
"""


@pytest.mark.parametrize(
    ("old", "new", "found", "coordinate"),
    [
        ("  score: Int", "", "Field Lead.score was removed.", "Lead.score"),
        ("score: Int", "score: String", "Field Lead.score changed type from Int to String.", "Lead.score"),
        ("id: ID!  score", "id: ID  score", "Field Lead.id changed type from ID! to ID.", "Lead.id"),
        (", first: Int = 20", "", "Argument Query.lead(first:) was removed.", "Query.lead(first:)"),
        (
            "Int = 20",
            "Int = 10",
            "Query.lead(first:) has changed defaultValue from 20 to 10.",
            "Query.lead(first:)",
        ),
        (
            "leads:",
            "leads(size: Int!):",
            "A required argument Query.leads(size:) was added.",
            "Query.leads(size:)",
        ),
        ("LEAD OPP", "OPP", "Enum value Kind.LEAD was removed.", "Kind.LEAD"),
        (
            "owner: ID",
            "owner: ID  mine: Boolean!",
            "A required field LeadFilter.mine was added.",
            "LeadFilter.mine",
        ),
        (
            "= false",
            "= true",
            "LeadFilter.closed has changed defaultValue from false to true.",
            "LeadFilter.closed",
        ),
        ("input LeadFilter", "input Filter", "LeadFilter was removed.", "LeadFilter"),
    ],
)
def test_what_breaks_is_found(old: str, new: str, found: str, coordinate: str) -> None:
    """Each kind of breaking change is found, unless its coordinate stands under "Breaking" of what is not released."""
    assert SCHEMA.count(old) == 1
    schemas = build_schema(SCHEMA), build_schema(SCHEMA.replace(old, new))
    assert unannounced(*schemas, "") == [found]
    assert unannounced(*schemas, f"## Unreleased\n\n### Breaking\n\n- `{coordinate}` changes.\n") == []
    for elsewhere in (
        f"## Unreleased\n\n### Changed\n\n- `{coordinate}` changes.\n",
        f"## Unreleased\n\n### Breaking\n\n- Nothing.\n\n### Added\n\n- `{coordinate}`.\n",
        f"## Unreleased\n\n## 0.1.0\n\n### Breaking\n\n- `{coordinate}` changed.\n",
        f"## Unreleased\n\n### Breaking\n\n- `{coordinate}s` changes.\n",
    ):
        assert unannounced(*schemas, elsewhere) == [found]


@pytest.mark.parametrize(
    ("old", "new", "coordinate"),
    [
        ("score: Int", "score: Int @deprecated(reason: 'Use kind.')", "Lead.score"),
        ("Int = 20", "Int = 20 @deprecated(reason: 'Use leads.')", "Query.lead(first:)"),
        ("OPPORTUNITY", "OPPORTUNITY @deprecated(reason: 'Use LEAD.')", "Kind.OPPORTUNITY"),
        ("owner: ID", "owner: ID @deprecated(reason: 'Use closed.')", "LeadFilter.owner"),
    ],
)
def test_what_is_deprecated_is_announced(old: str, new: str, coordinate: str) -> None:
    """A deprecation stands under "Deprecated" until it is released."""
    before, after = build_schema(SCHEMA), build_schema(SCHEMA.replace(old, new.replace("'", '"')))
    assert unannounced(before, after, "") == [f"{coordinate} is deprecated."]
    assert unannounced(before, after, f"## Unreleased\n\n### Deprecated\n\n- `{coordinate}`.\n") == []
    assert unannounced(after, after, "") == []


def test_what_is_kept_is_the_whole_schema() -> None:
    """Without its descriptions, a schema breaks nothing, in either direction."""
    kept = build_schema(contract())
    assert '"""' not in contract()
    assert unannounced(kept, graphql_schema, "") == unannounced(graphql_schema, kept, "") == []


def test_what_is_added_breaks_nothing() -> None:
    """Types, fields, enum values, optional arguments and optional input fields can be added at any time."""
    more = "type Task { id: ID! }" + SCHEMA.replace("leads:", "leads(size: Int): [Lead!]! more:").replace(
        "LEAD OPP", "LEAD DEAL OPP"
    ).replace("owner: ID", "owner: ID  mine: Boolean")
    assert unannounced(build_schema(SCHEMA), build_schema(more), "") == []
