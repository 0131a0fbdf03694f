"""When tasks are due, by the caller's calendar: today, this week, between two days."""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from sqlalchemy import ColumnElement, Date, DateTime, Text, and_, cast, func, literal_column, or_

from engine.read.json_text import Expression
from engine.read.rows import SUBJECT, rows
from engine.read.slots import Slot
from models.rules.time_zone import time_zone
from models.tables.member import Member
from resolvers.reads import organisations

DAY: Expression = literal_column("1")

NOW: Expression = func.now()


class DuePeriod(StrEnum):
    """A stretch of days around today."""

    TODAY = "TODAY"
    THIS_WEEK = "THIS_WEEK"
    UPCOMING = "UPCOMING"


@dataclass(frozen=True)
class Calendar:
    """The days of a time zone."""

    zone: Expression

    @property
    def _clock(self) -> Expression:
        return func.timezone(self.zone, NOW, type_=DateTime())

    @property
    def today(self) -> Expression:
        """Today's date."""
        return cast(self._clock, Date)

    @property
    def monday(self) -> Expression:
        """The Monday of this week. Source: ISO 8601."""
        return cast(func.date_trunc(literal_column("'week'"), self._clock), Date)

    def starts(self, day: Expression) -> Expression:
        """The instant at which a day begins."""
        return func.timezone(self.zone, cast(day, DateTime()), type_=DateTime(timezone=True))

    def ends(self, day: Expression) -> Expression:
        """The instant at which a day ends."""
        return self.starts(day + DAY)

    def period(self, period: DuePeriod) -> tuple[Expression, Expression | None]:
        """The first and the last day of a period; without a last day, it does not end."""
        if period == DuePeriod.UPCOMING:
            return self.today + DAY, None
        if period == DuePeriod.TODAY:
            return self.today, self.today
        return self.monday, self.monday + literal_column("6")

    def due(self, task: Any, first: Expression | None, last: Expression | None) -> ColumnElement[bool]:
        """Whether a task is due in these days: all day on one of them, or at an instant in them.

        The deadline of an all-day task is in its assignee's time zone, and no two clocks are more than 26 hours apart.
        The wide limits on the deadline let an index find the tasks.
        """
        wide, days, instants = [], [], []
        if first is not None:
            wide.append(task.deadline >= self.starts(first) - literal_column("interval '1 day'"))
            days.append(task.due_on >= first)
            instants.append(task.due_at >= self.starts(first))
        if last is not None:
            wide.append(task.deadline <= self.ends(last) + literal_column("interval '2 days'"))
            days.append(task.due_on <= last)
            instants.append(task.due_at < self.ends(last))
        return and_(literal_column("true"), *wide, or_(and_(*days), and_(*instants))) if wide else _dated(task)


def calendar(zone: Slot | None) -> Calendar:
    """The calendar of the named time zone, or else of the caller's, or else of the organisation's."""
    if zone is not None:
        return Calendar(zone.bind(Text(), lambda name: time_zone(name).key))
    me = rows(Member)
    own = me.where(me.entity.subject == SUBJECT).value(lambda member: member.time_zone)
    theirs = organisations.mine(None, {}).value(lambda organisation: organisation.time_zone)
    return Calendar(func.coalesce(own, theirs, literal_column("'UTC'"), type_=Text()))


def _dated(task: Any) -> ColumnElement[bool]:
    is_dated: ColumnElement[bool] = task.deadline.is_not(None)
    return is_dated


def between(task: Any, limits: Mapping[str, Any], by: Calendar) -> ColumnElement[bool]:
    """Whether a task is due from one day to another, both inclusive; without either, on any day."""
    first, last = (None if (day := limits.get(name)) is None else day.bind(Date()) for name in ("from_", "to"))
    return by.due(task, first, last)
