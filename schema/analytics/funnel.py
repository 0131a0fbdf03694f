"""How far the leads of a time got in their pipeline."""

import strawberry

import models
from engine.publish.enums import publish
from engine.publish.fields import column, read, to_one
from engine.publish.scalars import Decimal_
from resolvers.reads.analytics import funnel
from resolvers.reads.analytics.funnel import FunnelCounting
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
    decided: int = column("decided", "How many either count or are closed, or have left the pipeline.")
    rate: Decimal_ | None = read(
        funnel.rate,
        "`reached` of `decided`, in percent: leads that may still get there are left out. Null when none is decided.",
    )
    interval: RateInterval = read(funnel.interval, "How sure the rate is.")


@strawberry.type(
    description="How far the leads got that were created on some days and have been in a pipeline, wherever they are "
    "now. Leads that were deleted, or merged into others, since are not among them."
)
class Funnel:
    leads: int = read(funnel.leads, "How many leads they are.")
    stages: list[FunnelStage] = read(funnel.stages, "The stages of the pipeline as they are today, in order.", rows=8)
