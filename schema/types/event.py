"""Events: what subscriptions deliver, one type for each type of event.

A type with fields of its own is declared with `@of(EventType.…)`. An event without one is a `RecordChanged`.
"""

import strawberry

import models
from engine.publish.fields import read, to_one
from engine.publish.node import Node
from engine.publish.scalars import DateTime
from engine.read.variants import Variants
from models.event_types import EventType
from models.tables.task import TaskStatus
from resolvers.reads.events import event_fields
from schema.types.events.interfaces import TYPES, ActivityEvent, Event, TaskEvent, of
from schema.types.events.scoring import LeadScoreCrossed, ScoresChanged  # noqa: F401
from schema.types.lead import Lead
from schema.types.member import Member
from schema.types.pipeline import Pipeline
from schema.types.routing import Pool
from schema.types.stage import Stage
from schema.types.task import Task


@of(EventType.LEAD_CREATED)
class LeadCreated(Event):
    title: str | None = read(event_fields.text(EventType.LEAD_CREATED, "title"), "The title it was created with.")
    stage: Stage | None = to_one(models.Stage, "stage_id", "The stage it was created in.")
    pipeline: Pipeline | None = to_one(models.Pipeline, "pipeline_id", "The pipeline it was created in.")


@of(EventType.LEAD_UPDATED)
class LeadUpdated(Event): ...


@of(EventType.LEAD_ASSIGNED)
class LeadAssigned(Event):
    from_owner: Member | None = read(event_fields.from_owner, "The owner before; null when it had none.")
    to_owner: Member | None = read(event_fields.to_owner, "The owner after; null when it has none.")
    rule: str | None = read(
        event_fields.text(EventType.LEAD_ASSIGNED, "rule"),
        "The name of the routing rule that assigned it; null when a member did.",
    )
    pool: Pool | None = read(event_fields.assigned_by, "The pool that the rule shared it out to; null without one.")


@of(EventType.LEAD_STAGE_CHANGED)
class StageChanged(Event):
    from_stage: Stage | None = to_one(models.Stage, "from_stage_id", "The stage it left.")
    from_pipeline: Pipeline | None = to_one(models.Pipeline, "from_pipeline_id", "The pipeline it left.")
    to_stage: Stage | None = to_one(models.Stage, "stage_id", "The stage it entered.")
    to_pipeline: Pipeline | None = to_one(models.Pipeline, "pipeline_id", "The pipeline of the stage it entered.")


@of(EventType.LEAD_MOVED)
class LeadMoved(Event):
    stage: Stage | None = to_one(models.Stage, "stage_id", "The column.")


@of(EventType.LEAD_QUALIFIED)
class LeadQualified(Event): ...


@of(EventType.LEAD_DISQUALIFIED)
class LeadDisqualified(Event):
    reason: str | None = read(event_fields.text(EventType.LEAD_DISQUALIFIED, "reason"), "Why it was disqualified.")
    notes: str | None = read(event_fields.text(EventType.LEAD_DISQUALIFIED, "notes"), "Further notes.")


@of(EventType.LEAD_REOPENED)
class LeadReopened(Event):
    reason: str | None = read(event_fields.text(EventType.LEAD_REOPENED, "reason"), "Why it had been closed.")
    closed_at: DateTime | None = read(
        event_fields.instant(EventType.LEAD_REOPENED, "closed_at"), "When it had been closed."
    )


@of(EventType.LEAD_CONVERTED)
class LeadConverted(Event):
    opportunity: Lead | None = read(event_fields.opportunity, "The opportunity that it was converted into.")


@of(EventType.LEAD_ROTTEN)
class LeadRotten(Event):
    stage: Stage | None = to_one(models.Stage, "stage_id", "The stage in which it went stale.")
    rotten_since: DateTime | None = read(
        event_fields.instant(EventType.LEAD_ROTTEN, "rotten_since"), "Since when it has been stale."
    )
    days: int | None = read(
        event_fields.number(EventType.LEAD_ROTTEN, "days"), "The days without an activity that the stage allowed."
    )


@of(EventType.LEAD_MERGED)
class LeadMerged(Event):
    title: str | None = read(event_fields.text(EventType.LEAD_MERGED, "title"), "The title it had.")
    into: Lead | None = read(event_fields.merged_into_lead, "The lead that it was merged into, as it is now.")


@of(EventType.LEAD_DELETED)
class LeadDeleted(Event):
    title: str | None = read(event_fields.text(EventType.LEAD_DELETED, "title"), "The title it had.")


@of(EventType.TASK_SCHEDULED)
class TaskScheduled(TaskEvent):
    title: str | None = read(event_fields.text(EventType.TASK_SCHEDULED, "title"), "The title it was created with.")
    repeats: Task | None = read(
        event_fields.repeats, "The task that it repeats, as it is now; null when it repeats none, or that was deleted."
    )


@of(EventType.TASK_UPDATED)
class TaskUpdated(TaskEvent): ...


@of(EventType.TASK_COMPLETED)
class TaskCompleted(TaskEvent): ...


@of(EventType.TASK_CANCELLED)
class TaskCancelled(TaskEvent): ...


@of(EventType.TASK_REOPENED)
class TaskReopened(TaskEvent): ...


