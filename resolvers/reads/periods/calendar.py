"""The organisation's calendar, by which its months and years are counted."""

from sqlalchemy import Text, func, select

from engine.read.json_text import Expression, quoted
from resolvers.reads import organisations
from resolvers.reads.tasks.due import Calendar


def own_calendar() -> Calendar:
    """The days of the organisation's time zone, the same for every caller; of UTC before anybody signs in."""
    zone = organisations.mine(None, {}).value(lambda organisation: organisation.time_zone)
    return Calendar(func.coalesce(zone, quoted("UTC"), type_=Text()))


def today() -> Expression:
    """Today in the organisation's time zone."""
    return once(own_calendar().today)


def once(value: Expression) -> Expression:
    """A value that depends on no row, reckoned once and not for each row that it is compared with."""
    return select(value).scalar_subquery()
