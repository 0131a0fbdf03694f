"""Relay connections by keyset: pages that stay correct under inserts, moves and ties, at any depth, by index walks.

An order is one column, then the id. Its cursor (engine.read.cursors) holds both, and a page holds what comes after (or
before) them. Rows whose column is null come last in either direction, so a nullable column loses no row. Source:
GraphQL Cursor Connections Specification (Relay).
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from sqlalchemy import (
    ARRAY,
    ColumnElement,
    Integer,
    ScalarSelect,
    Text,
    Uuid,
    case,
    cast,
    exists,
    func,
    literal_column,
    or_,
    union_all,
)
from sqlalchemy.dialects.postgresql import aggregate_order_by
from sqlalchemy.types import TypeEngine

from engine.read.cursors import NOT_A_CURSOR
from engine.read.json_text import Expression, json_array, quoted
from engine.read.keyset import beyond, sorted_by
from engine.read.rows import Entity, OfEach, Rows, Source
from engine.read.slots import Args, BadInput, Slot

DEFAULT_SIZE = 20
MAX_SIZE = 100


class Direction(StrEnum):
    """Which end of an order comes first."""

    ASC = "ASC"
    DESC = "DESC"


@dataclass(frozen=True)
class Order:
    """One way to sort: by a column of the rows, then by id. `description` is published where callers can choose it."""

    column: Callable[[Any], Any]
    description: str = ""
    nullable: bool = False


def page_size(count: Any) -> int:
    """Check `first` or `last`: 0 to 100."""
    if not 0 <= count <= MAX_SIZE:
        raise ValueError(f"{count} is out of range. Send 0 to {MAX_SIZE}, and page with a cursor.")
    return int(count)


@dataclass(frozen=True)
class Page:
    """A keyset page of `rows`, and of the rows `beside` them in the same list. `paging.page` creates it from a field's
    arguments.

    Its rows come after the `cursor` in reading order, and before the `bound`.
    `walked` are the same rows as they are best read in their order: by parents that have an index in it, or row by row.
    `kept` is how many rows the list holds, where that need not be counted.
    """

    rows: Rows
    order: Order
    name: str
    direction: Direction
    size: Expression
    backward: bool
    cursor: Slot | None
    bound: Slot | None = None
    beside: Rows | None = None
    walked: Rows | None = None
    kept: Expression | None = None

    def opened(self, lookahead: bool) -> "OpenPage":
        """The page as a source of rows; `lookahead` reads one row more, to know whether there is another page."""
        limit = self.size + literal_column("1") if lookahead else self.size
        read = self._together([run.limited(limit) for run in self._runs(self.backward)]).limited(limit)
        picked = read.select()
        numbered = lookahead or self.backward
        if numbered:
            picked = picked.add_columns(func.row_number().over(order_by=read.order).label("nth"))
        entity = Entity(self.rows.model, picked.subquery())
        return OpenPage(self, entity, entity.column("nth", Integer()) if numbered else None)

    def passed(self) -> ColumnElement[bool]:
        """Whether there are rows at the end that the page does not read towards: the cursor's own, or any beyond it."""
        if self.cursor is None:
            return literal_column("false")
        return or_(
            *(
                exists(run.ordered().select(literal_column("1")))
                for run in self._runs(not self.backward, inclusive=True)
            )
        )

    def _runs(self, backward: bool, *, inclusive: bool = False) -> list[Rows]:
        """The rows beyond the cursor in reading order, in runs, each of them one walk along an index."""
        parts = [self.walked or self.rows, *([] if self.beside is None else [self.beside])]
        return [run for part in parts for run in self._runs_of(part, backward, inclusive)]

    def _runs_of(self, part: Rows, backward: bool, inclusive: bool) -> list[Rows]:
        """One or two runs: rows without a value come last in the list, and are a run of their own, sorted by id."""
        column, key = self.order.column(part.entity), part.entity.id
        columns = (key,) if column is key else (column, key)
        runs = [(part, columns)]
        if self.order.nullable:
            runs = [(part.where(column.is_not(None)), columns), (part.where(column.is_(None)), (key,))]
        ascending = self._ascending(backward)
        at = len(runs) - 1 if backward else 0
        if self.cursor is not None:
            at = self._place(self.cursor)
            rows, compared = runs[at]
            runs[at] = rows.where(beyond(self.cursor, compared, ascending, inclusive)), compared
        read = runs[at::-1] if backward else runs[at:]
        if self.bound is not None and backward == self.backward:
            to = self._place(self.bound)
            rows, compared = runs[to]
            runs[to] = rows.where(beyond(self.bound, compared, not ascending)), compared
            between = range(at, to - 1, -1) if backward else range(at, to + 1)
            read = [runs[place] for place in between] or [(part.where(literal_column("false")), columns)]
        # Rows without a value are sorted by it all the same: that names the index that has them together.
        return [rows.ordered(*sorted_by(columns, ascending)) for rows, _ in read]

    def _ascending(self, backward: bool) -> bool:
        return (self.direction is Direction.ASC) != backward

    def _place(self, cursor: Slot) -> int:
        """The run of the cursor: 0, or 1 among the rows without a value."""
        order, is_null = cursor.shape
        if order != self.name:
            raise BadInput.at(
                cursor.name,
                f"this cursor belongs to the order {order}, not to {self.name}."
                " Keep orderBy the same while paging, or start without a cursor.",
            )
        if is_null and not self.order.nullable:
            raise BadInput.at(cursor.name, NOT_A_CURSOR)
        return int(is_null)

    def _together(self, runs: list[Rows]) -> Rows:
        """The runs as one source of rows, in reading order."""
        if len(runs) == 1 and not isinstance(runs[0], OfEach):
            return runs[0]
        found = [run.select() for run in runs]
        entity = Entity(self.rows.model, (union_all(*found) if len(found) > 1 else found[0]).subquery())
        column = self.order.column(entity)
        valueless = column.is_(None)
        order = sorted_by((column, entity.id), self._ascending(self.backward))
        return Rows(self.rows.model, entity, (), (valueless.desc() if self.backward else valueless.asc(), *order))


