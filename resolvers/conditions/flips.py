"""When a condition may come out otherwise by the passing of time alone: the tests of a lead that depend on the clock.

Each such test gives the earliest instant, after now, at which it may flip while nothing is changed; null if it never
does. It may be earlier than the flip, never later. Tests of other fields flip with the events that change them.
"""

from collections.abc import Callable, Mapping
from typing import Any

from sqlalchemy import Date, DateTime, Integer, Interval, case, cast, func, literal_column

from engine.read.json_text import Expression
from resolvers.conditions.fields import FIELDS
from resolvers.conditions.operators import Kind
from resolvers.conditions.sql import Given
from resolvers.conditions.tree import Condition, Group, Not
from resolvers.reads import stage_times
from resolvers.reads.periods.calendar import once, own_calendar
from resolvers.reads.tasks.due import NOW

INSTANT = DateTime(timezone=True)

DAY, TICK, HOUR = (literal_column(f"interval '{size}'", Interval()) for size in ("1 day", "1 microsecond", "1 hour"))

ONE: Expression = literal_column("1", Integer())

Flips = Callable[[Any, Given], Expression]


def flips(condition: Condition, lead: Any) -> list[Expression]:
    """When the tests of a condition may flip, each by itself."""
    if isinstance(condition, Not):
        return flips(condition.part, lead)
    if isinstance(condition, Group):
        return [found for part in condition.parts for found in flips(part, lead)]
    if condition.field == "isRotten":
        return [stage_times.rots_next(lead)]
    flip = FLIPS.get(condition.kind, {}).get(condition.operator)
    return [] if flip is None else [flip(FIELDS[condition.field].sql(lead), Given(condition))]


def begins(day: Any) -> Expression:
    """The instant at which a day begins in the organisation's time zone. Where clocks are set back at midnight, the
    first of the two."""
    calendar = own_calendar()
    start, zone = calendar.starts(day), once(calendar.zone)
    before: Any = start - HOUR
    return cast(case((cast(func.timezone(zone, before), Date) == day, before), else_=start), INSTANT)


def _last_days(instant: Any, given: Given) -> Expression:
    """It comes, and is past so many days later."""
    passed = instant + given.one(Integer()) * DAY + TICK
    return case((instant > NOW, instant), (passed > NOW, passed))


def _days_behind(day: Any, given: Given) -> Expression:
    """The day comes, and is past so many days later."""
    today, after = once(own_calendar().today), given.one(Integer()) + ONE
    return case((day > today, begins(day)), (day + after > today, begins(day + after)))


def _days_ahead(day: Any, given: Given) -> Expression:
    """The day comes near, and is past."""
    today, before = once(own_calendar().today), given.one(Integer())
    return case((day - before > today, begins(day - before)), (day >= today, begins(day + ONE)))


FLIPS: Mapping[Kind, Mapping[str, Flips]] = {
    Kind.INSTANT: {"withinLastDays": _last_days},
    Kind.DATE: {"withinLastDays": _days_behind, "withinNextDays": _days_ahead},
}
"""The tests that depend on the clock. Others compare with what was given."""
