"""Reading the event log: cursors, and the events that a subscription selects."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID

from sqlalchemy import (
    BigInteger,
    ColumnElement,
    Integer,
    Text,
    Uuid,
    and_,
    any_,
    bindparam,
    case,
    cast,
    exists,
    func,
    literal_column,
    or_,
)

from engine.caller import Caller
from engine.live.known import Named
from engine.live.selection import EventSelection
from engine.read.json_text import Expression, among, quoted
from engine.read.redirects import named, resolved, together
from engine.read.rows import ORG, Rows, rows
from engine.read.slots import Args, Slot
from models.event_types import EventType
from models.rules.ids import parse_id, public_id
from models.tables.event import Event, EventLog
from models.tables.lead import Lead
from resolvers.conditions.parsing import asked
from resolvers.conditions.sql import compiled
from resolvers.conditions.tree import Condition
from resolvers.reads.events.concerns import FROM_OWNER, concerns
from resolvers.reads.events.lead_at_event import ONE, LeadAtEvent


def cursor_of(number: Expression) -> Expression:
    """`encode_cursor`, inside PostgreSQL."""
    raw = func.uuid_send(ORG).concat(func.int8send(cast(number, BigInteger)))
    return func.encode(raw, quoted("base64"), type_=Text())


def head(root: Any, args: Args) -> Expression:
    """The cursor of the last event that this snapshot includes."""
    log = rows(EventLog)
    last = log.value(lambda row: row.head)
    return cursor_of(func.coalesce(last, literal_column("0")))


def cursor(event: Any, args: Args) -> Expression:
    """The cursor of an event."""
    return cursor_of(event.number)


def lead(event: Any, args: Args) -> Rows:
    """The event's lead, as it is now; for a merged one, the lead that it was merged into."""
    return rows(Lead, resolved(event.lead_id))


@dataclass(frozen=True)
class EventFilter(EventSelection):
    """The events that a subscription selects, and the cursor it starts after. Each filter is optional. An event of
    leaving a pipeline or an owner matches the one that is left, too.

    Merged leads count as one: a subscription to any of them follows the one that stays.
    """

    types: Sequence[str] | None
    pipeline_id: Slot | None
    lead_id: Slot | None
    owner_id: Slot | None
    concerns: Slot | None
    after: Slot | None
    condition: Condition | None = field(default=None, kw_only=True)
    """What the event's lead must have matched as the event's change left it."""

    def rows(self) -> Rows:
        """The events, in the order they were committed, after the parameter `after` and up to the parameter `to`."""
        found = rows(Event)
        event = found.entity
        wanted = [
            event.number > bindparam("after", type_=BigInteger()),
            event.number <= bindparam("to", type_=BigInteger()),
        ]
        if self.types is not None:
            wanted.append(among(event.type, self.types))
        if self.pipeline_id is not None:
            pipeline_id = self.pipeline_id.bind(Uuid(), _id("pipeline"))
            wanted.append((event.pipeline_id == pipeline_id) | (event.from_pipeline_id == pipeline_id))
        if self.lead_id is not None:
            wanted.append(event.lead_id == any_(together(named("lead", self.lead_id))))
        if self.owner_id is not None:
            owner_id = self.owner_id.bind(Uuid(), _id("member"))
            taken_from = cast(func.right(event.data.op("->>")(quoted(FROM_OWNER)), literal_column("36")), Uuid)
            was_owner = case((event.type == quoted(EventType.LEAD_ASSIGNED), taken_from))
            wanted.append((event.owner_id == owner_id) | (was_owner == owner_id))
        if self.concerns is not None:
            wanted.append(concerns(event, self.concerns.bind(Uuid(), _id("member"))))
        if self.condition is not None:
            wanted.append(_met(event, self.condition))
        return found.where(*wanted).ordered(event.number.asc()).limited(bindparam("size", type_=Integer()))

    def named(self, variables: Mapping[str, Any]) -> Named:
        """The pipeline, lead and member that it names."""
        slots = {"pipelineId": ("pipeline", self.pipeline_id), "leadId": ("lead", self.lead_id)}
        slots |= {"ownerId": ("member", self.owner_id), "concerns": ("member", self.concerns)}
        return {
            argument: (prefix, _id(prefix)(slot.get(variables)))
            for argument, (prefix, slot) in slots.items()
            if slot is not None
        }

    def matcher(self, variables: Mapping[str, Any], caller: Caller) -> Callable[[Mapping[str, Any]], bool]:
        """The same conditions for a single event, so that nothing is rendered for a stream that does not select it."""
        pipeline_id = self.pipeline_id and _id("pipeline")(self.pipeline_id.get(variables))
        lead_id = self.lead_id and _id("lead")(self.lead_id.get(variables))
        owner_id = self.owner_id and _id("member")(self.owner_id.get(variables))
        concerned = self.concerns and public_id("member", _id("member")(self.concerns.get(variables)))

        def wants(event: Mapping[str, Any]) -> bool:
            return (
                (self.types is None or event["type"] in self.types)
                and (self.condition is None or event["lead_id"] is not None)
                and (pipeline_id is None or pipeline_id in (event["pipeline_id"], event["from_pipeline_id"]))
                and (lead_id is None or lead_id in event["lead_ids"])
                and (owner_id is None or owner_id in (event["owner_id"], event["from_owner_id"]))
                and (concerned is None or concerned in event["concerned"])
            )

        return wants


def _met(event: Any, condition: Condition) -> ColumnElement[bool]:
    """Whether the event's lead matched a condition as the event's change left it. Of a lead that is not there any more,
    nothing can be asked: its events are selected."""
    found = rows(Lead)
    met = found.where(found.entity.id == event.lead_id, compiled(condition, LeadAtEvent(found.entity, event)))
    is_there = exists(rows(Lead, event.lead_id).select(ONE))
    return and_(event.lead_id.is_not(None), or_(exists(met.select(ONE)), ~is_there))


def _id(prefix: str) -> Callable[[str], UUID]:
    return lambda text: parse_id(prefix, text)


def stage_changes(root: Any, args: Args) -> EventFilter:
    """The stage changes that match the filters. A pipeline matches a lead that leaves it, too."""
    return EventFilter((EventType.LEAD_STAGE_CHANGED,), *_filters(args))


def happened(root: Any, args: Args) -> EventFilter:
    """All events, or those of these types, that match the filters."""
    types, given = args.get("types"), args.get("condition")
    chosen = None if types is None else tuple(type_.value for type_ in types)
    return EventFilter(chosen, *_filters(args), condition=None if given is None else asked(given))


def _filters(args: Args) -> tuple[Slot | None, ...]:
    return tuple(args.get(name) for name in ("pipeline_id", "lead_id", "owner_id", "concerns", "after"))
