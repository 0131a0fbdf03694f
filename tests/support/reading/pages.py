"""Sorted lists, pages and cursors in plain Python, as the reference executor has them."""

import base64
import json
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime
from decimal import Decimal
from functools import partial
from typing import Any
from uuid import UUID

from graphql import GraphQLError

from models.rules.sort_key import sort_key
from tests.support.reading.records import Record, instant, shown


class BadArgument(Exception):
    """An argument that is invalid."""


@dataclass(frozen=True)
class Order:
    """What a list can be sorted by, and how the value is written to a cursor and read from it."""

    column: str
    read: Callable[[str], Any] = str
    keyed: bool = False

    def of(self, record: Record) -> Any:
        value = record.row[self.column]
        return sort_key(value) if self.keyed else value

    def text(self, record: Record) -> str | None:
        value = self.of(record)
        if isinstance(value, datetime):
            return instant(value, " ") + "+00"
        return None if value is None else str(shown(value))


def _aware(text: str) -> datetime:
    instant = datetime.fromisoformat(text)
    if instant.tzinfo is None:
        raise ValueError(text)
    return instant.astimezone(UTC)


def _number(text: str) -> Decimal:
    if not re.fullmatch(r"-?\d{1,100}(\.\d{1,100})?", text, re.ASCII):
        raise ValueError(text)
    return Decimal(text)


def _small(text: str) -> int:
    number = _number(text)
    if "." in text or len(text) > 11 or abs(number) > 2**31 - 1:
        raise ValueError(text)
    return int(number)


def _large(text: str) -> int:
    if not re.fullmatch(r"-?\d{1,19}", text, re.ASCII) or not -(2**63) <= int(text) < 2**63:
        raise ValueError(text)
    return int(text)


BY_ID = Order("id")
LEADS = {
    "BOARD": Order("rank"), "CREATED_AT": Order("created_at", _aware),
    "UPDATED_AT": Order("updated_at", _aware), "TITLE": Order("title", keyed=True),
    "VALUE": Order("value", _number), "EXPECTED_CLOSE_DATE": Order("expected_close_date", date.fromisoformat),
    "SCORE": Order("score", _small), "STAGE_ENTERED_AT": Order("stage_entered_at", _aware),
}  # fmt: skip
NULLABLE = {"value", "expected_close_date", "score", "deadline"}
NAMED = {"NAME": Order("name", keyed=True), "CREATED_AT": BY_ID, "UPDATED_AT": Order("updated_at", _aware)}
ORDERS: Mapping[tuple[str, str], tuple[Mapping[str, Order], str, str]] = {
    ("Query", "leads"): (LEADS, "CREATED_AT", "DESC"),
    ("Query", "matchingLeads"): (LEADS, "CREATED_AT", "DESC"),
    ("Stage", "leads"): (LEADS, "BOARD", "ASC"),
    ("Contact", "leads"): (LEADS, "CREATED_AT", "DESC"),
    ("Customer", "leads"): (LEADS, "CREATED_AT", "DESC"),
    ("Customer", "contacts"): (NAMED, "NAME", "ASC"),
    ("Query", "contacts"): (NAMED, "NAME", "ASC"),
    ("Query", "customers"): (NAMED, "NAME", "ASC"),
    ("Query", "members"): ({"NAME": Order("name", keyed=True), "CREATED_AT": BY_ID}, "NAME", "ASC"),
    ("Query", "tasks"): ({"DUE": Order("deadline", _aware), "CREATED_AT": BY_ID}, "DUE", "ASC"),
    ("Lead", "tasks"): ({"DUE": Order("deadline", _aware), "CREATED_AT": BY_ID}, "DUE", "ASC"),
    ("Contact", "tasks"): ({"DUE": Order("deadline", _aware), "CREATED_AT": BY_ID}, "DUE", "ASC"),
    ("Customer", "tasks"): ({"DUE": Order("deadline", _aware), "CREATED_AT": BY_ID}, "DUE", "ASC"),
    ("Task", "blocks"): ({"DUE": Order("deadline", _aware), "CREATED_AT": BY_ID}, "CREATED_AT", "ASC"),
    ("Query", "activities"): ({"OCCURRED_AT": Order("occurred_at", _aware)}, "OCCURRED_AT", "DESC"),
    ("Lead", "activities"): ({"OCCURRED_AT": Order("occurred_at", _aware)}, "OCCURRED_AT", "DESC"),
    ("Query", "runs"): ({"CREATED_AT": BY_ID}, "CREATED_AT", "DESC"),
    ("Query", "forecastSubmissions"): ({"SUBMITTED_AT": BY_ID}, "SUBMITTED_AT", "DESC"),
    ("Query", "changeLog"): ({"NUMBER": Order("number", _large)}, "NUMBER", "DESC"),
    ("Query", "notifications"): ({"NUMBER": Order("number", _large)}, "NUMBER", "DESC"),
    ("Lead", "timeline"): ({"NUMBER": Order("number", _large)}, "NUMBER", "DESC"),
    ("Lead", "stageHistory"): ({"OCCURRED_AT": Order("occurred_at", _aware)}, "OCCURRED_AT", "ASC"),
}
"""Each connection, with its orders and its default order."""


