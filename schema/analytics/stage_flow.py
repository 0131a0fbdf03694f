"""From which stage leads went to which."""

import strawberry

import models
from engine.publish.enums import publish
from engine.publish.fields import column, to_one
from resolvers.reads.analytics.stage_flow import StageFlowKind
from schema.types.stage import Stage

publish(
    StageFlowKind,
    "What going from one stage to another means, by the stages' order of today.",
    CAME_IN="Into the pipeline: created in it, or moved to it from another one.",
    FORWARD="To a later stage in which deals are in progress.",
    BACKWARD="To an earlier stage in which deals are in progress.",
    REOPENED="From a stage that wins or loses back to one in which deals are in progress.",
    WON="To a stage that wins.",
    LOST="To a stage that loses.",
    DISQUALIFIED="Disqualified in its stage, and closed there until now or until it was deleted or merged.",
    CONVERTED="Converted into an opportunity in its stage.",
    WENT_OUT="Out of the pipeline, to another one.",
    REMOVED="Deleted, or merged into another lead, unless it had been disqualified in its stage before.",
)


@strawberry.type(description="How often leads went from one stage to another. Each pair that occurred is there once.")
class StageFlow:
    from_stage: Stage | None = to_one(
        models.Stage, "from_stage_id", "The stage they left; null when they came into the pipeline."
    )
    to_stage: Stage | None = to_one(
        models.Stage,
        "to_stage_id",
        "The stage they entered; null when they left the pipeline, were closed in place, or were removed.",
    )
    kind: StageFlowKind = column("kind", "What it means.")
    count: int = column("count", "How often it happened; a lead that did it twice counts twice.")
