"""How many activities were logged."""

import strawberry

import models
from engine.publish.enums import publish
from engine.publish.fields import column, read, to_one
from models.tables.activity import ActivityType
from resolvers.reads.reports.activities import ActivityReportBy
from resolvers.reads.sums import groups
from schema.types.member import Member
from schema.types.pipeline import Pipeline
from schema.types.routing import Pool

publish(
    ActivityReportBy,
    "What activities are grouped by.",
    AUTHOR="The member who logged them.",
    POOL="The pools that the author is in now. Activities of a member in several pools count in each of them.",
    PIPELINE="The pipelines that their leads are in now.",
    MONTH="The month in which they happened, in the organisation's time zone.",
    TYPE="Their type: calls, e-mails, meetings, notes.",
)


@strawberry.type(description="What counted activities have in common. What they are not grouped by is null.")
class ActivityKey:
    author: Member | None = to_one(models.Member, "owner_id", "Who logged them; null where that is not known.")
    pool: Pool | None = to_one(models.Pool, "pool_id", "The pool; null for authors in none.")
    pipeline: Pipeline | None = to_one(models.Pipeline, "pipeline_id", "The pipeline.")
    month: str | None = column("month", "The month, such as `2026-11`.")
    type: ActivityType | None = column("type", "The type.")


@strawberry.type(
    description="How many activities were logged. Those of leads that were deleted, and activities that were deleted, "
    "are not counted; those of merged leads count for the lead that they were merged into."
)
class ActivityCount:
    key: ActivityKey = read(groups.key, "What they have in common.")
    count: int = column("activities", "How many activities these are.")
