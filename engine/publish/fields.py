"""How a published field is tied to what resolves it.

A field of a read names a read resolver (engine.read.rows); a field of a change names a change; a payload's field names
the record it shows. The ties are kept in the field's metadata and followed by engine.read.compiler and
engine.change.payload.
"""

from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

import strawberry
from sqlalchemy.types import TypeEngine
from strawberry.annotation import StrawberryAnnotation
from strawberry.types.arguments import StrawberryArgument
from strawberry.types.field import StrawberryField

from engine.publish.scalars import Cursor
from engine.read.json_text import Expression, typed_id
from engine.read.rows import Rows, rows
from engine.read.slots import Args
from models.rules.roles import Role

READ, CHANGE, CHECKS, OWN_IDS, EVENTS, ROLE, IDS = "read", "change", "checks", "own_ids", "events", "role", "ids"
REF, ITEMS, EXPECTED_ROWS, ROWS_PER_TEST = "ref", "items", "rows", "test_rows"
"""Keys of a field's metadata."""


class Argument(NamedTuple):
    """An argument of a field: its type as an annotation, and its description."""

    type: Any
    description: str
    default: Any = strawberry.UNSET


ReadResolver = Callable[[Any, Args], Any]

NEEDED: dict[Callable[..., Any], Role] = {}
"""The role that each published change needs, by its function."""

InputChecks = Callable[[Mapping[str, Any]], Any]
"""Checks the fields of an input, by Python name, each by itself and with each other. Raises `Refused`."""

PAGING: Mapping[str, Argument] = {
    "first": Argument(int | None, "The number of items to return, from the start: 0 to 100. Default: 20."),
    "after": Argument(Cursor | None, "Return items after this cursor: the `endCursor` of the previous page."),
    "last": Argument(int | None, "The number of items to return, from the end: 0 to 100."),
    "before": Argument(Cursor | None, "Return items before this cursor: the `startCursor` of the next page."),
}


def _field(description: str, metadata: Mapping[str, Any], arguments: Mapping[str, Argument] | None) -> Any:
    field: StrawberryField = strawberry.field(description=description, metadata=dict(metadata))
    field.arguments = [
        StrawberryArgument(
            python_name=name,
            graphql_name="from" if name == "from_" else None,
            type_annotation=StrawberryAnnotation(argument.type),
            description=argument.description,
            default=argument.default,
        )
        for name, argument in (arguments or {}).items()
    ]
    return field


def read(
    resolver: ReadResolver,
    description: str,
    *,
    arguments: Mapping[str, Argument] | None = None,
    role: Role | None = None,
    rows: int | None = None,
    test_rows: int = 0,
) -> Any:
    """A field that SQL resolves. `role` is the role that a root field requires; `rows`, the expected length of a plain
    list. `test_rows` are the rows that each test in its arguments costs, if they are made on every record."""
    metadata = {READ: resolver, ROLE: role, EXPECTED_ROWS: rows, ROWS_PER_TEST: test_rows}
    return _field(description, metadata, arguments)


def column(name: str, description: str) -> Any:
    """A field that is a column of the parent's row."""

    def resolver(row: Any, args: Args) -> Expression:
        found: Expression = getattr(row, name)
        return found

    return read(resolver, description)


def to_one(model: type[Any], name: str, description: str) -> Any:
    """A field that is the record of `model` whose id is in a column of the parent's row."""

    def resolver(row: Any, args: Args) -> Rows:
        return rows(model, getattr(row, name))

    return read(resolver, description)


def id_field(noun: str, description: str, *, deprecated: str | None = None) -> Any:
    """A field that is the public id of the parent's record; `deprecated` says what to use instead."""

    def resolver(row: Any, args: Args) -> Expression:
        return typed_id(noun, row.id)

    field = read(resolver, description)
    field.deprecation_reason = deprecated
    return field


def connection(
    resolver: ReadResolver,
    description: str,
    *,
    filters: Mapping[str, Argument] | None = None,
    order: Any = None,
    role: Role | None = None,
    test_rows: int = 0,
) -> Any:
    """A field that is a Relay connection; `order` is the type of its `orderBy`, if it can be sorted.

    `test_rows` are the rows that each test in its filters costs, if they are made on every record.
    """
    arguments = dict(PAGING) | dict(filters or {})
    if order is not None:
        arguments["order_by"] = Argument(order | None, "The field to sort by.")
    return _field(description, {READ: resolver, ROLE: role, ROWS_PER_TEST: test_rows}, arguments)


def change(
    function: Callable[..., Any],
    input: Any,
    description: str,
    *,
    role: Role,
    checks: InputChecks | None = None,
    own_ids: bool = False,
) -> Any:
    """A mutation: `function` makes it in one transaction, with the fields of `input` as its keyword arguments.

    `checks` are what it checks of the fields by themselves, without any record. They are also made when an id is
    invalid, so that the caller learns both at once.

    With `own_ids`, the id of a record that was merged into another does not stand for the other.

    Its published description ends with the role that it requires, so that an app knows what to offer to whom.
    """
    arguments = {"input": Argument(input, "The input of the mutation.")}
    NEEDED[function] = role
    above = "" if role is Role.ADMIN else " or above"
    metadata = {CHANGE: function, CHECKS: checks, OWN_IDS: own_ids, ROLE: role}
    return _field(f"{description} Needs the role {role}{above}.", metadata, arguments)


def events(resolver: ReadResolver, description: str, *, arguments: Mapping[str, Argument], role: Role) -> Any:
    """A subscription, resolved from the event log with the rows that `resolver` selects."""
    return _field(description, {EVENTS: resolver, ROLE: role}, arguments)


def ref(model: type[Any], description: str) -> Any:
    """A payload's field that returns a record of `model`, as it is after the change."""
    return _field(description, {REF: model}, None)


def items(columns: Mapping[str, TypeEngine[Any]], description: str, *, rows: int) -> Any:
    """A payload's list of objects that are built from the change's own values, a row each."""
    return _field(description, {ITEMS: columns, EXPECTED_ROWS: rows}, None)


def outcome(description: str) -> Any:
    """A payload's field whose value the change itself returns."""
    return _field(description, {}, None)


def id_of(prefix: str, description: str, **options: Any) -> Any:
    """An input field that takes the id of a record (or of several) whose ids start with `prefix`."""
    return strawberry.field(description=description, metadata={IDS: prefix}, **options)


def optional(description: str, *, id: str | None = None, name: str | None = None) -> Any:
    """An input field that may be omitted; with `id`, it takes the id of a record of that prefix."""
    metadata = {IDS: id} if id else {}
    return strawberry.field(description=description, name=name, default=strawberry.UNSET, metadata=metadata)
