"""Reading quotas and submissions."""

from typing import Any

from sqlalchemy import Text, Uuid, cast, func, literal_column

from engine.read.json_text import Expression, typed_id
from engine.read.paging import Direction, Order, Page, page
from engine.read.rows import Rows, rows
from engine.read.slots import Args
from models.rules.ids import parse_id
from models.tables.forecast.quota import ForecastSubmission, Quota
from resolvers.reads.forecast.period import PeriodDays, parse_period

SUBMISSIONS = {"SUBMITTED_AT": Order(lambda submission: submission.id)}


def quotas(root: Any, args: Args) -> Rows:
    """The quotas of the months of a period."""
    found, span = rows(Quota), PeriodDays(args["period"])
    quota = found.entity
    within = found.where(quota.month >= span.first, quota.month < span.end)
    return within.ordered(quota.month.asc(), quota.holder_id.asc(), quota.currency.asc())


def month(quota: Any, args: Args) -> Expression:
    """The month, by the year and its number: the first characters of its first day."""
    return func.left(cast(quota.month, Text), literal_column("7"), type_=Text())


def id(submission: Any, args: Args) -> Expression:
    """The public id."""
    return typed_id("submission", submission.id)


def submissions(root: Any, args: Args) -> Page:
    """Submissions, newest first; optionally those of a member or a pool, or for a period."""
    found = rows(ForecastSubmission)
    for noun in ("member", "pool"):
        if (named := args.get(f"{noun}_id")) is not None:
            id = named.bind(Uuid(), lambda text, noun=noun: parse_id(noun, text))
            found = found.where(getattr(found.entity, f"{noun}_id") == id)
    if (period := args.get("period")) is not None:
        found = found.where(found.entity.period == period.bind(Text(), lambda name: parse_period(name).name))
    return page(found, args, SUBMISSIONS, ("SUBMITTED_AT", Direction.DESC))
