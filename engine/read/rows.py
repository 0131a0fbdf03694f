"""The algebra of reads: which rows a field selects, and how rows become JSON inside PostgreSQL.

A read resolver is a function `(row, args) -> Read` that runs once, when an operation is compiled, not once per row:
`row` is the SQL alias of the parent, and what it returns is SQL.

    an SQL expression   a leaf, such as a column
    Rows                records of one table, in the caller's organisation: a to-one or a to-many
    Page                a keyset page of such records (engine.read.paging)
    Same                an object made from the parent's own row
"""

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from functools import reduce
from typing import Any, Self

from sqlalchemy import (
    Boolean,
    ColumnElement,
    FromClause,
    ScalarSelect,
    Select,
    Text,
    Uuid,
    bindparam,
    case,
    column,
    func,
    literal_column,
    outerjoin,
    select,
)
from sqlalchemy.types import TypeEngine

from engine.read.json_text import NULL, Expression, json_array

ORG = bindparam("org_id", type_=Uuid())
"""The caller's organisation. `rows`, the only way to read a table, compares every row with it."""

SUBJECT = bindparam("subject", type_=Text())
"""The `sub` claim of the caller's token."""

ROLE = bindparam("role", type_=Text())
"""The caller's role."""

ORGANISATION = bindparam("organisation", type_=Text())
"""The key of the caller's organisation."""

SENDS_MAIL = bindparam("sends_mail", type_=Boolean())
"""Whether this server sends mail."""


class Entity:
    """Rows of a table, as they are or picked by a subquery, under a name of their own; its attributes are columns. `id`
    is the column that the model has as its `identity`.

    An alias of a mapped class would do the same, but it creates an object for every column of the table each time, and
    a statement took ten times as long to build.
    """

    def __init__(self, model: type[Any], clause: FromClause | None = None) -> None:
        self.model = model
        self.clause = model.__table__.alias() if clause is None else clause

    def __getattr__(self, name: str) -> Expression:
        stored = self.model.__table__.columns.get(name if name != "id" else self.model.identity)
        if stored is None:
            raise AttributeError(name)
        found = self.column(stored.name, stored.type)
        setattr(self, name, found)
        return found

    def column(self, name: str, type_: TypeEngine[Any] | None = None, *, literal: bool = False) -> Expression:
        """A column that the table need not have; with `literal`, anything that may follow the name's dot."""
        found: Any = column(name, type_, is_literal=literal)
        found.table = self.clause
        return found  # type: ignore[no-any-return]

    def __clause_element__(self) -> FromClause:
        return self.clause


@dataclass(frozen=True)
class Rows:
    """Rows of one table that a field selects; `rows` creates them, so that they belong to one organisation."""

    model: type[Any]
    entity: Any
    conditions: tuple[ColumnElement[bool], ...]
    order: tuple[Expression, ...] = ()
    size: Expression | None = None

    def where(self, *conditions: ColumnElement[bool]) -> Self:
        """The rows that also meet these conditions."""
        return replace(self, conditions=self.conditions + conditions)

    def ordered(self, *order: Expression) -> Self:
        """The rows in this order."""
        return replace(self, order=order)

    def limited(self, size: Expression) -> Self:
        """At most so many rows."""
        return replace(self, size=size)

    def first(self) -> Self:
        """The first row in this order."""
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
        """One column of the single row."""
        return self.select(column(self.entity)).scalar_subquery()

    def picked(self) -> "Rows":
        """The same rows, chosen first and read afterwards.

        JSON built below a sort is built for every candidate, so a subquery that walks the index picks the rows first.
        """
        if not self.order:
            return self
        chosen = Entity(self.model, self.select().subquery())
        return Rows(self.model, chosen, ())

    def json_one(self, build: Callable[["Source"], Expression], beside: "Source") -> Expression:
        """A JSON object built over the single row, or null; the row is joined to its parent's source.

        A join costs half as much as a subquery for each row, and reads a row that several others name only once.
        """
        if beside.joined is None:
            return func.coalesce(self.json_or_nothing(build), NULL)
        row = Entity(self.model, self.first().select().lateral())
        beside.joined.append(row)
        return case((row.org_id.is_(None), NULL), else_=build(beside.at(row)))

    def json_or_nothing(self, build: Callable[["Source"], Expression]) -> ScalarSelect[Any]:
        """A JSON object built over the single row, or SQL's NULL."""
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
class OfEach(Rows):
    """Rows of several parents: of each parent the first ones in order, so that an index is walked for each of them.

    Together in one condition, they would be sorted anew for every page. `parents` is a FROM clause, whose rows the
    conditions name.
    """

    parents: Any = None

    def select(self, *columns: Any) -> Select[Any]:
        """For each parent its rows, in no order between parents."""
        top = super().select(*columns).lateral()
        chosen = select(Entity(self.model, top).column("*", literal=True))
        joined = self.parents.join(top, literal_column("true"))
        return chosen.select_from(joined).correlate_except(self.parents, top)


@dataclass(frozen=True)
class Source:
    """What objects are built from: `row`, whose columns are read, and the to-one records that are joined to it.

    At the root there is no row, and nothing to join to.
    """

    row: Any
    joined: list[Any] | None = field(default_factory=list)

    def at(self, row: Any) -> "Source":
        """The same source with another of its rows."""
        return replace(self, row=row)

    def select(self, *columns: Any) -> Select[Any]:
        """`columns` over the rows. All joins must be known by now, so build the columns first.

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
    """The only way to read a table: the rows of `model` that belong to the caller's organisation (and have this id)."""
    entity = Entity(model)
    found = Rows(model, entity, (entity.org_id == ORG,))
    return found if id is None else found.where(entity.id == id)
