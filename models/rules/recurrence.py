"""Rules of recurrence, and the days they name. `rrule` parses and writes them.

Source: RFC 5545, section 3.3.10.
"""

import calendar
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import date, timedelta

ONE_DAY = timedelta(days=1)

HORIZON = 30
"""Years within which the next day must be. A rule may name a day that never comes, such as 30 February."""

Weekday = tuple[int, int]
"""The nth of a month or year (from the end when negative; each, when 0), and which day of the week, from Monday, 0."""


@dataclass(frozen=True)
class Recurrence:
    """A rule, of days; the time of day stays as it is.

    `count` includes the day that is counted from; `until` is a day, or an instant in UTC, and included.
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

    def days_after(self, start: date, since: date = date.min) -> Iterator[date]:
        """The days after `start` by the rule, until none comes within the horizon; COUNT and UNTIL do not end them.

        Those before `since` are passed over by arithmetic, not one by one: a rule can count from a century ago.
        """
        last: date | None = start
        while last is not None:
            start, last = last, None
            horizon = date(min(start.year + HORIZON, date.max.year - 1), 12, 31)
            for last in self._days_within(start, since - ONE_DAY if since > start else start, horizon):
                yield last
            if last is None and since > start:
                last = self._last_within(start, horizon)

    def _days_within(self, start: date, after: date, horizon: date) -> Iterator[date]:
        """The days of a rule that counts from `start`, later than `after`, up to the horizon."""
        if after < horizon:
            for nth in range(self._period(start, after), self._period(start, horizon) + 1):
                yield from (day for day in self._days_of(start, nth) if after < day <= horizon)

    def _last_within(self, start: date, horizon: date) -> date | None:
        """The last day of a rule that counts from `start`, up to the horizon."""
        for nth in range(self._period(start, horizon), -1, -1):
            for day in reversed(self._days_of(start, nth)):
                if start < day <= horizon:
                    return day
        return None

    def _period(self, start: date, day: date) -> int:
        """The number of the period that a day lies in or after, counted from that of `start`."""
        return PERIODS[self.freq].between(self, start, day) // self.interval

    def _days_of(self, start: date, nth: int) -> list[date]:
        """The days of the nth period, in order."""
        chosen = sorted(PERIODS[self.freq].days(self, start, nth * self.interval))
        if self.by_set_pos:
            size = len(chosen)
            at = {nth - 1 if nth > 0 else size + nth for nth in self.by_set_pos if abs(nth) <= size}
            chosen = [chosen[nth] for nth in sorted(at)]
        return chosen

    def passes(self, day: date) -> bool:
        """Whether a day matches the parts that limit a DAILY or WEEKLY rule."""
        if self.by_month and day.month not in self.by_month:
            return False
        if self.by_day and (0, day.weekday()) not in self.by_day:
            return False
        return not self.by_month_day or (
            day.day in self.by_month_day
            or day.day - calendar.monthrange(day.year, day.month)[1] - 1 in self.by_month_day
        )

    def days_of_month(self, year: int, month: int, otherwise: int) -> set[date]:
        """The days of a month by BYMONTHDAY and BYDAY; without both, the one that the rule counts from."""
        last = calendar.monthrange(year, month)[1]
        before = date(year, month, 1).toordinal() - 1
        if self.by_month_day:
            numbers = {nth if nth > 0 else last + 1 + nth for nth in self.by_month_day}
        else:
            numbers = set() if self.by_day else {otherwise}
        days = {before + nth for nth in numbers if 1 <= nth <= last}
        if self.by_day:
            named = self.weekdays(before + 1, before + last)
            days = days & named if self.by_month_day else named
        return set(map(date.fromordinal, days))

    def weekdays(self, first: int, last: int) -> set[int]:
        """The days between two that BYDAY names, all as ordinals: the nth of them, or each."""
        found: set[int] = set()
        for nth, weekday in self.by_day:
            # 1 January of the year 1, ordinal 1, was a Monday.
            days = range(first + (weekday - first + 1) % 7, last + 1, 7)
            if nth == 0:
                found.update(days)
            elif abs(nth) <= len(days):
                found.add(days[nth - 1 if nth > 0 else nth])
        return found


@dataclass(frozen=True)
class Period:
    """A day, week, month or year: how many lie `between` the one of `start` and the one of a day; and the matching
    `days` of the one that comes so many after that of `start`."""

    between: Callable[[Recurrence, date, date], int]
    days: Callable[[Recurrence, date, int], set[date]]


def _monday(rule: Recurrence, day: date) -> date:
    return day - timedelta(days=(day.weekday() - rule.week_start) % 7)


def _day(rule: Recurrence, start: date, days: int) -> set[date]:
    day = start + timedelta(days=days)
    return {day} if rule.passes(day) else set()


def _week(rule: Recurrence, start: date, weeks: int) -> set[date]:
    monday = _monday(rule, start) + timedelta(weeks=weeks)
    week = [monday + timedelta(days=day) for day in range(7)]
    return {day for day in week if rule.passes(day) and (rule.by_day or day.weekday() == start.weekday())}


def _month(rule: Recurrence, start: date, months: int) -> set[date]:
    year, month = divmod(start.year * 12 + start.month - 1 + months, 12)
    return rule.days_of_month(year, month + 1, start.day) if not rule.by_month or month + 1 in rule.by_month else set()


def _year(rule: Recurrence, start: date, years: int) -> set[date]:
    year = start.year + years
    if rule.by_day and not rule.by_month and not rule.by_month_day:
        ends = date(year, 1, 1).toordinal(), date(year, 12, 31).toordinal()
        return set(map(date.fromordinal, rule.weekdays(*ends)))
    months = rule.by_month or (range(1, 13) if rule.by_month_day else (start.month,))
    return {day for month in months for day in rule.days_of_month(year, month, start.day)}


PERIODS: Mapping[str, Period] = {
    "DAILY": Period(lambda rule, start, day: (day - start).days, _day),
    "WEEKLY": Period(lambda rule, start, day: (_monday(rule, day) - _monday(rule, start)).days // 7, _week),
    "MONTHLY": Period(lambda rule, start, day: (day.year - start.year) * 12 + day.month - start.month, _month),
    "YEARLY": Period(lambda rule, start, day: day.year - start.year, _year),
}
"""The periods of each frequency."""
