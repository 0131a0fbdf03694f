"""Recurrence rules, and the days they name. `rrule` parses and writes them.

Source: RFC 5545, section 3.3.10.
"""

import calendar
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import date, timedelta

HORIZON = 30
"""Years within which the next day must be. A rule may name a day that never comes, such as 30 February."""

Weekday = tuple[int, int]
"""Which weekday, from Monday as 0, and the nth of a month or year (from the end when negative; each one when 0)."""


@dataclass(frozen=True)
class Recurrence:
    """A rule that names days; the time of day stays as it is.

    `count` includes the day that is counted from; `until` is an inclusive day, or an inclusive instant in UTC.
    """

    freq: str
    interval: int = 1
    count: int | None = None
    until: date | None = None
    by_month: tuple[int, ...] = ()
    by_month_day: tuple[int, ...] = ()
    by_day: tuple[Weekday, ...] = ()
    by_set_pos: tuple[int, ...] = ()
    week_start: int = 0

    def days_after(self, start: date) -> Iterator[date]:
        """The days after `start` by the rule, until none comes within the horizon; COUNT and UNTIL do not end them."""
        last: date | None = start
        while last is not None:
            start, last = last, None
            for last in self._days_within(start, date(min(start.year + HORIZON, date.max.year - 1), 12, 31)):
                yield last

    def _days_within(self, start: date, horizon: date) -> Iterator[date]:
        for days in PERIODS[self.freq](self, start, horizon):
            chosen = sorted(days)
            if self.by_set_pos:
                size = len(chosen)
                at = {nth - 1 if nth > 0 else size + nth for nth in self.by_set_pos if abs(nth) <= size}
                chosen = [chosen[nth] for nth in sorted(at)]
            yield from (day for day in chosen if start < day <= horizon)

    def passes(self, day: date) -> bool:
        """Whether a day matches the parts that limit a DAILY or WEEKLY rule."""
        last = calendar.monthrange(day.year, day.month)[1]
        return (
            (not self.by_month or day.month in self.by_month)
            and (not self.by_month_day or bool({day.day, day.day - last - 1} & set(self.by_month_day)))
            and (not self.by_day or (0, day.weekday()) in self.by_day)
        )

    def days_of_month(self, year: int, month: int, otherwise: int) -> set[date]:
        """The days of a month by BYMONTHDAY and BYDAY; without both, the one that the rule counts from."""
        last = calendar.monthrange(year, month)[1]
        days = set(range(1, last + 1))
        if self.by_month_day:
            days &= {nth if nth > 0 else last + 1 + nth for nth in self.by_month_day}
        if self.by_day:
            first = date(year, month, 1)
            days &= {day.day for day in self.weekdays(first, first + timedelta(days=last - 1))}
        if not self.by_month_day and not self.by_day:
            days &= {otherwise}
        return {date(year, month, day) for day in days}

    def weekdays(self, first: date, last: date) -> set[date]:
        """The days between two that BYDAY names: the nth of them, or each."""
        found: set[date] = set()
        for nth, weekday in self.by_day:
            begin = first + timedelta(days=(weekday - first.weekday()) % 7)
            days = [begin + timedelta(days=7 * week) for week in range(((last - begin).days // 7) + 1)]
            if nth == 0:
                found.update(days)
            elif abs(nth) <= len(days):
                found.add(days[nth - 1 if nth > 0 else nth])
        return found


Period = Iterator[set[date]]


def _daily(rule: Recurrence, start: date, horizon: date) -> Period:
    for days in range(0, (horizon - start).days + 1, rule.interval):
        day = start + timedelta(days=days)
        yield {day} if rule.passes(day) else set()


def _weekly(rule: Recurrence, start: date, horizon: date) -> Period:
    monday = start - timedelta(days=(start.weekday() - rule.week_start) % 7)
    while monday <= horizon:
        week = [monday + timedelta(days=day) for day in range(7)]
        yield {day for day in week if rule.passes(day) and (rule.by_day or day.weekday() == start.weekday())}
        monday += timedelta(weeks=rule.interval)


def _monthly(rule: Recurrence, start: date, horizon: date) -> Period:
    months = range(start.year * 12 + start.month - 1, horizon.year * 12 + horizon.month, rule.interval)
    for year, month in (divmod(at, 12) for at in months):
        if not rule.by_month or month + 1 in rule.by_month:
            yield rule.days_of_month(year, month + 1, start.day)


def _yearly(rule: Recurrence, start: date, horizon: date) -> Period:
    for year in range(start.year, horizon.year + 1, rule.interval):
        if rule.by_day and not rule.by_month and not rule.by_month_day:
            yield rule.weekdays(date(year, 1, 1), date(year, 12, 31))
            continue
        months = rule.by_month or (range(1, 13) if rule.by_month_day else (start.month,))
        yield {day for month in months for day in rule.days_of_month(year, month, start.day)}


PERIODS: Mapping[str, Callable[[Recurrence, date, date], Period]] = {
    "DAILY": _daily,
    "WEEKLY": _weekly,
    "MONTHLY": _monthly,
    "YEARLY": _yearly,
}
"""The matching days of each day, week, month or year of a rule, from the one it counts from."""
