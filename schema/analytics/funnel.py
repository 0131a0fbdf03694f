"""How far the leads of a time got in their pipeline."""

import strawberry

import models
from engine.publish.enums import publish
from engine.publish.fields import column, read, to_one
from engine.publish.scalars import Decimal_
from resolvers.reads.analytics import funnel
from resolvers.reads.analytics.cohort import FunnelBy, FunnelCounting
from schema.types.member import Member
from schema.types.stage import Stage

publish(
    FunnelCounting,
    "Which leads count for a stage. At any time: a lead that went back later still counts.",
    REACHED="Those that entered it or, of a stage for deals in progress, any later stage in which leads are not lost: "
    "who skips a stage has passed it. Of a stage that wins or loses, only those that entered it.",
    ENTERED="Those that entered it.",
    DIRECT="Those that entered it straight from the last stage before it in which deals are in progress; of the first "
    "stage, those that were created in it or came to it from another pipeline.",
)


@strawberry.type(
    description="Between which rates the true one lies with 95 % confidence: a Wilson score interval. From few leads, "
    "it is wide; from none, it is 0 to 100."
)
class RateInterval:
    low: Decimal_ = read(funnel.low, "The lowest rate, in percent.")
    high: Decimal_ = read(funnel.high, "The highest rate, in percent.")


@strawberry.type(description="A stage of a funnel. `decided` and `undecided` add up to the leads of the funnel.")
class FunnelStage:
    stage: Stage = to_one(models.Stage, "stage_id", "The stage.")
    reached: int = column("reached", "How many leads count for it.")
    undecided: int = column("undecided", "How many do not, but are open in the pipeline and may still get there.")
    decided: int = column("decided", "How many either count or are closed, or have left the pipeline, or were removed.")
    rate: Decimal_ | None = read(
        funnel.rate,
        "`reached` of `decided`, in percent: leads that may still get there are left out. Null when none is decided.",
    )
    interval: RateInterval = read(funnel.interval, "How sure the rate is.")
    median_seconds: int | None = column(
        "median_seconds",
        "Within how many seconds half of these leads' visits to the stage end, by the estimate of Kaplan and Meier, as "
        "in `stageDurations`. Null where too many are still there to know, and of stages that win or lose.",
    )


publish(
    FunnelBy,
    "What the leads of a funnel are divided by.",
    OWNER="Who owns them now, or did when they were deleted or merged.",
    SOURCE="Their source.",
    MONTH="The month in which they were created, in your organisation's time zone.",
)


@strawberry.type(description="Some of the leads of a funnel: those of one owner, source or month, or of one of each.")
class FunnelGroup:
    owner: Member | None = to_one(
        models.Member, "owner_id", "The owner; null for leads without one, and when not divided by OWNER."
    )
    source: str | None = column("source", "The source; null for leads without one, and when not divided by SOURCE.")
    month: str | None = column("month", "The month, such as `2026-11`; null when not divided by MONTH.")
    leads: int = column("leads", "How many leads they are.")
    stages: list[FunnelStage] = read(
        funnel.stages_of, "The stages of the pipeline as they are today, in order, for these leads.", rows=8
    )


@strawberry.type(
    description="How far the leads got that were created on some days and have been in a pipeline, wherever they are "
    "now. Leads that were deleted, or merged into others, since are among them: they are decided, and count for the "
    "stages in which they were."
)
class Funnel:
    leads: int = read(funnel.leads, "How many leads they are.")
    stages: list[FunnelStage] = read(funnel.stages, "The stages of the pipeline as they are today, in order.", rows=8)
    groups: list[FunnelGroup] = read(
        funnel.groups,
        "The same, divided by `groupBy`, each lead in one group; none without it. More than 1,000 groups are an error.",
        rows=50,
    )
