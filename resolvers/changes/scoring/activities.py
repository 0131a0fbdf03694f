"""The points that a rule gives for the activities of a lead, and when fewer may be left of them.

An activity of so many days ago counts half, one of twice as many a quarter. So all of them together fade by the same
factor each day, and the day on which one point less is left follows from what they count today.
"""

from typing import Any

from sqlalchemy import Date, Integer, Numeric, case, cast, func, literal_column

from engine.read.json_text import Expression, among
from engine.read.rows import Rows, rows
from models.tables.activity import Activity
from resolvers.changes.scoring.points import Rule
from resolvers.conditions.flips import begins
from resolvers.reads.periods.calendar import own_calendar

DIGITS = "6"
"""Digits after the point that an activity counts with, once it counts less than a whole one. Rounded before they are
added, so that the order in which they are read makes no difference."""

ERROR = "0.000001"
"""What rounding may add to an activity, or take, from one day to another."""

ZERO: Expression = literal_column("0")


def active(points: int, activity: Rule, lead: Any) -> Expression:
    """Points for each activity of a lead, up to the cap. With a half-life, one of so many days ago counts half."""
    found = _counted(activity, lead)
    counted = func.count() if activity["halfLifeDays"] is None else _faded(activity, found.entity)
    capped: Any = cast(_capped(points, activity, counted), Integer)
    return found.select(capped if points > 0 else -capped).scalar_subquery()


def fades(points: int, activity: Rule, lead: Any) -> list[Expression]:
    """When fewer points may be left of the activities of a lead, at the earliest; none without a half-life."""
    if activity["halfLifeDays"] is None:
        return []
    found = _counted(activity, lead)
    counted = _faded(activity, found.entity)
    size: Any = literal_column(str(abs(points)))
    error = func.count() * literal_column(ERROR)
    least = _capped(points, activity, counted) - literal_column("0.5")
    times = size * (counted - error) / func.nullif(least + size * error, ZERO, type_=Numeric())
    halves = func.log(literal_column("2.0"), func.greatest(times, literal_column("1.0")), type_=Numeric())
    days = cast(func.floor(halves * literal_column(str(activity["halfLifeDays"]))), Integer)
    day = own_calendar().today + literal_column("1") + days
    return [found.select(case((least > ZERO, begins(day)))).scalar_subquery()]


def _counted(activity: Rule, lead: Any) -> Rows:
    found = rows(Activity)
    one = found.entity
    chosen = found.where(one.lead_id == lead.id)
    return chosen.where(among(one.type, activity["types"])) if activity["types"] else chosen


def _faded(activity: Rule, one: Any) -> Any:
    """What the activities count together."""
    calendar = own_calendar()
    day = cast(func.timezone(calendar.zone, one.occurred_at), Date)
    age: Any = func.greatest(ZERO, calendar.today - day)
    weight: Any = func.power(
        literal_column("0.5"), age / literal_column(f"{activity['halfLifeDays']}.0"), type_=Numeric()
    )
    return func.coalesce(func.sum(func.round(weight, literal_column(DIGITS))), ZERO, type_=Numeric())


def _capped(points: int, activity: Rule, counted: Any) -> Any:
    size = func.round(cast(counted * literal_column(str(abs(points))), Numeric))
    return func.least(literal_column(str(activity["cap"])), size, type_=Numeric())
