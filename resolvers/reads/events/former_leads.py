"""A lead as it was when something happened, as far as events say; what they do not hold is as it is now.

Each field is what the first later event that names it says it was before. So nothing is stored for it, and soon after
an event there is next to nothing to look through.
"""

from collections.abc import Callable
from dataclasses import dataclass
from operator import ge, gt
from typing import Any, Self

from sqlalchemy import ARRAY, Text, Uuid, case, cast, func, literal_column
from sqlalchemy.types import TypeEngine

from engine.read.json_text import Expression, quoted
from engine.read.rows import rows
from models.event_types import EventType
from models.rules.text import spelled
from models.tables.event import Event
from resolvers.reads.events.concerns import FROM_OWNER
from resolvers.reads.events.event_fields import CHANGES

GONE = (EventType.LEAD_DELETED, EventType.LEAD_MERGED)
"""Events after which there is no such lead any more."""


@dataclass(frozen=True, eq=False)
class FormerLead:
    """A lead right before or right after an event. Its attributes are those of a lead."""

    lead: Any
    event: Any
    places: dict[str, Expression]
    """Where it was."""
    later: Callable[[Any, Any], Any]
    """Compares the number of an event that tells of it with that of this event."""

    @classmethod
    def before(cls, lead: Any, event: Any) -> Self:
        """The lead right before the event."""
        came_from = func.coalesce(event.from_pipeline_id, event.pipeline_id, type_=Uuid())
        left = func.coalesce(event.from_stage_id, event.stage_id, type_=Uuid())
        return cls(lead, event, {"pipeline_id": came_from, "stage_id": left}, ge)

    @classmethod
    def after(cls, lead: Any, event: Any) -> Self:
        """The lead right after the event."""
        return cls(lead, event, {"pipeline_id": event.pipeline_id, "stage_id": event.stage_id}, gt)

    def __getattr__(self, name: str) -> Expression:
        event, now = self.event, getattr(self.lead, name)
        if name in self.places:
            return self.places[name]
        found = rows(Event)
        told = found.entity
        naming = found.where(
            told.lead_id == event.lead_id, self.later(told.number, event.number), _before(told, name).is_not(None)
        )
        was: Any = naming.ordered(told.number.asc()).first().value(lambda row: _before(row, name))
        text = was.op("#>>")(literal_column("'{}'", ARRAY(Text())))
        return case((was.is_not(None), _stored(text, now.type)), else_=now)

    def __clause_element__(self) -> Any:
        return self.lead.__clause_element__()


def _before(event: Any, name: str) -> Expression:
    """What an event says that a field of its lead was, as JSON; SQL's null when it does not name the field."""
    changes = event.data.op("->")(quoted(CHANGES))
    was: Expression = changes.op("->")(quoted(spelled(name))).op("->")(literal_column("0"))
    if name == "owner_id":
        given_from = case((event.type == quoted(EventType.LEAD_ASSIGNED), event.data.op("->")(quoted(FROM_OWNER))))
        was = func.coalesce(was, given_from)
    # Tasks and activities of the lead have fields with the same names.
    return case((func.starts_with(event.type, quoted("lead.")), was))


def _stored(text: Expression, type_: TypeEngine[Any]) -> Expression:
    """A value of an event as the column holds it: an id without its prefix."""
    return cast(func.right(text, literal_column("36")) if isinstance(type_, Uuid) else text, type_)
