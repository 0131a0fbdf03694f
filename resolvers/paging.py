"""Relay connections by keyset: pages that stay right under inserts, moves and ties, at any depth, in one index walk.

An order is one column, then the id. Its cursor holds both, and the order it belongs to; a page is what comes after
(or before) them. Rows whose column is null come last in either direction, so a nullable column loses no row.
Source: GraphQL Cursor Connections Specification (Relay).
"""

from base64 import b64decode
from binascii import Error as Base64Error
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from enum import StrEnum
from typing import Any
from uuid import UUID

import orjson
from sqlalchemy import (
    ARRAY,
    ColumnElement,
    Date,
    DateTime,
    Integer,
    Numeric,
    ScalarSelect,
    Text,
    Uuid,
    and_,
    case,
    cast,
    func,
    literal_column,
    or_,
    tuple_,
)
from sqlalchemy.orm import aliased
from sqlalchemy.types import TypeEngine

from resolvers.reading import Args, BadInput, Expression, Rows, Slot, Source, json_array, quoted

DEFAULT_SIZE = 20
MAX_SIZE = 100


class Direction(StrEnum):
    """Which end of an order comes first."""

    ASC = "ASC"
    DESC = "DESC"


@dataclass(frozen=True)
class Order:
    """One way to sort: by a column of the rows, then by id."""

    column: Callable[[Any], Any]
    nullable: bool = False


@dataclass(frozen=True)
class Cursor:
    """A place in an ordered list: the order it belongs to, the column's value there (as text, or null), and the id."""

    order: str
    value: str | None
    id: UUID

    @property
    def shape(self) -> tuple[str, bool]:
        """What of it changes the SQL: the order, and whether the value is null."""
        return self.order, self.value is None

    @classmethod
    def parse(cls, text: str) -> "Cursor":
        """Read a cursor as a client sends it back. Raises `ValueError` when it is none of ours."""
        try:
            order, value, id = orjson.loads(b64decode(text, validate=True))
            if isinstance(order, str) and isinstance(value, str | None) and "\0" not in (value or ""):
                return cls(order, value, UUID(id))
        except (Base64Error, ValueError, TypeError, AttributeError):
            pass
        raise ValueError("this is not a cursor of this list. Send a cursor exactly as it came, or leave it out.")


def _parser(type_: TypeEngine[Any]) -> Callable[[str], Any]:
    """From the text in a cursor to what asyncpg binds for a column of this type."""
    if isinstance(type_, DateTime):
        return datetime.fromisoformat
    if isinstance(type_, Date):
        return date.fromisoformat
    if isinstance(type_, Integer):
        return int
    if isinstance(type_, Numeric):
        return Decimal
    return UUID if isinstance(type_, Uuid) else str


def page_size(count: Any) -> int:
    """Check `first` or `last`: 1 to 100."""
    if not 1 <= count <= MAX_SIZE:
        raise ValueError(f"{count} is out of range. Ask for 1 to {MAX_SIZE} and page with a cursor.")
    return int(count)


@dataclass(frozen=True)
class Page:
    """A keyset page of `rows`. `paging.page` makes it from a field's arguments."""

    rows: Rows
    order: Order
    name: str
    direction: Direction
    size: Expression
    backward: bool
    cursor: Slot | None

    def opened(self, lookahead: bool) -> "OpenPage":
        """The page as a source of rows; with `lookahead`, one row more is read, to know if there is another page."""
        ordering = self._ordering(self.rows.entity, (self.direction is Direction.ASC) != self.backward)
        beyond = self._beyond((self.direction is Direction.ASC) != self.backward)
        limit = self.size + literal_column("1") if lookahead else self.size
        picked = self.rows.where(*beyond).ordered(*ordering).limited(limit).select()
        numbered = lookahead or self.backward
        if numbered:
            picked = picked.add_columns(func.row_number().over(order_by=ordering).label("nth"))
        source = picked.subquery()
        return OpenPage(self, aliased(self.rows.model, source), source.c.nth if numbered else None)

    def _ordering(self, entity: Any, ascending: bool) -> tuple[Expression, ...]:
        column, id = self.order.column(entity), entity.id
        if column is id:
            return (id.asc() if ascending else id.desc(),)
        if not self.order.nullable:
            return (column.asc(), id.asc()) if ascending else (column.desc(), id.desc())
        nulls_last = not self.backward
        first = column.asc() if ascending else column.desc()
        return (first.nulls_last() if nulls_last else first.nulls_first(), id.asc() if ascending else id.desc())

    def _beyond(self, ascending: bool) -> tuple[ColumnElement[bool], ...]:
        """The keyset condition: strictly beyond the cursor, in the direction that the page is read."""
        if self.cursor is None:
            return ()
        order, is_null = self.cursor.shape
        if order != self.name:
            raise BadInput(
                f"{self.cursor.name}: this cursor belongs to the order {order}, not to {self.name}, which is asked for."
                " Keep orderBy the same while paging, or start without a cursor."
            )
        column, key = self.order.column(self.rows.entity), self.rows.entity.id
        id = self.cursor.bind(Uuid(), lambda cursor: cursor.id)
        beyond_id = key > id if ascending else key < id
        if column is key:
            return (beyond_id,)
        if is_null:
            tied = and_(column.is_(None), beyond_id)
            return (or_(tied, column.is_not(None)) if self.backward else tied,)
        parse = _parser(column.type)
        value = self.cursor.bind(column.type, lambda cursor: _read(parse, cursor.value))
        if not self.order.nullable:
            here, there = tuple_(column, key), tuple_(value, id)
            return (here > there if ascending else here < there,)
        beyond = or_(column > value if ascending else column < value, and_(column == value, beyond_id))
        return (beyond,) if self.backward else (or_(beyond, column.is_(None)),)