def write_cursor(name: str, order: Order, record: Record) -> str:
    content = json.dumps([name, order.text(record), str(record.row["id"])], ensure_ascii=False)
    return base64.b64encode(content.encode()).decode()


def parse_cursor(value: Any) -> tuple[str, str | None, UUID]:
    """The parts of a cursor: the name of its order, a value as text, and an id."""
    try:
        name, text, id = json.loads(base64.b64decode(value, validate=True))
        if re.fullmatch("[A-Z_]{1,40}", name) and (text is None or (isinstance(text, str) and "\0" not in text)):
            return name, text, UUID(id)
    except (ValueError, TypeError, AttributeError):
        pass
    raise GraphQLError("no cursor")


@dataclass(frozen=True)
class Sorting:
    """An order, with its name and direction, and the places between which a page lies."""

    name: str
    order: Order
    descending: bool
    after: tuple[Any, UUID] | None = None
    before: tuple[Any, UUID] | None = None

    def sorted(self, records: Sequence[Record]) -> list[Record]:
        """Records without a value last, in either direction; ties by id."""
        by_id = sorted(records, key=lambda record: record.row["id"], reverse=self.descending)
        valued = [record for record in by_id if self.order.of(record) is not None]
        valueless = [record for record in by_id if self.order.of(record) is None]
        # Sorting is stable, also in reverse: equal records stay in the order of their ids.
        return sorted(valued, key=self.order.of, reverse=self.descending) + valueless

    def compare(self, record: Record, cursor: tuple[Any, UUID]) -> int:
        """Whether a record lies before the cursor (-1), at it (0), or after it (1)."""
        (value, id), own = cursor, self.order.of(record)
        if (own is None) != (value is None):
            return 1 if own is None else -1
        here, there = (record.row["id"], id) if own == value else (own, value)
        sign = int(here > there) - int(here < there)
        return -sign if self.descending else sign


def sorting(orders: Mapping[str, Order], default: str, direction: str, given: Mapping[str, Any]) -> Sorting:
    """The order that the arguments of a connection give. Raises `BadArgument` for a cursor of another list."""
    asked = given.get("orderBy") or {"field": default, "direction": direction}
    name, order = asked["field"], orders[asked["field"]]

    def place(cursor: tuple[str, str | None, UUID] | None) -> tuple[Any, UUID] | None:
        if cursor is None:
            return None
        belongs, text, id = cursor
        if belongs != name or (text is None and order.column not in NULLABLE):
            raise BadArgument(f"a cursor of {belongs}")
        try:
            # When ids alone decide, the value is not used.
            return (id if order is BY_ID else None if text is None else order.read(text)), id
        except (ValueError, OverflowError) as error:
            raise BadArgument(text) from error

    return Sorting(name, order, asked["direction"] == "DESC", place(given.get("after")), place(given.get("before")))


def counted(there: int, kept: bool, limit: int = 10_000) -> dict[str, Any]:
    """The number of items in a list, up to a limit; one that is kept is exact."""
    if kept or there <= limit:
        return {"count": there, "precision": "EXACT"}
    return {"count": limit, "precision": "AT_LEAST"}


class Page(dict[str, Any]):
    """A connection object."""

    def __init__(self, records: Sequence[Record], given: Mapping[str, Any], kept: bool = False) -> None:
        sorting: Sorting = given["sorting"]
        listed = sorting.sorted(records)
        backward, size = given["backward"], given["size"]
        after, before = sorting.after, sorting.before
        rest = [record for record in listed if after is None or sorting.compare(record, after) == 1]
        rest = [record for record in rest if before is None or sorting.compare(record, before) == -1]
        start = before if backward else after
        passed = start is not None and any(
            sorting.compare(record, start) in ((0, 1) if backward else (0, -1)) for record in listed
        )
        page = rest[max(len(rest) - size, 0) :] if backward else rest[:size]
        cursors = [write_cursor(sorting.name, sorting.order, record) for record in page]
        more = len(rest) > size
        super().__init__(
            edges=[{"cursor": cursor, "node": record} for cursor, record in zip(cursors, page, strict=True)],
            nodes=page,
            totalCount=len(listed),
            count=partial(counted, len(listed), kept),
            pageInfo={
                "hasNextPage": passed if backward else more,
                "hasPreviousPage": more if backward else passed,
                "startCursor": cursors[0] if page else None,
                "endCursor": cursors[-1] if page else None,
            },
        )
