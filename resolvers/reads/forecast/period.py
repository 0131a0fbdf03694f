"""Periods of a forecast: a month of the calendar, or a year or quarter of the organisation's fiscal years.

A fiscal year is called by the calendar year in which it ends.
"""

import re
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Date, DateTime, Integer, cast, func, literal_column

from engine.read.json_text import Expression
from engine.read.slots import Slot
from models.rules.numbers import FIRST_DAY, LAST_DAY
from resolvers.reads import organisations
from resolvers.reads.periods.calendar import once, own_calendar

_MONTH = re.compile(r"([0-9]{4})-(0[1-9]|1[0-2])", re.ASCII)
_FISCAL = re.compile(r"FY([0-9]{4})(?:-Q([1-4]))?", re.ASCII)

MONTH: Expression = literal_column("interval '1 month'")


@dataclass(frozen=True)
class NamedPeriod:
    """A period by its name: so many months from a month of a year, counted from 0; of a fiscal year if `fiscal`."""

    name: str
    year: int
    first: int
    months: int
    fiscal: bool


def parse_period(name: str) -> NamedPeriod:
    """The period of this name: `2026-11`, `FY2026-Q1` or `FY2026`. Raises `ValueError` for any other text."""
    period = None
    if found := _MONTH.fullmatch(name):
        period = NamedPeriod(name, int(found[1]), int(found[2]) - 1, 1, False)
    elif found := _FISCAL.fullmatch(name):
        quarter = found[2]
        period = NamedPeriod(name, int(found[1]), 3 * (int(quarter or 1) - 1), 3 if quarter else 12, True)
    if period is None or not FIRST_DAY.year <= period.year <= LAST_DAY.year:
        shown = name if len(name) <= 20 else name[:20] + "…"
        raise ValueError(
            f"{shown!r} is not a period. Send a month such as '2026-11', or a quarter or a year of your fiscal years,"
            " such as 'FY2026-Q1' or 'FY2026'."
        )
    return period


@dataclass(frozen=True)
class PeriodDays:
    """The days of a period in the organisation's calendar: from `first` up to, and without, `end`."""

    slot: Slot

    def _part(self, of: Any) -> Expression:
        return self.slot.bind(Integer(), of)

    @property
    def first(self) -> Expression:
        """The first day."""
        begins = organisations.mine(None, {}).value(lambda organisation: organisation.fiscal_year_start)
        month = func.coalesce(begins, literal_column("1"), type_=Integer()) - literal_column("1")
        # A year that begins in another month than January ends in the year after.
        shift = month - literal_column("12") * func.least(month, literal_column("1"), type_=Integer())
        months = self._part(_first) + self._part(_fiscal) * shift
        january = func.make_date(self._part(_year), literal_column("1"), literal_column("1"), type_=Date())
        return once(cast(january + months * MONTH, Date))

    @property
    def end(self) -> Expression:
        """The day after the last one."""
        return once(cast(self.first + self._part(_months) * MONTH, Date))

    @property
    def last(self) -> Expression:
        """The last day."""
        return cast(self.end - literal_column("1"), Date)


def starts(day: Expression) -> Expression:
    """The instant at which a day begins in the organisation's time zone."""
    return once(func.timezone(own_calendar().zone, cast(day, DateTime()), type_=DateTime(timezone=True)))


def _year(name: str) -> int:
    return parse_period(name).year


def _first(name: str) -> int:
    return parse_period(name).first


def _months(name: str) -> int:
    return parse_period(name).months


def _fiscal(name: str) -> int:
    return int(parse_period(name).fiscal)
