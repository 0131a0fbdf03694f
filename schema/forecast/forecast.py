"""The forecast of a period."""

import strawberry

import models
from engine.publish.fields import column, read, to_one
from engine.publish.scalars import Date, Decimal_
from resolvers.reads.events import subscriptions
from resolvers.reads.forecast import changed, forecast
from schema.types.member import Member
from schema.types.pipeline import Pipeline
from schema.types.routing import Pool

EXPECTED = "expected from the later of today and the first day of the period to its last day"


@strawberry.type(description="What a row of a forecast is about.")
class ForecastKey:
    owner: Member | None = to_one(
        models.Member, "owner_id", "The owner; null for deals without one, and when not divided by OWNER."
    )
    pool: Pool | None = to_one(
        models.Pool, "pool_id", "The pool; null for owners in none, and when not divided by POOL."
    )
    pipeline: Pipeline | None = to_one(
        models.Pipeline, "pipeline_id", "The pipeline; null when not divided by PIPELINE."
    )


@strawberry.type(
    description="What one owner, pool or pipeline has won and expects in a period, in one currency. Each deal counts "
    "in one of `closed`, `commit`, `bestCase`, `pipeline`, `overdue` and `overdueBefore`, or nowhere, so they can be "
    "added up. Amounts are rounded once, to the precision of the currency."
)
class ForecastRow:
    group: str = column("group", "What it is about, as a text that is the same in each answer: which rows to replace.")
    key: ForecastKey = read(forecast.key, "What it is about.")
    currency: str = column("currency", "The currency of the amounts, as an ISO 4217 code.")
    deals: int = column("deals", "How many deals have a value and count in the amounts.")
    quota: Decimal_ | None = column(
        "quota",
        "The sum of the quotas of the period's months. Null without any, and when divided by anything else than OWNER "
        "alone or POOL alone.",
    )
    closed: Decimal_ = column(
        "closed", "The value of deals that were won in the period, by the day on which they were won."
    )
    commit: Decimal_ = column("commit", f"The value of open deals of the category COMMIT, {EXPECTED}.")
    best_case: Decimal_ = column("best_case", f"The value of open deals of the category BEST_CASE, {EXPECTED}.")
    pipeline: Decimal_ = column("pipeline", f"The value of open deals of the category PIPELINE, {EXPECTED}.")
    weighted: Decimal_ = column(
        "weight",
        "What is won of it on average: `closed`, and of `commit`, `bestCase` and `pipeline` each value times its "
        "probability. Nothing of what is overdue.",
    )
    overdue: Decimal_ = column(
        "overdue", "The value of open deals that were expected in the period, before today. Omitted ones do not count."
    )
    overdue_before: Decimal_ = column(
        "overdue_before",
        "The value of open deals that were expected before the period began, and before today: in no other amount.",
    )
    attainment: Decimal_ | None = read(
        forecast.attainment,
        "What was won, in percent of the quota, with two decimals; null without one, or for 0.",
    )
    gap: Decimal_ | None = read(
        forecast.gap, "What is left of the quota: less than 0 if more was won; null without a quota."
    )


@strawberry.type(description="An exchange rate that an answer was converted by.")
class UsedRate:
    currency: str = column("currency", "The currency, as an ISO 4217 code.")
    rate: Decimal_ = column("rate", "How many units of it one euro is worth.")
    valid_from: Date = column("valid_from", "The day from which it holds.")


@strawberry.type(description="What has no exchange rate on its day, and is in no amount that was converted.")
class Unconverted:
    currency: str = column("currency", "The currency, as an ISO 4217 code.")
    value: Decimal_ = column("value", "The value of these deals, in this currency.")
    count: int = column("count", "How many deals these are.")
    quota: Decimal_ | None = column("quota", "The quotas in this currency; null when there are none.")


@strawberry.type(
    description="What was won and what is expected in a period. Days are those of the organisation's time zone, the "
    "same for every caller. All leads and opportunities count, except for converted leads, whose opportunity counts, "
    "and for those of the category OMITTED."
)
class Forecast:
    cursor: str = read(subscriptions.head, "The place in the event log that it is as of: subscribe `after` it.")
    first_day: Date = read(forecast.first_day, "The first day of the period.")
    last_day: Date = read(forecast.last_day, "The last day of the period.")
    today: Date = read(
        forecast.today, "Today: open deals that were expected before it are overdue. Ask again tomorrow."
    )
    rows: list[ForecastRow] = read(
        forecast.rows_of,
        "The rows, by owner, pool, pipeline and currency: of what has deals with a value, or a quota. More than 1,000 "
        "owners, pools and pipelines are an error.",
        rows=100,
    )
    rates: list[UsedRate] = read(forecast.rates, "The exchange rates that were used; none without `in`.", rows=10)
    unconverted: list[Unconverted] = read(
        forecast.unconverted, "What could not be converted, by currency; nothing without `in`.", rows=5
    )
    without_value: int = read(
        forecast.without_value, "How many deals would count, but have no value, and so are in no amount."
    )
    without_date: int = read(
        forecast.without_date, "How many open deals have no `expectedCloseDate`, and so count in no period."
    )


@strawberry.type(
    description="That a forecast may have changed, and how it is now. Remove the rows of `groups`, or all rows if "
    "`everything` is true; then add `rows`. After the last event, that is what `forecast` returns."
)
class ForecastChanged:
    cursor: str = read(subscriptions.cursor, "The place of the event in the log: subscribe `after` it to continue.")
    today: Date = read(
        forecast.today, "Today in the organisation's time zone. When it is another day, ask for the `forecast` again."
    )
    everything: bool = read(changed.of_all, "Whether every row may have changed: `rows` are all of them.")
    groups: list[str] = read(changed.groups, "The groups that may have changed: `rows` are all of theirs.", rows=5)
    too_many: bool = read(
        changed.too_many,
        "Whether the whole forecast is about more than 1,000 owners, pools and pipelines now: then there are no "
        "`rows`, as `forecast` refuses it. Subscribe to one that is divided by fewer of them.",
    )
    rows: list[ForecastRow] = read(changed.changed_rows, "The rows as they are now.", rows=20)
