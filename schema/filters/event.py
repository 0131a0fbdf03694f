"""How histories can be filtered."""

import strawberry

from engine.publish.fields import optional
from models.event_types import EventType
from schema.filters.lead import DateTimeRange


@strawberry.input(description="Which events are wanted. An event must pass every part that is given.")
class EventFilter:
    types: list[EventType] | None = optional("Of one of these types, up to 100.")
    actor_ids: list[strawberry.ID] | None = optional("Done by one of these members.")
    record_id: strawberry.ID | None = optional("Of this record: a lead with all that concerns it, a task, a stage …")
    occurred_at: DateTimeRange | None = optional("During this time.")
