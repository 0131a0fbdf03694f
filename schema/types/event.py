"""Events: what subscriptions deliver, one type for each type of event.

A type with fields of its own is declared here with `@of(EventType.…)`, which gives it its description. An event without
a type of its own is a `RecordChanged`.
"""

from collections.abc import Callable
from typing import ClassVar, TypeVar

import strawberry

import models
from engine.publish.fields import column, id_field, read, to_one
from engine.publish.node import Node
from engine.publish.scalars import DateTime
from engine.read.variants import Variants
from models.event_types import EventType
from resolvers.reads.events import event_fields, subscriptions
from schema.types.activity import Activity
from schema.types.lead import Lead
from schema.types.member import Member
from schema.types.pipeline import Pipeline
from schema.types.stage import Stage
from schema.types.task import Task


@strawberry.type(description="One field that changed.")
class FieldChange:
    field: str = column("field", "The field, as it is named in this API.")
    before: str | None = column("before", "Its value before: text as it is, anything else as JSON; null if empty.")
    after: str | None = column("after", "Its value after, in the same form.")


@strawberry.interface(description="An event. Each type of event has further fields.")
class Event:
    variants: ClassVar[Variants]

    id: strawberry.ID = id_field("event", "The id of this event, the same everywhere it is shown.")
    event_id: strawberry.ID = id_field("event", "The id of this event.", deprecated="Use `id`.")
    cursor: str = read(
        subscriptions.cursor, "The place of this event in the log. Subscribe `after` it to continue from here."
    )
    change_id: strawberry.ID = read(
        event_fields.change_id,
        "The change that caused it: the same for all events of one change, and in the payload of its mutation.",
    )
    type: EventType = read(event_fields.type, "The type of the event.")
    occurred_at: DateTime = column("occurred_at", "When it happened.")
    actor: Member | None = to_one(
        models.Member,
        "actor_id",
        "The member who did it; null when the system did it, or an import that named no member.",
    )
    mutation: str | None = read(event_fields.mutation, "The mutation that caused it; null when no mutation did.")
    lead: Lead | None = read(
        subscriptions.lead,
        "The lead it is about, as it is now; null when it is about no lead, or the lead has been deleted.",
    )
    record_id: strawberry.ID | None = read(
        event_fields.record_id, "The id of the record it is about, which may have been deleted."
    )
    changes: list[FieldChange] = read(
        event_fields.changes,
        "The fields that changed; for a deleted record, the fields it had.",
        rows=5,
    )


@strawberry.interface(description="An event of a task.")
class TaskEvent(Event):
    variants: ClassVar[Variants]

    task: Task | None = to_one(models.Task, "record_id", "The task, as it is now; null when it has been deleted.")


@strawberry.interface(description="An event of a logged activity.")
class ActivityEvent(Event):
    variants: ClassVar[Variants]

    activity: Activity | None = to_one(
        models.Activity, "record_id", "The activity, as it is now; null when it has been deleted."
    )


Published = TypeVar("Published", bound=type[Event])

TYPES: dict[EventType, type[Event]] = {}
"""The published type of each type of event that has one."""


def of(event_type: EventType) -> Callable[[Published], Published]:
    """Publish a class as the type of such events, with the description of `event_type`."""

    def publish(cls: Published) -> Published:
        TYPES[event_type] = strawberry.type(cls, description=event_type.description)
        return cls

    return publish


@of(EventType.LEAD_CREATED)
class LeadCreated(Event):
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


@of(EventType.LEAD_CONVERTED)
class LeadConverted(Event):
    opportunity: Lead | None = read(event_fields.opportunity, "The opportunity that it was converted into.")


@of(EventType.LEAD_ROTTEN)
class LeadRotten(Event):
    stage: Stage | None = to_one(models.Stage, "stage_id", "The stage in which it went stale.")
    rotten_since: DateTime | None = read(event_fields.rotten_since, "Since when it has been stale.")
    days: int | None = read(
        event_fields.number(EventType.LEAD_ROTTEN, "days"), "The days without an activity that the stage allowed."
    )


@of(EventType.LEAD_MERGED)
class LeadMerged(Event):
    into: Lead | None = read(event_fields.merged_into, "The lead that it was merged into, as it is now.")


@of(EventType.LEAD_DELETED)
class LeadDeleted(Event):
    title: str | None = read(event_fields.text(EventType.LEAD_DELETED, "title"), "The title it had.")


@of(EventType.TASK_SCHEDULED)
class TaskScheduled(TaskEvent): ...


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
    deadline: DateTime | None = read(event_fields.deadline, "The deadline that passed.")


@of(EventType.TASK_DELETED)
class TaskDeleted(TaskEvent):
    title: str | None = read(event_fields.text(EventType.TASK_DELETED, "title"), "The title it had.")


@of(EventType.ACTIVITY_LOGGED)
class ActivityLogged(ActivityEvent): ...


@of(EventType.ACTIVITY_UPDATED)
class ActivityUpdated(ActivityEvent): ...


@of(EventType.ACTIVITY_DELETED)
class ActivityDeleted(ActivityEvent):
    subject: str | None = read(event_fields.text(EventType.ACTIVITY_DELETED, "subject"), "The subject it had.")


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


@strawberry.type(description="An event of any other record: a pipeline, a stage, a contact, a customer, a member …")
class RecordChanged(Event):
    record: Node | None = read(
        event_fields.record, "The record it is about, as it is now; null when it has been deleted."
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
