"""Leads as they were at an event, found by undoing the log from what they are now.

A field is as the first event from there on that names it says it was, and where none does, as it is now.
"""

from typing import Any

from sqlalchemy import ARRAY, DateTime, Text, Uuid, case, cast, exists, func, literal_column
from sqlalchemy.types import TypeEngine

from engine.read.json_text import Expression, quoted
from engine.read.redirects import resolved
from engine.read.rows import Rows, rows
from models.event_types import EventType
from models.records import RECORDS
from models.rules.text import spelled
from models.tables.analytics.spans import LeadSpan
from models.tables.base import REFERENCES
from models.tables.event import Event
from resolvers.reads.events.concerns import FROM_OWNER
from resolvers.reads.events.event_fields import CHANGES

ONE: Expression = literal_column("1")
NULL: Expression = literal_column("NULL")

SET_BY = {"qualified_at": EventType.LEAD_QUALIFIED, "converted_at": EventType.LEAD_CONVERTED}
"""Columns that are empty until an event of a type, whose data does not name them."""


def before(event: Any, name: str) -> Expression:
    """What an event says that a field of its lead was, as JSON; SQL's null when it does not name the field."""
    changes = event.data.op("->")(quoted(CHANGES))
    was: Expression = changes.op("->")(quoted(spelled(name))).op("->")(literal_column("0"))
    if name == "owner_id":
        given_from = case((event.type == quoted(EventType.LEAD_ASSIGNED), event.data.op("->")(quoted(FROM_OWNER))))
        was = func.coalesce(was, given_from)
    # Tasks and activities of the lead have fields with the same names.
    return case((func.starts_with(event.type, quoted("lead.")), was))


def undone(later: Rows, name: str, now: Expression) -> Expression:
    """A field of a lead before these of its events."""
    naming = later.where(before(later.entity, name).is_not(None))
    was: Any = naming.ordered(later.entity.number.asc()).first().value(lambda row: before(row, name))
    text = was.op("#>>")(literal_column("'{}'", ARRAY(Text())))
    return case((was.is_not(None), _stored(text, now.type)), else_=now)


def _stored(text: Expression, type_: TypeEngine[Any]) -> Expression:
    """A value of an event as the column holds it: an id without its prefix."""
    return cast(func.right(text, literal_column("36")) if isinstance(type_, Uuid) else text, type_)


class LeadAtEvent:
    """A lead as the change left it that an event belongs to. Its attributes are those of the lead.

    What the log does not say of single leads is as it is now: when the lead was last updated, when it entered its
    stage, its last activity and its score. So is what other records hold: its contact, its customer, its stage.
    """

    def __init__(self, lead: Any, event: Any) -> None:
        self.lead = lead
        self.event = event

    def __getattr__(self, name: str) -> Expression:
        now: Expression = getattr(self.lead, name)
        if name == "id":
            return now
        if name in ("pipeline_id", "stage_id"):
            return func.coalesce(self._left(f"from_{name}"), now, type_=Uuid())
        if name in SET_BY:
            return case((exists(self._later(SET_BY[name]).select(ONE)), NULL), else_=now)
        if name == "closed_at":
            return self._closed_at(now)
        found = undone(self._later(), name, now)
        return resolved(found) if name in REFERENCES and RECORDS[REFERENCES[name]].merges else found

    def __clause_element__(self) -> Any:
        return self.lead.__clause_element__()

    def _later(self, type_: EventType | None = None) -> Rows:
        """Events of the lead in later changes: those of one change share their instant."""
        found = rows(Event)
        later, event = found.entity, self.event
        found = found.where(
            later.lead_id == event.lead_id, later.number > event.number, later.occurred_at > event.occurred_at
        )
        return found if type_ is None else found.where(later.type == quoted(type_))

    def _left(self, name: str) -> Expression:
        """What the lead leaves in the next change of its stage."""
        moves = self._later(EventType.LEAD_STAGE_CHANGED)
        return moves.ordered(moves.entity.number.asc()).first().value(lambda move: getattr(move, name))

    def _closed_at(self, now: Expression) -> Expression:
        """Null where spans know that the lead was open; one that was closed had been by the event, at the latest."""
        found = rows(LeadSpan)
        span, number = found.entity, self.event.number
        held = found.where(span.lead_id == self.event.lead_id, span.until_number > number, span.from_number <= number)
        was_open = exists(held.where(span.outcome.is_(None)).select(ONE))
        was_closed = exists(held.where(span.outcome.is_not(None)).select(ONE))
        by_then = func.least(now, self.event.occurred_at, type_=DateTime(timezone=True))
        return case((was_open, NULL), (was_closed, by_then), else_=now)
