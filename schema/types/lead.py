"""Leads and opportunities."""

from typing import TYPE_CHECKING, Annotated, Optional

import strawberry

import models
from engine.publish.connection import Connection
from engine.publish.fields import Argument, column, connection, id_field, read, to_one
from engine.publish.node import Node
from engine.publish.scalars import Date, DateTime, Decimal_
from models.rules.entering import LeadField
from models.rules.refusal import Refusal
from models.rules.stage_kind import ForecastCategory
from models.tables.pipeline import PipelineType
from resolvers.changes.leads import move
from resolvers.reads import activities, leads, members, stage_times, transitions
from resolvers.reads.events import timelines as histories
from resolvers.reads.scoring import scores
from resolvers.reads.scoring.scores import ScoreSource
from resolvers.reads.tasks import tasks
from schema.filters.task import TaskFilter, TaskOrder
from schema.scoring.model import ScoreBand, ScorePart
from schema.types.activity import Activity, ActivityFilter
from schema.types.contact import Contact, Customer
from schema.types.member import Member
from schema.types.pipeline import Pipeline
from schema.types.rights import ABOUT, LeadRights
from schema.types.stage import Stage
from schema.types.task import Task

if TYPE_CHECKING:
    from schema.filters.event import EventFilter
    from schema.types.events.interfaces import Event


MOVES = members.may(move.move_lead)


@strawberry.type(description="One step in the history of a lead: that it entered a stage.")
class StageChange:
    occurred_at: DateTime = column("occurred_at", "When it happened.")
    actor: Member | None = to_one(
        models.Member, "actor_id", "The member who did it; null when the system or an import did it."
    )
    from_stage: Stage | None = to_one(models.Stage, "from_stage_id", "The stage it left; null when the lead was new.")
    from_pipeline: Pipeline | None = to_one(
        models.Pipeline, "from_pipeline_id", "The pipeline it left; null when the lead was new."
    )
    to_stage: Stage = to_one(models.Stage, "to_stage_id", "The stage it entered.")
    to_pipeline: Pipeline = to_one(models.Pipeline, "to_pipeline_id", "The pipeline of the stage it entered.")
    left_at: DateTime | None = read(stage_times.left_at, "When it left the stage; null while it is there.")
    duration: int = read(stage_times.duration, "How long it stayed, in seconds; so far, while it is there.")


@strawberry.type(description="A stage that a lead could be moved to, and what prevents it.")
class Transition:
    stage: Stage = read(transitions.stage, "The stage.")
    allowed: bool = read(transitions.allowed(MOVES), "Whether you may move it there as it is now.")
    missing_fields: list[LeadField] = read(
        transitions.missing, "The fields that the stage requires and the lead lacks.", rows=1
    )
    needs_reason: bool = read(transitions.needs_reason, "Whether a lost reason must be given.")
    refused_because: Refusal | None = read(
        transitions.refused_because(MOVES), "The code with which it would be refused; null when it is allowed."
    )


@strawberry.type(description="How long a lead has been in a stage, over all its visits.")
class StageTime:
    stage: Stage = to_one(models.Stage, "stage_id", "The stage.")
    seconds: int = read(stage_times.seconds, "The total of all visits, in seconds, including the present one so far.")
    visits: int = column("visits", "How often it entered the stage.")


