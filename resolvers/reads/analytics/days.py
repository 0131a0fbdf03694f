"""The days that a report is about, in the organisation's time zone."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from typing import Any

from sqlalchemy import ColumnElement, Date, and_, literal_column

from engine.publish.provided import wrong_if
from engine.read.json_text import Expression
from engine.read.slots import BadInput
from models.rules.numbers import FIRST_DAY, LAST_DAY
from resolvers.reads.analytics.moments import message
from resolvers.reads.periods.calendar import once, own_calendar

MOST_DAYS = 3653
"""The days of ten years, however many of them are leap years."""


@dataclass(frozen=True)
class Days:
    """The days from one to another, both included, and what is wrong with the argument that named them, or null."""

    first: Expression
    last: Expression
    wrong: Expression

    def include(self, instant: Any) -> ColumnElement[bool]:
        """Whether an instant lies on one of the days."""
        calendar = own_calendar()
        return and_(instant >= once(calendar.starts(self.first)), instant < once(calendar.ends(self.last)))


def _reportable(day: date) -> date:
    """The day, if anything can have happened on it. The first and the last day that a client can write are sent as
    infinite ones, with which nothing can be reckoned. Raises `ValueError`."""
    if not FIRST_DAY <= day <= LAST_DAY:
        raise ValueError(f"{day} is out of range: send {FIRST_DAY} to {LAST_DAY}.")
    return day


def days(name: str, given: Mapping[str, Any]) -> Days:
    """The days that a `DateRange` names, which is the argument `name`; without a last one, until today."""
    first, last = given.get("from_"), given.get("to")
    if first is None:
        raise BadInput.at(f"{name}.from", "send the first day; it may be up to ten years before the last one.")
    begins = first.bind(Date(), _reportable)
    ends = once(own_calendar().today) if last is None else last.bind(Date(), _reportable)
    wrong = wrong_if(
        f"{name}.from",
        (begins > ends, message("this day is after the last one. Send the earlier day as `from`.")),
        (
            ends - begins >= literal_column(str(MOST_DAYS)),
            message(f"these are more than ten years. Ask for up to {MOST_DAYS:,} days at once."),
        ),
    )
    return Days(begins, ends, wrong)
