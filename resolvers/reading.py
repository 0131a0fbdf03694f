"""The algebra of reads: which rows a field stands for, and how rows become JSON inside PostgreSQL.

A read resolver is a function `(row, args) -> Read` that runs once, when an operation is compiled, not once per row:
`row` is the SQL alias of the parent, and what it returns is SQL.

    an SQL expression   a leaf, such as a column
    Rows                records of one table, in the caller's organisation: a to-one or a to-many
    Page                a keyset page of such records (resolvers.paging)
    Same                an object made from the parent's own row
"""

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Self, TypeVar

from sqlalchemy import (
    JSON,
    ColumnElement,
    Numeric,
    ScalarSelect,
    Select,
    Text,
    Uuid,
    bindparam,
    cast,
    func,
    literal_column,
    select,
)
from sqlalchemy.orm import aliased
from sqlalchemy.types import TypeEngine

Expression = ColumnElement[Any]
T = TypeVar("T")

ORG = bindparam("org_id", type_=Uuid())
"""The caller's organisation. Every row that is read is compared with it by `rows`, the one doorway."""

SUBJECT = bindparam("subject", type_=Text())
"""The `sub` claim of the caller's token."""

ROLE = bindparam("role", type_=Text())
"""The caller's role."""

ORGANISATION = bindparam("organisation", type_=Text())
"""The key of the caller's organisation."""

_NAME = re.compile(r"[_A-Za-z0-9.]+", re.ASCII)

EMPTY_ARRAY: Expression = literal_column("'[]'::json")

MAX_PAIRS = 50
"""A PostgreSQL function takes at most 100 arguments, so `json_build_object` at most 50 pairs."""


class BadInput(Exception):
    """A value of the caller's that cannot be used. The message says what to do; the path names the argument."""

    def __init__(self, message: str) -> None:
        super().__init__(message)
        self.message = message


@dataclass(frozen=True)
class Slot:
    """The place of a scalar argument in a compiled read: the value comes later, with each execution.

    A resolver can bind it into SQL, but not look at it; so a statement never depends on a value. What may change the
    SQL's shape (null or not, enum values, booleans, the order a cursor belongs to) is known when it is compiled.
    """

    name: str
    get: Callable[[Mapping[str, Any]], Any]
    register: Callable[[Callable[[Mapping[str, Any]], Any]], str]
    shape: Any = None

    def bind(self, type_: TypeEngine[Any], parse: Callable[[Any], Any] | None = None) -> Expression:
        """A bound parameter. `parse` turns the argument into what asyncpg wants; it may raise `BadInput`."""
        get = self.get

        def value(variables: Mapping[str, Any]) -> Any:
            found = get(variables)
            try:
                return found if parse is None else parse(found)
            except ValueError as error:
                raise BadInput(f"{self.name}: {error}") from error

        return bindparam(self.register(value), type_=type_)


Args = Mapping[str, Any]
"""The arguments of a field, as given: scalars as `Slot`s, enums and booleans as they are, inputs as mappings."""


@dataclass(frozen=True)
class Rows:
    """Rows of one table that a field stands for; made by `rows`, so that they are of one organisation."""

    model: type[Any]
    entity: Any
    conditions: tuple[ColumnElement[bool], ...]
    order: tuple[Expression, ...] = ()
    size: Expression | None = None

    def where(self, *conditions: ColumnElement[bool]) -> Self:
        """Fewer rows."""
        return replace(self, conditions=self.conditions + conditions)

    def ordered(self, *order: Expression) -> Self:
        """In this order."""
        return replace(self, order=order)

    def limited(self, size: Expression) -> Self:
        """At most so many."""
        return replace(self, size=size)

    def first(self) -> Self:
        """The first in order."""
        return self.limited(literal_column("1"))

    def select(self, *columns: Any) -> Select[Any]:
        """The rows as a plain select of `columns`, or of everything."""
        chosen = select(*columns) if columns else select(self.entity)
        return (
            chosen.select_from(self.entity)
            .where(*self.conditions)
            .order_by(*self.order)
            .limit(self.size)
            .correlate_except(self.entity)
        )

    def value(self, column: Callable[[Any], Any]) -> Expression:
        """One column of the one row."""
        return self.select(column(self.entity)).scalar_subquery()

    def picked(self) -> "Rows":
        """The same rows, chosen first and read from afterwards.

        JSON built below a sort is built for every candidate; so the rows are picked in a subquery that walks the index.
        """
        if not self.order:
            return self
        chosen = aliased(self.model, self.select().subquery())
        return Rows(self.model, chosen, ())

    def json_one(self, build: Callable[[Any], Expression]) -> ScalarSelect[Any]:
        """A JSON object built over the one row, or null."""
        chosen = self.picked()
        return chosen.select(build(chosen.entity)).scalar_subquery()

    def json_list(self, build: Callable[[Any], Expression]) -> ScalarSelect[Any]:
        """A JSON array of an object per row, in order."""
        chosen = self.picked()
        return chosen.select(json_array(build(chosen.entity))).scalar_subquery()


@dataclass(frozen=True)
class Same:
    """An object made from the parent's own row; at the root, from none."""

    row: Any


def rows(model: type[Any], id: Expression | None = None) -> Rows:
    """The doorway of every read: the rows of `model` that belong to the caller's organisation (and have this id)."""
    entity = aliased(model)
    found = Rows(model, entity, (entity.org_id == ORG,))
    return found if id is None else found.where(entity.id == id)


def json_array(item: Expression) -> Expression:
    """A JSON array of `item` over the rows, empty rather than null."""
    return func.coalesce(func.json_agg(item), EMPTY_ARRAY)


def quoted(name: str) -> Expression:
    """A constant text inside the SQL. Only for names of our own or GraphQL names, which cannot hold a quote."""
    if not _NAME.fullmatch(name):
        raise ValueError(name)
    return literal_column(f"'{name}'", Text())


def json_object(pairs: Sequence[tuple[str, Expression]]) -> Expression:
    """A JSON object with these keys, in this order."""
    if len(pairs) <= MAX_PAIRS:
        return func.json_build_object(*(part for key, value in pairs for part in (quoted(key), as_json(value))))
    half = cast(json_object(pairs[:MAX_PAIRS]), Text)
    rest = cast(json_object(pairs[MAX_PAIRS:]), Text)
    return cast(func.concat(func.left(half, -1), literal_column("','"), func.substr(rest, 2)), JSON)


def as_json(value: Expression) -> Expression:
    """`value` as JSON wants it: decimals travel as strings, so that no client reads them as floats."""
    return cast(value, Text) if isinstance(value.type, Numeric) and value.type.asdecimal else value


def typed_id(prefix: str, id: Expression) -> Expression:
    """The public id of a record, or null."""
    return literal_column(f"'{prefix}_'", Text()).concat(cast(id, Text))
