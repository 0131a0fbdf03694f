"""What became of the leads of each band of scores."""

import strawberry

from engine.publish.fields import Argument, column, read
from engine.publish.scalars import Decimal_
from models.rules.roles import Role
from resolvers.reads.analytics import funnel
from resolvers.reads.scoring import analytics
from schema.analytics.funnel import RateInterval
from schema.analytics.queries import DAYS, PIPELINE
from schema.filters.lead import DateRange


@strawberry.type(description="The leads of a band of scores, and how they ended. Each lead counts in one band.")
class ScoreBandResult:
    band: str | None = column(
        "band", "The name of the band; null for leads that are in none, or have never been scored by rules."
    )
    count: int = column("leads", "How many leads they are, open or closed.")
    won: int = column("reached", "How many of them are won; of a pipeline of leads, also how many were converted.")
    lost: int = column("lost", "How many of them are lost or disqualified.")
    win_rate: Decimal_ | None = read(
        funnel.rate, "`won` of `won` and `lost`, in percent: open leads are left out. Null while none is closed."
    )
    interval: RateInterval = read(funnel.interval, "How sure the win rate is.")


@strawberry.type(
    description="What became of the leads of each band of scores. A closed lead keeps the band that it was in when it "
    "was last scored while it was open. Leads that were deleted, or merged into others, are not counted."
)
class ScoreAnalytics:
    bands: list[ScoreBandResult] = read(
        analytics.bands, "The bands that have leads, the lowest scores first; leads in no band come first.", rows=4
    )


@strawberry.type(description="The queries of reports on scores.")
class ScoreReports:
    score_analytics: ScoreAnalytics | None = read(
        analytics.score_analytics,
        "How the leads of each band of scores ended in a pipeline; null when there is no such pipeline.",
        arguments={
            "pipeline_id": PIPELINE,
            "in": Argument(DateRange, f"The days on which the leads were created, {DAYS}."),
        },
        role=Role.VIEWER,
    )
