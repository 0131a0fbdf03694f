"""Histories: everything that happened to a lead, or in the whole organisation, read off the event log."""

from collections.abc import Mapping
from typing import Any

from sqlalchemy import DateTime, Uuid, or_

from models.event import Event, EventType
from models.ids import split_id
from resolvers.leads import between, one_of
from resolvers.paging import Direction, Order, Page, page
from resolvers.reading import Args, Rows, among, quoted, rows

ORDERS = {"NUMBER": Order(lambda event: event.number)}

INSTANT = DateTime(timezone=True)


def timeline(lead: Any, args: Args) -> Page:
    """Everything that happened to a lead, the newest first, but for cards that were only put in another place."""
    found = rows(Event)
    found = found.where(found.entity.lead_id == lead.id, found.entity.type != quoted(EventType.LEAD_MOVED))
    return page(_happened(found, args), args, ORDERS, ("NUMBER", Direction.DESC))


def change_log(root: Any, args: Args) -> Page:
    """Everything that happened in the organisation, the newest first."""
    return page(_happened(rows(Event), args), args, ORDERS, ("NUMBER", Direction.DESC))


def _happened(found: Rows, args: Args) -> Rows:
    wanted = {name: value for name, value in (args.get("filter") or {}).items() if value is not None}
    return found.where(*(FILTERS[name](found.entity, value) for name, value in wanted.items()))


def _of_record(event: Any, id: Any) -> Any:
    """What happened to a record: a lead's events name it as their lead, those of other records as their record."""
    record_id = id.bind(Uuid(), lambda text: split_id(text)[1])
    return or_(event.record_id == record_id, event.lead_id == record_id)


FILTERS: Mapping[str, Any] = {
    "types": lambda event, types: among(event.type, types),
    "actor_ids": lambda event, ids: one_of(event.actor_id, "member", ids),
    "record_id": _of_record,
    "occurred_at": lambda event, limits: between(event.occurred_at, limits, INSTANT, "from_", "to"),
}
"""What each part of a filter asks of an event."""
