"""The algebra of reads: which rows a field stands for, and how rows become JSON inside PostgreSQL.

A read resolver is a function `(row, args) -> Read` that runs once, when an operation is compiled, not once per row:
`row` is the SQL alias of the parent, and what it returns is SQL.

    an SQL expression   a leaf, such as a column
    Rows                records of one table, in the caller's organisation: a to-one or a to-many
    Page                a keyset page of such records (engine.read.paging)
    Same                an object made from the parent's own row
"""

import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import reduce
from typing import Any, Self, TypeVar

from sqlalchemy import (
    JSON,
    Boolean,
    ColumnElement,
    FromClause,
    Integer,
    Numeric,
    ScalarSelect,
    Select,
    Text,
    Uuid,
    bindparam,
    case,
    cast,
    column,
    func,
    literal_column,
    outerjoin,
    select,
)
from sqlalchemy.dialects.postgresql import aggregate_order_by
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

NULL: Expression = literal_column("'null'", Text())
"""JSON's null."""

MAX_ARGUMENTS = 100
"""A PostgreSQL function takes no more, `concat` neither."""


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


class Entity:
    """Rows of a table, as they are or picked by a subquery, under a name of their own; its attributes are columns.

    An alias of a mapped class would do the same, but it makes an object for every column of the table each time, and
    a statement took ten times as long to build.
    """

    def __init__(self, model: type[Any], clause: FromClause | None = None) -> None:
        self.model = model
        self.clause = model.__table__.alias() if clause is None else clause

    def __getattr__(self, name: str) -> Expression:
        stored = self.model.__table__.columns.get(name)
        if stored is None:
            raise AttributeError(name)
        found = self.column(name, stored.type)
        setattr(self, name, found)
        return found

    def column(self, name: str, type_: TypeEngine[Any] | None = None, *, literal: bool = False) -> Expression:
        """A column that the table need not have; with `literal`, anything that may stand after the name's dot."""
        found: Any = column(name, type_, is_literal=literal)
        found.table = self.clause
        return found  # type: ignore[no-any-return]

    def __clause_element__(self) -> FromClause:
        return self.clause


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
        chosen = select(*columns) if columns else select(self.entity.column("*", literal=True))
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
        chosen = Entity(self.model, self.select().subquery())
        return Rows(self.model, chosen, ())

    def json_one(self, build: Callable[["Source"], Expression], beside: "Source") -> Expression:
        """A JSON object built over the one row, or null; the row is joined to the source that it stands beside.

        A join costs half of a subquery for each row, and what several rows point at is read only once.
        """
        if beside.joined is None:
            return func.coalesce(self.json_or_nothing(build), NULL)
        row = Entity(self.model, self.first().select().lateral())
        beside.joined.append(row)
        return case((row.org_id.is_(None), NULL), else_=build(beside.at(row)))

    def json_or_nothing(self, build: Callable[["Source"], Expression]) -> ScalarSelect[Any]:
        """A JSON object built over the one row, or SQL's NULL."""
        return self._built(build, lambda item: item)

    def json_list(self, build: Callable[["Source"], Expression]) -> ScalarSelect[Any]:
        """A JSON array of an object per row, in order."""
        return self._built(build, json_array)

    def _built(
        self, build: Callable[["Source"], Expression], shape: Callable[[Expression], Expression]
    ) -> ScalarSelect[Any]:
        chosen = self.picked()
        source = Source(chosen.entity)
        return source.select(shape(build(source))).where(*chosen.conditions).scalar_subquery()


@dataclass(frozen=True)
class Source:
    """What objects are made from: `row`, to read columns from, and the to-one records that were joined to it.

    At the root there is no row, and nothing to join to.
    """

    row: Any
    joined: list[Any] | None = field(default_factory=list)

    def at(self, row: Any) -> "Source":
        """The same, read from another row of it."""
        return replace(self, row=row)

    def select(self, *columns: Any) -> Select[Any]:
        """`columns` over the rows. Everything that is joined must be known by now, so build the columns first.

        Each join is a LATERAL of at most one row, so it is a nested loop, which keeps the rows and their order.
        """
        joined = self.joined or []
        tables = reduce(lambda left, right: outerjoin(left, right, literal_column("true")), joined, self.row)
        return select(*columns).select_from(tables).correlate_except(self.row, *joined)


ROOT = Source(None, None)
"""Where an operation starts."""


@dataclass(frozen=True)
class Same:
    """An object made from the parent's own row; at the root, from none."""

    row: Any


def rows(model: type[Any], id: Expression | None = None) -> Rows:
    """The doorway of every read: the rows of `model` that belong to the caller's organisation (and have this id)."""
    entity = Entity(model)
    found = Rows(model, entity, (entity.org_id == ORG,))
    return found if id is None else found.where(entity.id == id)


def json_array(item: Expression, order: Expression | None = None, only: Expression | None = None) -> Expression:
    """A JSON array of `item` over the rows: as they come, or in this order; of all, or of `only` some."""
    comma: Any = literal_column("','")
    items: Any = func.string_agg(item, comma if order is None else aggregate_order_by(comma, order))
    return func.concat(
        literal_column("'['"), items if only is None else items.filter(only), literal_column("']'"), type_=Text()
    )


def quoted(name: str) -> Expression:
    """A constant text inside the SQL. Only for names of our own or GraphQL names, which cannot hold a quote."""
    if not _NAME.fullmatch(name):
        raise ValueError(name)
    return literal_column(f"'{name}'", Text())


def json_object(pairs: Sequence[tuple[str, Expression]]) -> Expression:
    """A JSON object with these keys and JSON values, in this order.

    JSON is put together as text: `json_build_object` looks up the type of every value for every row, which takes as
    long again as finding the rows.
    """
    if not pairs:
        return literal_column("'{}'", Text())
    texts = [part for nth, (key, value) in enumerate(pairs) for part in (_key(key, nth == 0), value)]
    return concatenated([*texts, literal_column("'}'")])


def concatenated(texts: Sequence[Expression]) -> Expression:
    """Texts put together; null is empty, and so is nothing."""
    if not texts:
        return literal_column("''", Text())
    parts = [func.concat(*texts[at : at + MAX_ARGUMENTS], type_=Text()) for at in range(0, len(texts), MAX_ARGUMENTS)]
    return parts[0] if len(parts) == 1 else concatenated(parts)


def json_member(name: str) -> Expression:
    """The key of a member that others stand before."""
    return _key(name, first=False)


def _key(name: str, first: bool) -> Expression:
    quoted(name)  # refuses what could end the text
    return literal_column(f"""'{"{" if first else ","}"{name}":'""", Text())


def json_value(value: Expression, plain: bool = False) -> Expression:
    """A scalar as JSON. `plain` says that it holds nothing that JSON would escape.

    Decimals travel as strings, so that no client reads them as floats.
    """
    text: Expression = cast(value, Text)
    if (isinstance(value.type, Numeric) and value.type.asdecimal) or plain:
        text = literal_column("'\"'").concat(text).concat(literal_column("'\"'"))
    elif not isinstance(value.type, Integer | Boolean | JSON):
        text = cast(func.to_json(value), Text)
    return func.coalesce(text, NULL)


def among(value: Expression, names: Iterable[str]) -> ColumnElement[bool]:
    """Whether a value is one of these constants; none is among nothing."""
    texts = [quoted(name) for name in names]
    return value.in_(texts) if texts else literal_column("false")


def typed_id(prefix: str, id: Expression) -> Expression:
    """The public id of a record, or null."""
    return literal_column(f"'{prefix}_'", Text()).concat(cast(id, Text))
