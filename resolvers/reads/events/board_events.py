"""A board that is kept up to date: what each event means for a client that shows the cards matching a filter.

Whether a card is on the board now is read from the lead as it is now; whether it was before, from the lead as it was
right before the event, according to this event and later ones. So several changes in a row may all show the last state,
which does no harm, because the last one shows it, too. After a lead is deleted, each of its events says again that it
has left.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from sqlalchemy import ColumnElement, Text, Uuid, and_, case, cast, exists, func, literal_column, or_, tuple_

from engine.caller import Caller
from engine.read.json_text import Expression, among, quoted
from engine.read.rows import Rows, rows
from engine.read.slots import Args, Slot
from models.event_types import EventType
from models.rules.ids import parse_id
from models.tables.event import Event
from models.tables.lead import Lead
from models.tables.stage import Stage
from resolvers.reads.events.lead_at_event import undone
from resolvers.reads.events.subscriptions import EventFilter
from resolvers.reads.lead_lists import matching

ONE: Expression = literal_column("1")
FALSE: ColumnElement[bool] = literal_column("false")

COLUMNS = (
    EventType.PIPELINE_UPDATED,
    EventType.PIPELINE_DELETED,
    EventType.STAGE_ADDED,
    EventType.STAGE_UPDATED,
    EventType.STAGE_DELETED,
    EventType.STAGES_REORDERED,
)
"""Events of the board itself rather than of a card."""

MOVES = (EventType.LEAD_STAGE_CHANGED, EventType.LEAD_MOVED)

GONE = (EventType.LEAD_DELETED, EventType.LEAD_MERGED)
"""Events that remove a card for good."""

UNRECORDED = ("closed", "forecast_categories", "has_next_task", "search")
"""Parts of a filter whose former values no event holds; they count as matched."""


class BoardChange(StrEnum):
    """What an event means for a board."""

    ENTERED = "ENTERED"
    LEFT = "LEFT"
    MOVED = "MOVED"
    CHANGED = "CHANGED"
    COLUMNS = "COLUMNS"


class Before:
    """A lead before an event: each field as the first event from there on that names it says, else as it is now."""

    def __init__(self, lead: Any, event: Any) -> None:
        self.lead = lead
        self.event = event

    def __getattr__(self, name: str) -> Expression:
        event, now = self.event, getattr(self.lead, name)
        if name == "pipeline_id":
            return func.coalesce(event.from_pipeline_id, event.pipeline_id, type_=Uuid())
        if name == "stage_id":
            return func.coalesce(event.from_stage_id, event.stage_id, type_=Uuid())
        found = rows(Event)
        later = found.entity
        of_lead = found.where(later.lead_id == event.lead_id, later.number >= event.number)
        return undone(of_lead, name, now)

    def __clause_element__(self) -> Any:
        return self.lead.__clause_element__()


@dataclass(frozen=True, eq=False)
class BoardEvent:
    """An event, seen from the board of a pipeline whose cards match a filter. Its attributes are those of the event."""

    event: Any
    pipeline_id: Expression
    filter: Mapping[str, Any]

    def __getattr__(self, name: str) -> Expression:
        found: Expression = getattr(self.event, name)
        return found

    def __clause_element__(self) -> Any:
        return self.event.__clause_element__()

    def cards(self) -> Rows:
        """The cards on the board now."""
        found = rows(Lead)
        return matching(found.where(found.entity.pipeline_id == self.pipeline_id), self.filter)

    def card(self) -> Rows:
        """The card, if it is on the board now."""
        found = self.cards()
        return found.where(found.entity.id == self.event.lead_id)

    @property
    def is_on(self) -> ColumnElement[bool]:
        """Whether the card is on the board now."""
        return exists(self.card().select(ONE))

    @property
    def was_on(self) -> ColumnElement[bool]:
        """Whether the card was on the board before, as far as events say. A deleted lead may have been."""
        event, found = self.event, rows(Lead)
        came_from = func.coalesce(event.from_pipeline_id, event.pipeline_id, type_=Uuid())
        known = {name: value for name, value in self.filter.items() if name not in UNRECORDED}
        before = Rows(Lead, Before(found.entity, event), found.conditions).where(found.entity.id == event.lead_id)
        before = matching(before.where(before.entity.pipeline_id == self.pipeline_id), known)
        was = Rows(Lead, found.entity, before.conditions)
        return case(
            (event.type == quoted(EventType.LEAD_CREATED), FALSE),
            (among(event.type, GONE), literal_column("true")),
            (~exists(rows(Lead, event.lead_id).select(ONE)), came_from == self.pipeline_id),
            else_=exists(was.select(ONE)),
        )

    @property
    def is_about_columns(self) -> ColumnElement[bool]:
        """Whether the event is about the board itself."""
        return among(self.event.type, COLUMNS)


@dataclass(frozen=True)
class BoardSelection(EventFilter):
    """The events that matter for a board."""

    filter: Mapping[str, Any]

    def row(self, event: Any) -> BoardEvent:
        """An event as the board's fields see it."""
        assert self.pipeline_id is not None
        return BoardEvent(event, self.pipeline_id.bind(Uuid(), lambda text: parse_id("pipeline", text)), self.filter)

    def rows(self) -> Rows:
        """The pipeline's events about cards that are or were on the board, and those about the board itself."""
        found = super().rows()
        event = self.row(found.entity)
        return found.where(
            or_(event.is_about_columns, and_(event.lead_id.is_not(None), or_(event.is_on, event.was_on)))
        )

    def matcher(self, variables: Mapping[str, Any], caller: Caller) -> Callable[[Mapping[str, Any]], bool]:
        """Any event of the pipeline may match; the filter is checked in the database."""
        wants = super().matcher(variables, caller)
        return lambda event: wants(event) and (event["lead_id"] is not None or event["type"] in COLUMNS)


