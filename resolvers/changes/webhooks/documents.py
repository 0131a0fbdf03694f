"""The subscription that renders what a webhook is sent: its filters, its selection, and what the delivery needs."""

from collections.abc import Mapping, Sequence
from typing import Any
from uuid import UUID

import orjson
from graphql import FragmentDefinitionNode, GraphQLSyntaxError, parse

from engine.errors import RequestError
from engine.outgoing.outlet import Outlet
from models.rules.ids import public_id
from models.rules.refusal import Refusal, Refused

LONGEST_SELECTION = 20_000
"""Characters of a selection."""

DEFAULT_SELECTION = (
    "{ id type occurredAt changeId mutation actor { id name } recordId lead { id title }"
    " changes { field before after } }"
)

ID, TYPE, AT, CURSOR, RECORD, LEAD = (f"delivery_{name}" for name in ("id", "type", "at", "cursor", "record", "lead"))
"""The keys of what the delivery needs of an event, beside those of the selection."""

NEEDED = f"{ID}: id {TYPE}: type {AT}: occurredAt {CURSOR}: cursor {RECORD}: recordId {LEAD}: lead {{ id }}"

THIN = "{ id recordId }"
"""What is sent of an event whose selection is too large."""

ONE_SELECTION = "Send the fields of an Event in one pair of braces, like { id type lead { title } }."


def subscription(
    selection: str, types: Sequence[str], pipeline_id: UUID | None, condition: str | None
) -> tuple[str, Mapping[str, Any]]:
    """The document of the subscription, and its variables. The same filters and selection make the same document."""
    given: dict[str, tuple[str, Any]] = {}
    if types:
        given["types"] = "[EventType!]", list(types)
    if pipeline_id is not None:
        given["pipelineId"] = "ID", public_id("pipeline", pipeline_id)
    if condition is not None:
        given["condition"] = "Condition", orjson.loads(condition)
    declared = ", ".join(f"${name}: {type_}" for name, (type_, _) in given.items())
    passed = ", ".join(f"{name}: ${name}" for name in given)
    arguments = (f"({declared})", f"({passed})") if given else ("", "")
    document = (
        f"subscription Webhook{arguments[0]} {{ events{arguments[1]} {{ {NEEDED} ...Selected }} }}"
        f" fragment Selected on Event {selection}"
    )
    return document, {name: value for name, (_, value) in given.items()}


def one_selection(selection: str, *field: str) -> str:
    """A selection as it is stored, as far as it is one. Raises `Refused` INVALID."""
    if len(selection) > LONGEST_SELECTION:
        raise Refused(
            Refusal.INVALID,
            f"This selection has {len(selection):,} characters. Shorten it to {LONGEST_SELECTION:,}.",
            *field,
        )
    selection = selection.strip()
    try:
        found = parse(f"fragment Selected on Event {selection}", max_lexical_tokens=2_000).definitions
    except (GraphQLSyntaxError, RecursionError) as wrong:
        raise Refused(Refusal.INVALID, f"This is not a selection. {ONE_SELECTION}", *field) from wrong
    if len(found) != 1 or not isinstance(found[0], FragmentDefinitionNode) or found[0].directives:
        raise Refused(Refusal.INVALID, ONE_SELECTION, *field)
    return selection


def expect_sendable(outlet: Outlet, selection: str, *field: str) -> None:
    """Refuse, with INVALID, a selection that does not fit an event, or is too costly."""
    try:
        outlet.check(subscription(selection, (), None, None)[0])
    except RequestError as wrong:
        raise Refused(Refusal.INVALID, wrong.errors[0].message, *field) from wrong