def _read(parse: Callable[[str], Any], text: str) -> Any:
    try:
        return parse(text)
    except (ValueError, ArithmeticError) as error:
        raise ValueError("this is not a cursor of this list. Send a cursor exactly as it came.") from error


@dataclass(frozen=True)
class OpenPage:
    """The rows of a page inside a statement: `entity` to read their columns from, `nth` numbers them as they are read.

    `nth` is there when one row more than asked for is read, or when the list is read from its end.
    """

    page: Page
    entity: Any
    nth: Any

    def collect(self, item: Expression) -> Expression:
        """A JSON array of `item` for each row of the page, in the list's order."""
        if self.nth is None:
            return json_array(item)
        order = self.nth.desc() if self.page.backward else None
        return json_array(item, order, self.nth <= self.page.size)

    @property
    def cursor(self) -> ColumnElement[str]:
        """The cursor of a row: base64 of a JSON array of the order, the column's text and the id."""
        return self._cursor(cast(self.page.order.column(self.entity), Text), self.entity.id)

    def _cursor(self, value: Expression, id: Expression) -> ColumnElement[str]:
        content = cast(func.json_build_array(quoted(self.page.name), value, id), Text)
        encoded = func.encode(func.convert_to(content, quoted("UTF8")), quoted("base64"))
        return func.translate(encoded, literal_column("E'\\n'"), literal_column("''"), type_=Text())

    def edge_cursor(self, last: bool) -> Expression:
        """The cursor of the first or the last row of the page, or null when it is empty."""
        read_first = last == self.page.backward
        at = literal_column("1") if read_first else cast(func.least(func.count(), self.page.size), Integer)
        values: Any = func.array_agg(cast(self.page.order.column(self.entity), Text), type_=ARRAY(Text()))
        ids: Any = func.array_agg(self.entity.id, type_=ARRAY(Uuid()))
        return case((func.count() > literal_column("0"), self._cursor(values[at], ids[at])))

    def more(self, forward: bool) -> Expression:
        """Whether there are rows beyond the page at this end.

        At the end that the page was not read towards, a row is known to be there when a cursor was given.
        """
        if forward != self.page.backward:
            return func.count() > self.page.size
        return literal_column("true" if self.page.cursor is not None else "false")

    @property
    def total(self) -> Expression:
        """How many rows there are on all pages together."""
        rows = self.page.rows
        return rows.select(func.count()).scalar_subquery()

    def json(self, build: Callable[[Source], Expression]) -> ScalarSelect[Any]:
        """The connection object as a subquery over the page's rows: one object, whatever it is made of."""
        source = Source(self.entity)
        # HAVING makes it an aggregate even where nothing is aggregated; PostgreSQL then does not read the rows at all.
        return source.select(build(source.at(self))).having(literal_column("true")).scalar_subquery()


@dataclass(frozen=True)
class Each:
    """An object for each row of a page, made from `row`: the page's entity, or the page itself for an edge."""

    page: OpenPage
    row: Any


def page(rows: Rows, args: Args, orders: Mapping[str, Order], default: tuple[str, Direction]) -> Page:
    """The page of `rows` that the arguments `first`/`after` or `last`/`before` and `order_by` ask for."""
    first, after, last, before = (args.get(name) for name in ("first", "after", "last", "before"))
    if (first is not None or after is not None) and (last is not None or before is not None):
        raise BadInput("Ask for first and after, or for last and before, not for both.")
    chosen = args.get("order_by")
    name, direction = (chosen["field"].name, Direction(chosen["direction"])) if chosen else default
    backward = last is not None or before is not None
    asked = last if backward else first
    size = literal_column(str(DEFAULT_SIZE)) if asked is None else asked.bind(Integer(), page_size)
    return Page(rows, orders[name], name, direction, size, backward, before if backward else after)