@dataclass(frozen=True)
class OpenPage:
    """The rows of a page inside a statement: `entity` holds their columns, and `nth` numbers them in reading order.

    `nth` exists when one more row than requested is read, or when the list is read from its end.
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
        column, id = self.page.order.column(self.entity), self.entity.id
        values, ids = self._listed(cast(column, Text), Text()), self._listed(id, Uuid())
        at = func.cardinality(ids) if last else literal_column("1")
        return case((ids.is_not(None), self._cursor(values[at], ids[at])))

    def _listed(self, value: Expression, type_: TypeEngine[Any]) -> Any:
        """`value` for each row of the page as an SQL array, in the list's order.

        If one aggregate has an order, the others need the same one: PostgreSQL sorts the rows for all of them.
        """
        order = aggregate_order_by(value, self.nth.desc()) if self.page.backward else value
        return func.array_agg(order, type_=ARRAY(type_)).filter(self.nth <= self.page.size)

    def more(self, forward: bool) -> Expression:
        """Whether there are rows beyond the page at this end."""
        return func.count() > self.page.size if forward != self.page.backward else self.page.passed()

    def json(self, build: Callable[[Source], Expression]) -> ScalarSelect[Any]:
        """The connection object as a subquery over the page's rows: one object, whatever its fields."""
        source = Source(self.entity)
        # HAVING makes it an aggregate even without any aggregate function; PostgreSQL then does not read the rows at
        # all.
        return source.select(build(source.at(self))).having(literal_column("true")).scalar_subquery()


@dataclass(frozen=True)
class Each:
    """An object for each row of a page, built from `row`: the page's entity, or the page itself for an edge."""

    page: OpenPage
    row: Any


def page(rows: Rows, args: Args, orders: Mapping[str, Order], default: tuple[str, Direction], **more: Any) -> Page:
    """The page of `rows` that the arguments select; `more`: `beside`, `walked`, `kept`.

    It is read from the start of what lies between the cursors, or with `last`, or with `before` alone, from the end.
    """
    first, after, last, before = (args.get(name) for name in ("first", "after", "last", "before"))
    if first is not None and last is not None:
        raise BadInput("Send first or last, not both.", "last")
    chosen = args.get("order_by")
    name, direction = (chosen["field"].name, Direction(chosen["direction"])) if chosen else default
    backward = last is not None or (before is not None and first is None and after is None)
    asked = last if backward else first
    size = literal_column(str(DEFAULT_SIZE)) if asked is None else asked.bind(Integer(), page_size)
    cursor, bound = (before, after) if backward else (after, before)
    return Page(rows, orders[name], name, direction, size, backward, cursor, bound, **more)
