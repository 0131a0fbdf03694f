"""Events: what subscriptions deliver, one type for each kind of thing that happens."""

from typing import ClassVar

import strawberry

from engine.publish.fields import column, read
from engine.publish.node import Node
from engine.publish.scalars import DateTime
from engine.read.variants import Variants
from models.tables.event import EventType
from resolvers.reads.events import event_fields as event_log
from resolvers.reads.events import subscriptions as events
from schema.types.activity import Activity
from schema.types.lead import Lead
from schema.types.member import Member
from schema.types.pipeline import Pipeline
from schema.types.stage import Stage
from schema.types.task import Task


@strawberry.type(description="One field that was changed.")
class FieldChange:
    field: str = column("field", "The field, as it is named in this API.")
    before: str | None = column("before", "What it held before: text as it is, anything else as JSON; null if empty.")
    after: str | None = column("after", "What it holds since, in the same form.")


@strawberry.interface(description="Something that happened. Its type tells what more there is to ask.")
class Event:
    variants: ClassVar[Variants]

    event_id: strawberry.ID = read(event_log.event_id, "The event's own id: the same wherever it is told.")
    cursor: str = read(events.cursor, "The place of this event. Subscribe `after` it to go on where you stopped.")
    type: EventType = read(event_log.type, "What happened.")
    occurred_at: DateTime = column("occurred_at", "When it happened.")
    actor: Member | None = read(events.actor, "Who did it; null when it was done by the system or an import.")
    mutation: str | None = read(event_log.mutation, "The mutation that it came from; null when it came from none.")
    lead: Lead | None = read(
        events.lead, "The lead it happened to, as it is now; null when it was none, or when it has been deleted since."
    )
    record_id: strawberry.ID | None = read(
        event_log.record_id, "The id of the record it happened to, which may be there no longer."
    )
    changes: list[FieldChange] = read(
        event_log.changes,
        "What was changed, field by field; what it held, when it is gone.",
        rows=5,
    )


@strawberry.type(description="A lead was made.")
class LeadCreated(Event):
    stage: Stage | None = read(events.to_stage, "The stage it began in.")
    pipeline: Pipeline | None = read(events.to_pipeline, "The pipeline it began in.")


@strawberry.type(description="Fields of a lead were changed: see `changes`.")
class LeadUpdated(Event):
    pass


@strawberry.type(description="A lead was given to somebody, or to nobody.")
class LeadAssigned(Event):
    from_owner: Member | None = read(event_log.from_owner, "Who worked on it before; null when nobody did.")
    to_owner: Member | None = read(event_log.to_owner, "Who works on it since; null when nobody does.")
    rule: str | None = read(event_log.text("rule"), "The routing rule that decided; null when a person did.")


@strawberry.type(description="A lead has entered another stage.")
class StageChanged(Event):
    from_stage: Stage | None = read(events.from_stage, "The stage it left.")
    from_pipeline: Pipeline | None = read(events.from_pipeline, "The pipeline it left.")
    to_stage: Stage | None = read(events.to_stage, "The stage it entered.")
    to_pipeline: Pipeline | None = read(events.to_pipeline, "The pipeline of the stage it entered.")


@strawberry.type(description="A card got another place in its column.")
class LeadMoved(Event):
    stage: Stage | None = read(events.to_stage, "The column.")


@strawberry.type(description="A lead was found worth working on. It also enters its next stage.")
class LeadQualified(Event):
    pass


@strawberry.type(description="A lead was closed as not worth working on.")
class LeadDisqualified(Event):
    reason: str | None = read(event_log.text("reason"), "Why.")
    notes: str | None = read(event_log.text("notes"), "What more was said.")


@strawberry.type(description="A closed lead was taken up again.")
class LeadReopened(Event):
    reason: str | None = read(event_log.text("reason"), "Why it had been closed.")


@strawberry.type(description="A lead became an opportunity.")
class LeadConverted(Event):
    opportunity: Lead | None = read(event_log.opportunity, "The opportunity that it became.")


@strawberry.type(description="A lead was joined into another, because both were the same.")
class LeadMerged(Event):
    into: Lead | None = read(event_log.merged_into, "The lead that it was joined into, as it is now.")


@strawberry.type(description="A lead was deleted.")
class LeadDeleted(Event):
    title: str | None = read(event_log.text("title"), "What it was called.")


@strawberry.interface(description="Something that happened to a task.")
class TaskEvent(Event):
    variants: ClassVar[Variants]

    task: Task | None = read(event_log.task, "The task, as it is now; null when it has been deleted since.")


@strawberry.type(description="A task was made: somebody planned the next step.")
class TaskScheduled(TaskEvent):
    pass


@strawberry.type(description="Fields of a task were changed: see `changes`.")
class TaskUpdated(TaskEvent):
    pass


@strawberry.type(description="A task was done.")
class TaskCompleted(TaskEvent):
    pass


@strawberry.type(description="A task was given up.")
class TaskCancelled(TaskEvent):
    pass


@strawberry.type(description="A task that had ended was taken up again.")
class TaskReopened(TaskEvent):
    pass


@strawberry.type(description="A task was not done in time: told once for each due time, soon after it has passed.")
class TaskOverdue(TaskEvent):
    deadline: DateTime | None = read(event_log.deadline, "The instant that passed before it was done.")


@strawberry.type(description="A task was deleted.")
class TaskDeleted(TaskEvent):
    title: str | None = read(event_log.text("title"), "What was to be done.")


@strawberry.interface(description="Something that happened to an activity: to what somebody told.")
class ActivityEvent(Event):
    variants: ClassVar[Variants]

    activity: Activity | None = read(
        event_log.activity, "The activity, as it is now; null when it has been deleted since."
    )


@strawberry.type(description="Somebody told of a call, an e-mail, a meeting, or left a note.")
class ActivityLogged(ActivityEvent):
    pass


@strawberry.type(description="What somebody told was corrected: see `changes`.")
class ActivityUpdated(ActivityEvent):
    pass


@strawberry.type(description="What somebody told was taken back.")
class ActivityDeleted(ActivityEvent):
    subject: str | None = read(event_log.text("subject"), "What it was about.")


@strawberry.type(description="Anything else that happened: to a pipeline, a stage, a contact, a customer, a member …")
class RecordChanged(Event):
    record: Node | None = read(event_log.record, "The record it happened to, as it is now; null when it is gone.")


def _kinds(of: type[Event]) -> dict[str, list[str]]:
    """The values of the column `type`, by the name of the type that tells them: `lead.created` is a LeadCreated."""
    names = {"LeadStageChanged": "StageChanged"}
    found: dict[str, list[str]] = {}
    for value in EventType:
        spelled = "".join(part.capitalize() for part in value.name.split("_"))
        published = globals().get(names.get(spelled, spelled))
        if published is not None and issubclass(published, of):
            found.setdefault(published.__name__, []).append(value)
    return found


Event.variants = Variants("type", _kinds(Event), RecordChanged.__name__)
TaskEvent.variants = Variants("type", _kinds(TaskEvent), TaskUpdated.__name__)
ActivityEvent.variants = Variants("type", _kinds(ActivityEvent), ActivityUpdated.__name__)
EVENTS = [*Event.__subclasses__(), *TaskEvent.__subclasses__(), *ActivityEvent.__subclasses__()]
"""The types of events, for the schema to know them all."""
