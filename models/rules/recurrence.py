"""Recurrence rules, and the days they name. `rrule` parses and writes them.

Source: RFC 5545, section 3.3.10.
"""

import calendar
from collections.abc import Callable, Iterable, Iterator, Mapping
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

    def days_after(self, start: date, not_before: date = date.min) -> Iterator[date]:
        """The days after `start` by the rule, those before `not_before` left out, until none comes within the horizon.

        COUNT and UNTIL do not end them. What is left out is not walked through, however long ago the rule began.
        """
        last: date | None = start if not_before <= start else not_before - timedelta(days=1)
        while last is not None:
            after, last = last, None
            for last in self._days_within(start, after, date(min(after.year + HORIZON, date.max.year - 1), 12, 31)):
                yield last

    def _days_within(self, start: date, after: date, horizon: date) -> Iterator[date]:
        for days in PERIODS[self.freq](self, start, after, horizon):
            chosen = sorted(days)
            if self.by_set_pos:
                size = len(chosen)
                at = {nth - 1 if nth > 0 else size + nth for nth in self.by_set_pos if abs(nth) <= size}
                chosen = [chosen[nth] for nth in sorted(at)]
            yield from (day for day in chosen if after < day <= horizon)

    def days_of_month(self, year: int, month: int, otherwise: int | None) -> set[date]:
        """The days of a month by BYMONTHDAY and BYDAY; without both, the one that the rule counts from, or all."""
        last = calendar.monthrange(year, month)[1]
        if self.by_month_day:
            days = {nth if nth > 0 else last + 1 + nth for nth in self.by_month_day} & set(range(1, last + 1))
        elif self.by_day or otherwise is None:
            days = set(range(1, last + 1))
        else:
            days = {otherwise} if otherwise <= last else set()
        if self.by_day:
            first = date(year, month, 1)
            days &= {day.day for day in self.weekdays(first, first + timedelta(days=last - 1))}
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


def _daily(rule: Recurrence, start: date, after: date, horizon: date) -> Period:
    if not (rule.by_month or rule.by_month_day or rule.by_day):
        for days in _every(0, (after - start).days, (horizon - start).days, rule.interval):
            yield {start + timedelta(days=days)}
        return
    # Without BYSETPOS it is all the same which days are looked at together: a month at a time passes over most of them.
    for year, month in _months(range(_month(after), _month(horizon) + 1)):
        if not rule.by_month or month in rule.by_month:
            days_of_month = rule.days_of_month(year, month, None)
            yield {day for day in days_of_month if (day - start).days % rule.interval == 0}


def _weekly(rule: Recurrence, start: date, after: date, horizon: date) -> Period:
    monday = start - timedelta(days=(start.weekday() - rule.week_start) % 7)
    weekdays = {weekday for _, weekday in rule.by_day} or {start.weekday()}
    places = [(weekday - rule.week_start) % 7 for weekday in weekdays]
    for week in _every(0, (after - monday).days // 7, (horizon - monday).days // 7, rule.interval):
        days = {monday + timedelta(days=7 * week + place) for place in places}
        yield {day for day in days if day.month in rule.by_month} if rule.by_month else days


def _monthly(rule: Recurrence, start: date, after: date, horizon: date) -> Period:
    for year, month in _months(_every(_month(start), _month(after), _month(horizon), rule.interval)):
        if not rule.by_month or month in rule.by_month:
            yield rule.days_of_month(year, month, start.day)


def _yearly(rule: Recurrence, start: date, after: date, horizon: date) -> Period:
    for year in _every(start.year, after.year, horizon.year, rule.interval):
        if rule.by_day and not rule.by_month and not rule.by_month_day:
            yield rule.weekdays(date(year, 1, 1), date(year, 12, 31))
            continue
        months = rule.by_month or (range(1, 13) if rule.by_month_day else (start.month,))
        yield {day for month in months for day in rule.days_of_month(year, month, start.day)}


def _every(start: int, after: int, last: int, interval: int) -> range:
    """Every so many numbers from `start` to `last`, beginning with the last one that is not beyond `after`."""
    return range(start + (after - start) // interval * interval, last + 1, interval)


def _month(day: date) -> int:
    return day.year * 12 + day.month - 1


def _months(numbers: Iterable[int]) -> Iterator[tuple[int, int]]:
    for number in numbers:
        yield number // 12, number % 12 + 1


PERIODS: Mapping[str, Callable[[Recurrence, date, date, date], Period]] = {
    "DAILY": _daily,
    "WEEKLY": _weekly,
    "MONTHLY": _monthly,
    "YEARLY": _yearly,
}
"""The matching days of each day, week, month or year of a rule that counts from `start`, beginning with the one that
`after` lies in: the periods between are passed over by arithmetic."""