def board_changes(root: Any, args: Args) -> BoardSelection:
    """The events of the cards of a pipeline that match the filter, and of its columns."""
    after: Slot | None = args.get("after")
    return BoardSelection(None, args["pipeline_id"], None, None, None, after, args.get("filter") or {})


def kind(event: BoardEvent, args: Args) -> Expression:
    """What the event means for the board."""
    moved = among(event.type, MOVES)
    return case(
        (event.is_about_columns, quoted(BoardChange.COLUMNS)),
        (~event.is_on, quoted(BoardChange.LEFT)),
        (~event.was_on, quoted(BoardChange.ENTERED)),
        (moved, quoted(BoardChange.MOVED)),
        else_=quoted(BoardChange.CHANGED),
    )


def card(event: BoardEvent, args: Args) -> Rows:
    """The card as it is now, if it is on the board."""
    return event.card()


def above(event: BoardEvent, args: Args) -> Rows:
    """The card directly above it on the board."""
    found, place = _neighbours(event)
    lead = found.entity
    return found.where(tuple_(lead.rank, lead.id) < place).ordered(lead.rank.desc(), lead.id.desc()).first()


def below(event: BoardEvent, args: Args) -> Rows:
    """The card directly below it on the board."""
    found, place = _neighbours(event)
    lead = found.entity
    return found.where(tuple_(lead.rank, lead.id) > place).ordered(lead.rank.asc(), lead.id.asc()).first()


def _neighbours(event: BoardEvent) -> tuple[Rows, Any]:
    """The cards of its column, and its own place among them; no column and no card when it is not on the board."""
    found = event.cards()
    found = found.where(found.entity.stage_id == event.card().value(lambda lead: lead.stage_id))
    return found, tuple_(event.card().value(lambda lead: lead.rank), event.lead_id)


def stages(event: BoardEvent, args: Args) -> Rows:
    """The columns that the event affects: the one left and the one entered, or all when the board itself changed."""
    found = rows(Stage)
    stage = found.entity
    touched = or_(
        event.is_about_columns,
        stage.id == event.stage_id,
        stage.id == event.from_stage_id,
        stage.id == event.card().value(lambda lead: lead.stage_id),
    )
    live = found.where(stage.pipeline_id == event.pipeline_id, stage.deleted_at.is_(None), touched)
    return live.ordered(stage.position.asc(), stage.id.asc())


def lead_id(event: BoardEvent, args: Args) -> Expression:
    """The public id of the event's lead, also when it has left."""
    return literal_column("'lead_'", Text()).concat(cast(event.lead_id, Text))
