"""What groups of reports are about, and what their amounts were converted by."""

import strawberry

import models
from engine.publish.fields import column, read, to_one
from engine.publish.scalars import Decimal_
from resolvers.reads.reports import tally
from schema.forecast.forecast import UsedRate
from schema.types.member import Member
from schema.types.pipeline import Pipeline
from schema.types.routing import Pool
from schema.types.stage import Stage


@strawberry.type(description="What a group of a report is about. What it is not grouped by is null.")
class ReportKey:
    owner: Member | None = to_one(models.Member, "owner_id", "The owner; null for leads without one.")
    pool: Pool | None = to_one(models.Pool, "pool_id", "The pool; null for leads whose owner is in none.")
    pipeline: Pipeline | None = to_one(models.Pipeline, "pipeline_id", "The pipeline.")
    stage: Stage | None = to_one(models.Stage, "stage_id", "The stage.")
    source: str | None = column("source", "The source; null for leads without one.")
    month: str | None = column("month", "The month, such as `2026-11`.")
    lost_reason: str | None = column(
        "lost_reason", "Why the leads were lost; null for leads without a reason, such as those that were not lost."
    )


@strawberry.type(description="What has no exchange rate on its day, and is in no amount that was converted.")
class UnconvertedValue:
    currency: str = column("currency", "The currency, as an ISO 4217 code.")
    value: Decimal_ = column("value", "The value of these leads, in this currency.")
    count: int = column("count", "How many leads these are.")


@strawberry.type(description="What the amounts of a report were converted by, and what could not be converted.")
class ConvertedReport:
    rates: list[UsedRate] = read(tally.rates, "The exchange rates that were used; none without `currency`.", rows=10)
    unconverted: list[UnconvertedValue] = read(
        tally.unconverted, "What could not be converted, by currency; nothing without `currency`.", rows=5
    )
