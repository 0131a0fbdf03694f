"""What leads and stages were, found by undoing the event log from what they are now, or were when they ended.

A lead's fields are undone by its events, newest first; how it was closed is followed forwards, because events say when
a lead was closed and not what it was before. The order of a pipeline's stages is undone for all of them together.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import groupby, pairwise
from typing import Any, NamedTuple
from uuid import UUID

import orjson

from models.database import Row
from models.event_keys import key
from models.event_types import EventType
from models.rules.ids import split_id
from models.rules.stage_kind import StageKind
from models.tables.analytics.spans import FOREVER, LeadOutcome
from resolvers.changes.spans.held import CHANGES, LEAD_FIELDS, STAGE_FIELDS

FROM, TO = key(EventType.LEAD_ASSIGNED, "from_"), key(EventType.LEAD_ASSIGNED, "to")
OWNER = "ownerId"
ENDS = (EventType.LEAD_DELETED, EventType.LEAD_MERGED)
EMPTYING = "delete_stage"
"""The change that moves leads without opening those that were disqualified."""

Values = dict[str, Any]
"""What a record was, by the keys of events."""


class Span(NamedTuple):
    """What a record was, from one number to before another."""

    from_number: int
    until_number: int
    values: Values


class Kinds:
    """The kind of each stage at each number."""

    def __init__(self, spans: Sequence[Row]) -> None:
        self.spans: dict[UUID, list[Row]] = {}
        for span in spans:
            self.spans.setdefault(span["stage_id"], []).append(span)

    def at(self, stage_id: UUID, number: int) -> str:
        """The kind of a stage; of a stage whose past is not known, that it is open."""
        for span in self.spans.get(stage_id, ()):
            if number < span["until_number"]:
                kind: str = span["kind"]
                return kind
        return StageKind.OPEN


def _changes(events: Sequence[Row]) -> Iterator[list[Row]]:
    """The events of each change, oldest first: those of one change share their instant."""
    for _, of_one in groupby(events, key=lambda event: event["occurred_at"]):
        yield list(of_one)


def _held(event: Row) -> Values:
    found: Values = orjson.loads(event["data"])
    return found


def lead_spans(lead: Row | None, events: Sequence[Row], kinds: Kinds) -> list[Span]:
    """The spans of a lead, oldest first, from the lead as it is now, if it is there, and its events, oldest first.

    Where the log does not go back to the lead's creation, the first span begins with the log. What a lead is now stays
    what it is, whatever the log says.
    """
    values = None if lead is None else {name: lead[name] for name in ("pipeline_id", "stage_id", *LEAD_FIELDS)}
    undone: list[tuple[int, Values | None]] = []
    for change in reversed(list(_changes(events))):
        after = values
        for event in reversed(change):
            values = _undone(values, event)
        if values != after or any(_closes(event) for event in change):
            undone.append((change[0]["number"], after))
    if values is not None:
        undone.append((0, values))
    spans = _with_outcomes(list(reversed(undone)), events, kinds)
    if lead is not None:
        now = _Closing(kinds, lead["disqualified_at"] is not None, lead["converted_at"] is not None)
        spans[-1].values["outcome"] = now.outcome(lead["stage_id"], FOREVER - 1)
    return spans


def _closes(event: Row) -> bool:
    return event["type"] in (EventType.LEAD_DISQUALIFIED, EventType.LEAD_REOPENED, EventType.LEAD_CONVERTED)


def _undone(values: Values | None, event: Row) -> Values | None:
    """What a lead was before an event; None before there was one."""
    type_, held = event["type"], _held(event)
    if type_ in ENDS:
        # The forecast category with which a lead ended is not in its event: spans have held them from the first one on.
        place = {"pipeline_id": event["pipeline_id"], "stage_id": event["stage_id"]}
        return {**place, **{name: held.get(name) for name in LEAD_FIELDS}}
    if values is None or type_ == EventType.LEAD_CREATED:
        return None
    before = {name: pair[0] for name, pair in held.get(CHANGES, {}).items() if name in LEAD_FIELDS}
    if type_ == EventType.LEAD_ASSIGNED:
        before[OWNER] = held.get(FROM)
    if type_ == EventType.LEAD_STAGE_CHANGED:
        before |= {"pipeline_id": event["from_pipeline_id"], "stage_id": event["from_stage_id"]}
    return {**values, **before}


def _with_outcomes(undone: Sequence[tuple[int, Values | None]], events: Sequence[Row], kinds: Kinds) -> list[Span]:
    """The spans between the numbers at which a lead changed, each with how the lead was closed by then."""
    closing = _Closing(kinds)
    changes = {change[0]["number"]: change for change in _changes(events)}
    spans: list[Span] = []
    for (number, values), (until, _) in pairwise([*undone, (FOREVER, None)]):
        closing.follow(changes.get(number, ()))
        if values is None:
            continue
        shown = {**values, "outcome": closing.outcome(values["stage_id"], number)}
        if spans and spans[-1].until_number == number and spans[-1].values == shown:
            spans[-1] = spans[-1]._replace(until_number=until)
        else:
            spans.append(Span(number, until, shown))
    return spans


@dataclass
class _Closing:
    """Whether a lead is disqualified or converted, followed from change to change."""

    kinds: Kinds
    disqualified: bool = False
    converted: bool = False

    def follow(self, change: Sequence[Row]) -> None:
        types = {event["type"] for event in change}
        for event in change:
            if event["type"] == EventType.LEAD_STAGE_CHANGED:
                kind = self.kinds.at(event["stage_id"], event["number"])
                was = self.kinds.at(event["from_stage_id"], event["number"])
                if event["mutation"] == EMPTYING:
                    self.disqualified &= kind != StageKind.WON
                else:
                    was = StageKind.LOST if self.disqualified else was
                    self.disqualified &= kind != StageKind.OPEN and kind == was
        if EventType.LEAD_DISQUALIFIED in types:
            self.disqualified = True
        if EventType.LEAD_REOPENED in types:
            self.disqualified = False
        if EventType.LEAD_CONVERTED in types:
            self.converted = True

    def outcome(self, stage_id: UUID, number: int) -> LeadOutcome | None:
        kind = self.kinds.at(stage_id, number)
        if kind == StageKind.WON:
            return LeadOutcome.WON
        if self.converted:
            return LeadOutcome.CONVERTED
        return LeadOutcome.LOST if self.disqualified or kind == StageKind.LOST else None


@dataclass
class _Board:
    """The stages of a pipeline, while its events are undone: their order, and what each holds. Those that were deleted
    alone have kept their position, and so have those that `went_with_it`."""

    order: list[UUID]
    stages: dict[UUID, Values]
    positions: Mapping[UUID, int]
    went_with_it: list[UUID]

    def now(self) -> dict[UUID, Values]:
        return {id: {**self.stages[id], "position": at} for at, id in enumerate(self.order)}

    def undo(self, event: Row) -> None:
        type_, id, held = event["type"], event["stage_id"], _held(event)
        if type_ == EventType.PIPELINE_CREATED:
            self.order = []
        elif type_ == EventType.PIPELINE_DELETED:
            self.order = self.went_with_it
        elif type_ == EventType.STAGES_REORDERED:
            self.order = [split_id(text)[1] for text in held[FROM]]
        elif type_ == EventType.STAGE_ADDED and id in self.order:
            self.order.remove(id)
        elif type_ == EventType.STAGE_DELETED and id in self.positions:
            self.order.insert(self.positions[id], id)
        elif type_ == EventType.STAGE_UPDATED and id in self.stages:
            before = {STAGE_FIELDS[name]: pair[0] for name, pair in held[CHANGES].items() if name in STAGE_FIELDS}
            self.stages[id] = {**self.stages[id], **before}


def stage_spans(stages: Sequence[Row], events: Sequence[Row]) -> Iterator[tuple[UUID, Span]]:
    """The spans of the stages of a pipeline, from all that it has or had and from its events, oldest first."""
    in_order = sorted(stages, key=lambda row: row["position"])
    there = [row["id"] for row in in_order if row["deleted_at"] is None]
    alone = {event["stage_id"] for event in events if event["type"] == EventType.STAGE_DELETED}
    went_with_it = [row["id"] for row in in_order if row["deleted_at"] is not None and row["id"] not in alone]
    held = {row["id"]: {name: row[name] for name in ("pipeline_id", *STAGE_FIELDS.values())} for row in stages}
    board = _Board(there, held, {row["id"]: row["position"] for row in stages}, went_with_it)
    until = {id: (FOREVER, values) for id, values in board.now().items()}
    for change in reversed(list(_changes(events))):
        number = change[0]["number"]
        for event in reversed(change):
            board.undo(event)
        before = board.now()
        for id in {*until, *before}:
            if id in until and before.get(id) != until[id][1]:
                ended, values = until.pop(id)
                yield id, Span(number, ended, values)
            if id in before and id not in until:
                until[id] = number, before[id]
    for id, (ended, values) in until.items():
        yield id, Span(0, ended, values)
