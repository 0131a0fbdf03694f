"""How long leads stay in the stages of a pipeline."""

import strawberry

import models
from engine.publish.fields import column, to_one
from schema.types.stage import Stage

UNKNOWN = "Null when too many are still there to know."


@strawberry.type(
    description="How long leads stay in a stage. Those that are still there count as staying at least so long, by the "
    "estimate of Kaplan and Meier: leaving them out would show times that are too short. So do those that were deleted "
    "there, or merged into others. A visit ends when the lead enters another stage or is closed."
)
class StageDuration:
    stage: Stage = to_one(models.Stage, "stage_id", "The stage.")
    p50: int | None = column("p50", f"Within how many seconds 50 % of the visits end. {UNKNOWN}")
    p75: int | None = column("p75", f"Within how many seconds 75 % of the visits end. {UNKNOWN}")
    p90: int | None = column("p90", f"Within how many seconds 90 % of the visits end. {UNKNOWN}")
    finished: int = column("finished", "How many visits have ended.")
    ongoing: int = column("ongoing", "How many leads are still there.")
    removed: int = column("removed", "How many were deleted there, or merged into others.")
