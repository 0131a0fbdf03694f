"""Histories: all events of a lead, or of the whole organisation, read from the event log."""

from collections.abc import Mapping
from typing import Any, TypeVar

from sqlalchemy import ARRAY, BigInteger, DateTime, Uuid, any_, func

from engine.read.filters import between, one_of, parse_ids
from engine.read.json_text import among, quoted
from engine.read.paging import Direction, Order, Page, page
from engine.read.rows import OfEach, Rows, rows
from engine.read.slots import Args, Slot
from models.event_types import EventType
from models.rules.ids import parse_id
from models.tables.event import Event
from models.tables.merged_record import MergedRecord
from resolvers.reads.events.concerns import concerns

ORDERS = {"NUMBER": Order(lambda event: event.number)}

R = TypeVar("R", bound=Rows)

INSTANT = DateTime(timezone=True)


def timeline(lead: Any, args: Args) -> Page:
    """The events of a lead and of those that were merged into it, newest first, except for reorders within a stage."""
    merged, own, others = rows(MergedRecord), rows(Event), rows(Event)
    parents = merged.where(merged.entity.into_id == lead.id).select(merged.entity.id).subquery()
    own = own.where(own.entity.lead_id == lead.id, own.entity.type != quoted(EventType.LEAD_MOVED))
    others = others.where(others.entity.lead_id == parents.c.id, others.entity.type != quoted(EventType.LEAD_MOVED))
    beside = OfEach(Event, others.entity, others.conditions, parents=parents)
    return page(_happened(own, args), args, ORDERS, ("NUMBER", Direction.DESC), beside=_happened(beside, args))


def change_log(root: Any, args: Args) -> Page:
    """All events of the organisation, newest first."""
    return page(_happened(rows(Event), args), args, ORDERS, ("NUMBER", Direction.DESC))


def _happened(found: R, args: Args) -> R:
    wanted = {name: value for name, value in (args.get("filter") or {}).items() if value is not None}
    return found.where(*(FILTERS[name](found.entity, value) for name, value in wanted.items()))


def _of_record(event: Any, id: Slot) -> Any:
    """The events of a record: a lead's events name it as their lead, those of other records as their record."""
    return _naming(event, id.bind(ARRAY(Uuid()), lambda text: parse_ids(None, [text])))


def _of_records(event: Any, ids: Slot) -> Any:
    """The same for one of several records."""
    return _naming(event, ids.bind(ARRAY(Uuid()), lambda texts: parse_ids(None, texts)))


def _naming(event: Any, ids: Any) -> Any:
    return event.number == any_(_numbers("record_id", ids).concat(_numbers("lead_id", ids)))


def _numbers(column: str, ids: Any) -> Any:
    """The numbers of the events that name one of these records in a column, as an array.

    As one condition OR the other, PostgreSQL would search the whole log for the few events of a record.
    """
    named = rows(Event)
    found = named.where(getattr(named.entity, column) == any_(ids)).select(named.entity.number)
    return func.array(found.scalar_subquery(), type_=ARRAY(BigInteger()))


FILTERS: Mapping[str, Any] = {
    "types": lambda event, types: among(event.type, types),
    "actor_ids": lambda event, ids: one_of(event.actor_id, "member", ids),
    "record_id": _of_record,
    "record_ids": _of_records,
    "concerns": lambda event, id: concerns(event, id.bind(Uuid(), lambda text: parse_id("member", text))),
    "occurred_at": lambda event, limits: between(event.occurred_at, limits, INSTANT, "from_", "to"),
}
"""The condition of each part of an event filter."""