@of(EventType.TASK_OVERDUE)
class TaskOverdue(TaskEvent):
    deadline: DateTime | None = read(
        event_fields.instant(EventType.TASK_OVERDUE, "deadline"), "The deadline that passed."
    )


@of(EventType.TASK_REMINDED)
class TaskReminded(TaskEvent):
    remind_at: DateTime | None = read(event_fields.remind_at, "When the reminder was to come.")


@of(EventType.TASK_DELETED)
class TaskDeleted(TaskEvent):
    title: str | None = read(event_fields.text(EventType.TASK_DELETED, "title"), "The title it had.")
    status: TaskStatus | None = read(event_fields.text(EventType.TASK_DELETED, "status"), "The status it had.")


@of(EventType.ACTIVITY_LOGGED)
class ActivityLogged(ActivityEvent):
    subject: str | None = read(
        event_fields.text(EventType.ACTIVITY_LOGGED, "subject"), "The subject it was logged with."
    )


@of(EventType.ACTIVITY_UPDATED)
class ActivityUpdated(ActivityEvent): ...


@of(EventType.ACTIVITY_DELETED)
class ActivityDeleted(ActivityEvent):
    subject: str | None = read(event_fields.text(EventType.ACTIVITY_DELETED, "subject"), "The subject it had.")


@of(EventType.FORECAST_SUBMITTED)
class ForecastSubmitted(Event):
    member: Member | None = read(
        event_fields.named(EventType.FORECAST_SUBMITTED, "member_id", models.Member),
        "The member who will win it; null when it is a pool's.",
    )
    pool: Pool | None = read(
        event_fields.named(EventType.FORECAST_SUBMITTED, "pool_id", models.Pool),
        "The pool that will win it; null when it is a member's.",
    )
    period: str | None = read(event_fields.text(EventType.FORECAST_SUBMITTED, "period"), "The period.")
    currency: str | None = read(
        event_fields.text(EventType.FORECAST_SUBMITTED, "currency"), "The currency, as an ISO 4217 code."
    )
    value: str | None = read(event_fields.text(EventType.FORECAST_SUBMITTED, "value"), "How much will be won.")
    note: str | None = read(event_fields.text(EventType.FORECAST_SUBMITTED, "note"), "Why.")


@of(EventType.IMPORT_FINISHED)
class ImportFinished(Event):
    pipeline: Pipeline | None = to_one(models.Pipeline, "pipeline_id", "The pipeline that the file was imported into.")
    imported: int | None = read(event_fields.number(EventType.IMPORT_FINISHED, "imported"), "Leads that were created.")
    unchanged: int | None = read(
        event_fields.number(EventType.IMPORT_FINISHED, "unchanged"), "Rows that had been imported before."
    )
    rejected: int | None = read(
        event_fields.number(EventType.IMPORT_FINISHED, "rejected"), "Rows that could not be imported."
    )


@of(EventType.WEBHOOK_REPLAYED)
class WebhookReplayed(Event):
    action: str | None = read(
        event_fields.text(EventType.WEBHOOK_REPLAYED, "action"),
        "REPLAYED: events are sent again; RETRIED or SKIPPED: an event that waited is sent now, or not at all.",
    )
    from_cursor: str | None = read(
        event_fields.text(EventType.WEBHOOK_REPLAYED, "from_cursor"), "The cursor after which events are sent again."
    )
    delivery_id: strawberry.ID | None = read(
        event_fields.text(EventType.WEBHOOK_REPLAYED, "delivery_id"), "The id of the event that waited."
    )


@of(EventType.WEBHOOK_FAILING)
class WebhookFailing(Event):
    since: DateTime | None = read(
        event_fields.instant(EventType.WEBHOOK_FAILING, "since"), "Since when nothing could be delivered."
    )


@of(EventType.WEBHOOK_DISABLED)
class WebhookDisabled(Event):
    reason: str | None = read(event_fields.text(EventType.WEBHOOK_DISABLED, "reason"), "Why it was disabled.")


@strawberry.type(description="An event of any other record: a pipeline, a stage, a contact, a customer, a member …")
class RecordChanged(Event):
    record: Node | None = read(
        event_fields.record, "The record it is about, as it is now; null when it has been deleted."
    )
    merged_into: Node | None = read(
        event_fields.merged_into,
        "The contact or customer that it was merged into, as it is now; null unless this event is a merge.",
    )
    moved_leads: int | None = read(
        event_fields.number(EventType.STAGE_DELETED, "moved_leads"),
        "How many leads moved to another stage when this one was deleted; null for other events.",
    )


def _name(published: type[Event]) -> str:
    definition: strawberry.types.base.StrawberryObjectDefinition = published.__strawberry_definition__  # type: ignore[attr-defined]
    return definition.name


def _variants(interface: type[Event], other: type[Event]) -> Variants:
    """The published types that implement an interface, by the types of events that they represent."""
    types = {_name(cls): [event_type] for event_type, cls in TYPES.items() if issubclass(cls, interface)}
    return Variants("type", types, _name(other))


Event.variants = _variants(Event, RecordChanged)
TaskEvent.variants = _variants(TaskEvent, TaskUpdated)
ActivityEvent.variants = _variants(ActivityEvent, ActivityUpdated)
EVENTS = [*TYPES.values(), RecordChanged, TaskEvent, ActivityEvent]
"""The types of events, which the schema must know."""
