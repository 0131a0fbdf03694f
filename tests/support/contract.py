"""What clients of a released schema rely on: what a change of the schema breaks or deprecates, and who was warned.

`python -m tests.support.contract` keeps the schema of the code as that of the version in pyproject.toml.
"""

import re
import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from graphql import (
    BreakingChange,
    DangerousChange,
    DangerousChangeType,
    GraphQLSchema,
    find_breaking_changes,
    find_dangerous_changes,
    parse,
    print_ast,
)

from schema.api import sdl

ROOT = Path(__file__).parents[2]
RELEASED = ROOT / "tests" / "schema" / "released.graphql"
HEADER = "# The schema of version {}, without descriptions. `make released` writes it at a release.\n\n"

DEFAULTS = {DangerousChangeType.ARG_DEFAULT_VALUE_CHANGE, DangerousChangeType.INPUT_FIELD_DEFAULT_VALUE_CHANGE}
"""Changes of what an unchanged document asks for. Other dangerous changes only add something."""

COORDINATE = re.compile(
    r"(?:(?:Field|Argument|Enum value|Directive|Standard scalar|A required (?:field|argument)) )?"
    r"(@?\w+(?:\.\w+)?(?:\(\w+:\))?)"
)
"""What the description of a change is about: `Lead`, `Lead.score`, `Lead.tasks(first:)`, `StageKind.WON`."""


def broken(old: GraphQLSchema, new: GraphQLSchema) -> dict[str, str]:
    """What a client of the old schema can stumble over, by coordinate."""
    defaults = [change for change in find_dangerous_changes(old, new) if change.type in DEFAULTS]
    changes: list[BreakingChange | DangerousChange] = [*find_breaking_changes(old, new), *defaults]
    found = {}
    for change in changes:
        about = COORDINATE.match(change.description)
        assert about is not None, change
        found[about[1]] = change.description
    return found


def deprecated(schema: GraphQLSchema) -> Iterator[str]:
    """The coordinate of each deprecated field, argument, input field and enum value."""
    for name, type_ in schema.type_map.items():
        parts: dict[str, Any] = {**getattr(type_, "fields", {}), **getattr(type_, "values", {})}
        for key, part in parts.items():
            if part.deprecation_reason is not None:
                yield f"{name}.{key}"
            arguments = getattr(part, "args", {}).items()
            yield from (f"{name}.{key}({arg}:)" for arg, one in arguments if one.deprecation_reason is not None)


def announced(changelog: str, heading: str) -> set[str]:
    """What stands in backticks under a heading of the changelog's part on what is not released."""
    unreleased = re.search(r"^## Unreleased\n(.*?)(?=^## |\Z)", changelog, flags=re.DOTALL | re.MULTILINE)
    part = re.search(
        rf"^### {heading}\n(.*?)(?=^### |\Z)", unreleased[1] if unreleased else "", flags=re.DOTALL | re.MULTILINE
    )
    return set(re.findall(r"`([^`]+)`", part[1] if part else ""))


def unannounced(old: GraphQLSchema, new: GraphQLSchema, changelog: str) -> list[str]:
    """Each breaking change and each deprecation that the changelog does not name by its coordinate."""
    breaking, warned = announced(changelog, "Breaking"), announced(changelog, "Deprecated")
    return [
        *(text for coordinate, text in broken(old, new).items() if coordinate not in breaking),
        *(f"{one} is deprecated." for one in sorted({*deprecated(new)} - {*deprecated(old)} - warned)),
    ]


def contract() -> str:
    """The schema of the code without descriptions, which are printed on lines of their own."""
    return print_ast(parse(re.sub(r'^ *""".*?"""\n', "", sdl(), flags=re.DOTALL | re.MULTILINE))) + "\n"


if __name__ == "__main__":
    version = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["version"]
    RELEASED.write_text(HEADER.format(version) + contract())