@strawberry.type(
    description="A possible sale: a card on the board. In a LEAD pipeline it is a lead, in an OPPORTUNITY pipeline "
    "an opportunity."
)
class Lead(Node):
    id: strawberry.ID = id_field("lead", "The lead's id.")
    viewer_can: LeadRights = read(members.of_record, ABOUT)
    rank: str = column("rank", "Its place in its column: cards are sorted by this text, byte by byte, and then by id.")
    title: str = column("title", "What the sale is about.")
    description: str | None = column("description", "Anything else worth knowing.")
    kind: PipelineType = read(leads.kind, "Whether it is a lead or an opportunity.")
    pipeline: Pipeline = to_one(models.Pipeline, "pipeline_id", "The pipeline it is in.")
    stage: Stage = to_one(models.Stage, "stage_id", "Its current stage.")
    contact: Contact | None = to_one(models.Contact, "contact_id", "The person you deal with.")
    customer: Customer | None = to_one(models.Customer, "customer_id", "The company you sell to.")
    owner: Member | None = to_one(models.Member, "owner_id", "The member who works on it; null when it has no owner.")
    value: Decimal_ | None = column("value", "The value of the sale, in `currency`; null when unknown.")
    currency: str | None = column("currency", "The currency of `value`, as an ISO 4217 code.")
    probability: int = read(leads.probability, "The chance, in percent, of winning it: its own, or else its stage's.")
    weighted_value: Decimal_ | None = read(
        leads.weighted_value,
        "Value times probability while open, the value when won, 0 when lost; null without a value.",
    )
    expected_close_date: Date | None = column("expected_close_date", "The day on which the sale is expected.")
    forecast_category: ForecastCategory = read(
        leads.forecast_category,
        "How firmly a forecast counts on it: CLOSED when it is won, OMITTED when it was lost, disqualified or "
        "converted; else its own category, or that of its stage.",
    )
    own_forecast_category: ForecastCategory | None = column(
        "forecast_category", "The category that somebody chose instead of its stage's; null without one."
    )
    score: int | None = column("score", "How promising it looks: the higher, the better.")
    score_source: ScoreSource | None = read(
        scores.source, "Whether somebody set the score, or the rules of the pipeline give it; null without a score."
    )
    score_band: ScoreBand | None = read(
        scores.band,
        "The band that the score is in, by the scoring rules with which it was last scored; null without one.",
    )
    score_parts: list[ScorePart] = read(
        scores.parts, "How the score comes about: parts whose points together are the score.", rows=6
    )
    scored_at: DateTime | None = read(
        scores.scored_at, "When the rules last gave it other points; null when they never did."
    )
    score_version: int | None = read(
        scores.model_version, "The version of the scoring rules that gave its points; null when they never did."
    )
    source: str | None = column("source", "Where it came from: a campaign, a form, an import.")
    external_id: str | None = column("external_id", "The record's id in the system it was imported from.")
    stage_entered_at: DateTime = column("stage_entered_at", "When it entered its current stage.")
    qualified_at: DateTime | None = column("qualified_at", "When it was qualified.")
    disqualified_at: DateTime | None = column("disqualified_at", "When it was disqualified.")
    lost_reason: str | None = column("lost_reason", "Why it was lost or disqualified.")
    converted_at: DateTime | None = column("converted_at", "When it was converted into an opportunity.")
    converted_to: Optional["Lead"] = to_one(models.Lead, "converted_to_id", "The opportunity it was converted into.")
    converted_from: Optional["Lead"] = to_one(
        models.Lead, "converted_from_id", "The lead that this opportunity was converted from."
    )
    closed_at: DateTime | None = column("closed_at", "When it was won, lost or disqualified; null while it is open.")
    next_task: Task | None = read(tasks.next_of, "The open task that is due first: the next step.")
    tasks: Connection[Task] = connection(
        tasks.of_lead,
        "Its tasks, the next due first.",
        filters={"filter": Argument(TaskFilter | None, "Only the tasks that match this filter.")},
        order=TaskOrder,
    )
    activities: Connection[Activity] = connection(
        activities.of_lead,
        "The activities that people logged on it, newest first.",
        filters={"filter": Argument(ActivityFilter | None, "Only the activities that match this filter.")},
    )
    timeline: Connection[Annotated["Event", strawberry.lazy("schema.types.events.interfaces")]] = connection(
        histories.timeline,
        (
            "Everything that happened to it, in the order it was recorded, newest first: activities, stages, "
            "owners, tasks, and changed fields."
        ),
        filters={
            "filter": Argument(
                Annotated["EventFilter", strawberry.lazy("schema.filters.event")] | None,
                "Only the events that match this filter.",
            )
        },
    )
    last_activity_at: DateTime | None = column("last_activity_at", "When an activity was last logged on it.")
    allowed_transitions: list[Transition] = read(
        transitions.of_lead,
        "Every stage of its pipeline, and whether it may be moved there as it is now: to grey columns before a drop.",
        rows=7,
    )
    time_in_stage: list[StageTime] = read(
        stage_times.time_in_stage, "How long it has been in each stage, in the order of the first visits.", rows=5
    )
    is_rotten: bool = read(
        stage_times.is_rotten,
        (
            "Whether it has gone stale: open, and without an activity or an upcoming task for longer than "
            "its stage allows."
        ),
    )
    rotten_since: DateTime | None = read(stage_times.rotten_since, "Since when it has been stale; null when it is not.")
    stage_history: Connection[StageChange] = connection(leads.history, "Every stage it entered, oldest first.")
    created_at: DateTime = column("created_at", "When it was created.")
    updated_at: DateTime = column("updated_at", "When it last changed.")
    version: int = column(
        "version",
        "Counts its changes: 1, 2, 3, … Send it as `expectedVersion` to be refused when it has changed since.",
    )
