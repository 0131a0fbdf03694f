"""Scalars that accept exactly what their standard allows, and not what Python accepts beyond it."""

import re
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any, NewType

import strawberry
from graphql import GraphQLError

from engine.read.cursors import Cursor as PageCursor

_DECIMAL = re.compile(r"-?(0|[1-9][0-9]{0,17})(\.[0-9]{1,6})?", re.ASCII)
_DATE = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}", re.ASCII)
_INSTANT = re.compile(
    r"([0-9]{4}-[0-9]{2}-[0-9]{2}[Tt][0-9]{2}:[0-9]{2}:)([0-9]{2})(\.[0-9]{1,9})?([Zz]|[+-][0-9]{2}:[0-9]{2})",
    re.ASCII,
)


def parse_decimal(value: Any) -> Decimal:
    """A decimal written as a string (`"1054.00"`) or a whole number. Floats are refused, because they are not exact."""
    if isinstance(value, int) and not isinstance(value, bool) and abs(value) < 10**18:
        return Decimal(value)
    if isinstance(value, str) and _DECIMAL.fullmatch(value):
        return Decimal(value)
    raise GraphQLError(
        f"{_shown(value)} is not a decimal. Send a string of up to 18 digits before the point and 6 after it,"
        ' such as "1054.00".'
    )


def parse_date(value: Any) -> date:
    """A calendar date, `YYYY-MM-DD`. Source: RFC 3339, full-date."""
    if isinstance(value, str) and _DATE.fullmatch(value):
        try:
            return date.fromisoformat(value)
        except ValueError:
            pass
    raise GraphQLError(f'{_shown(value)} is not a date. Send a real day as YYYY-MM-DD, such as "2026-11-23".')


def parse_instant(value: Any) -> datetime:
    """An instant with its offset; without an offset it is refused, because it would be ambiguous. Source: RFC 3339.

    Digits beyond microseconds are cut off. A leap second, `23:59:60Z` at the end of a month, is the second after it, as
    PostgreSQL has it.
    """
    if isinstance(value, str) and (written := _INSTANT.fullmatch(value)):
        start, second, fraction, offset = written.groups(default="")
        leap = second == "60"
        try:
            at = datetime.fromisoformat(f"{start}{'59' if leap else second}{fraction[:7]}{offset}".upper())
            at = at.astimezone(UTC)
            after = at + timedelta(seconds=1) if leap else at
        except (ValueError, OverflowError):
            pass
        else:
            if not leap or (after.day, after.hour, after.minute) == (1, 0, 0):
                return after
    raise GraphQLError(
        f"{_shown(value)} is not an instant. Send date, time and offset in the format of RFC 3339,"
        ' such as "2026-11-23T09:30:00Z".'
    )


def parse_cursor(value: Any) -> PageCursor:
    """A cursor of a list, unchanged."""
    if not isinstance(value, str):
        raise GraphQLError(f"{_shown(value)} is not a cursor. Send a cursor exactly as it came, as a string.")
    try:
        return PageCursor.parse(value)
    except ValueError as error:
        raise GraphQLError(str(error)) from error


def _shown(value: Any) -> str:
    text = repr(value)
    return text if len(text) <= 60 else text[:60] + "…"


def _as_it_is(value: Any) -> Any:
    return value


Decimal_ = NewType("Decimal_", Decimal)
Date = NewType("Date", date)
DateTime = NewType("DateTime", datetime)
Cursor = NewType("Cursor", PageCursor)
ConditionTree = NewType("ConditionTree", dict[str, Any])

SCALARS: dict[object, Any] = {
    Decimal_: strawberry.scalar(
        name="Decimal",
        description='An exact decimal number, as a string: "1054.00". Never a float.',
        specified_by_url="https://www.rfc-editor.org/rfc/rfc8259#section-7",
        serialize=str,
        parse_value=parse_decimal,
    ),
    Date: strawberry.scalar(
        name="Date",
        description='A day of the calendar, without a time: "2026-11-23".',
        specified_by_url="https://www.rfc-editor.org/rfc/rfc3339#section-5.6",
        serialize=lambda day: day.isoformat(),
        parse_value=parse_date,
    ),
    DateTime: strawberry.scalar(
        name="DateTime",
        description='An instant, with its offset from UTC: "2026-11-23T09:30:00Z". Responses are in UTC. Digits beyond'
        " microseconds are cut off.",
        specified_by_url="https://www.rfc-editor.org/rfc/rfc3339",
        serialize=lambda instant: instant.isoformat(),
        parse_value=parse_instant,
    ),
    Cursor: strawberry.scalar(
        name="Cursor",
        description="A place in a list. Opaque: take it from `pageInfo` or an edge and send it back unchanged.",
        specified_by_url="https://relay.dev/graphql/connections.htm#sec-Cursor",
        serialize=_as_it_is,
        parse_value=parse_cursor,
    ),
    ConditionTree: strawberry.scalar(
        name="ConditionTree",
        description="A condition as a JSON object in the shape of the input `Condition`, so it can be sent back.",
        specified_by_url="https://www.rfc-editor.org/rfc/rfc8259#section-4",
        serialize=_as_it_is,
    ),
}
