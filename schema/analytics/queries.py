"""The queries of reports on stages: what `Query` has of them."""

import strawberry

import resolvers.reads.analytics.funnel
import resolvers.reads.analytics.stage_durations
import resolvers.reads.analytics.stage_flow
from engine.publish.fields import Argument, read
from models.rules.roles import Role
from resolvers.reads.analytics.cohort import FunnelBy, FunnelCounting
from schema.analytics.funnel import Funnel
from schema.analytics.stage_durations import StageDuration
from schema.analytics.stage_flow import StageFlow
from schema.filters.lead import DateRange

DAYS = "in your organisation's time zone: `from` is required, up to ten years before `to`; without `to`, until today"
PIPELINE = Argument(strawberry.ID, "The id of the pipeline.")


@strawberry.type(description="The queries of reports on stages.")
class StageReports:
    funnel: Funnel | None = read(
        resolvers.reads.analytics.funnel.funnel,
        "How far the leads of a time got in a pipeline, stage by stage; null when there is no such pipeline.",
        arguments={
            "pipeline_id": PIPELINE,
            "cohort": Argument(DateRange, f"The days on which the leads were created, {DAYS}."),
            "counting": Argument(FunnelCounting, "Which leads count for a stage.", FunnelCounting.REACHED),
            "group_by": Argument(list[FunnelBy] | None, "What to divide the leads by: any of these, together."),
        },
        role=Role.VIEWER,
    )
    stage_flow: list[StageFlow] = read(
        resolvers.reads.analytics.stage_flow.flow,
        "From which stage of a pipeline leads went to which, in the order of the stages, deleted stages included; "
        "nothing when there is no such pipeline. Leads that were deleted or merged into others since are counted.",
        arguments={
            "pipeline_id": PIPELINE,
            "in": Argument(DateRange, f"The days on which it happened, {DAYS}."),
        },
        role=Role.VIEWER,
        rows=20,
    )
    stage_durations: list[StageDuration] = read(
        resolvers.reads.analytics.stage_durations.durations,
        "How long leads stay in each stage of a pipeline in which deals are in progress, in the order of the stages; "
        "none when there is no such pipeline. Leads that were deleted, or merged into others, since are counted.",
        arguments={
            "pipeline_id": PIPELINE,
            "in": Argument(DateRange | None, f"Only visits that began on these days, {DAYS}. Left out, all visits."),
        },
        role=Role.VIEWER,
        rows=8,
    )
