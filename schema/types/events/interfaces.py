"""What all events have, and those of tasks and of activities; and how a class is published as the type of an event."""

from collections.abc import Callable
from typing import ClassVar, TypeVar

import strawberry

import models
from engine.publish.enums import publish
from engine.publish.fields import column, id_field, read, to_one
from engine.publish.scalars import DateTime
from engine.read.variants import Variants
from models.event_types import EventType
from models.tables.event import ActorKind
from resolvers.reads.events import event_fields, subscriptions
from schema.types.activity import Activity
from schema.types.lead import Lead
from schema.types.member import Member
from schema.types.run import Run
from schema.types.task import Task

publish(
    ActorKind,
    "Who or what caused an event.",
    MEMBER="A person, signed in or by an application that acts for them.",
    AUTOMATION="A rule that your organisation has set up.",
    IMPORT="An import of a file.",
    SYSTEM="Nobody: time has passed, such as the deadline of a task.",
)


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
    actor_kind: ActorKind = column("actor_kind", "Whether a member, an automation, an import or the system caused it.")
    run: Run | None = to_one(
        models.Run, "run_id", "The run that caused it in one of its batches; null when it was made at once."
    )
    depth: int = column(
        "depth", "How many automations lie between a member's change and this one; 0 for what nobody automated."
    )
    lead: Lead | None = read(
        subscriptions.lead,
        "The lead it is about, as it is now; null when it is about no lead, or the lead has been deleted.",
    )
    record_id: strawberry.ID | None = read(
        event_fields.record_id, "The id of the record it is about, which may have been deleted."
    )
    changes: list[FieldChange] = read(
        event_fields.changes,
        "The fields that changed; for a new record, the fields it was created with; for a deleted one, those it had.",
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
