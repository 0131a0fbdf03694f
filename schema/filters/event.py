"""The filters of timelines and of the change log."""

import strawberry

from engine.publish.fields import optional
from models.event_types import EventType
from schema.filters.lead import DateTimeRange

CONCERNS = (
    "Only what concerns this member: events of leads that they own, got or lost, and of tasks that they are assigned, "
    "were given or lost."
)


@strawberry.input(description="Filters events. An event must match every part that is given.")
class EventFilter:
    types: list[EventType] | None = optional("Of one of these types, up to 100.")
    actor_ids: list[strawberry.ID] | None = optional("Done by one of these members, up to 500.")
    record_id: strawberry.ID | None = optional("About this record: a lead with everything about it, a task, a stage …")
    record_ids: list[strawberry.ID] | None = optional("About one of these records, up to 500.")
    concerns: strawberry.ID | None = optional(CONCERNS)
    occurred_at: DateTimeRange | None = optional("During this time.")
