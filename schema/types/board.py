"""The live board: what each event means for a client that shows it."""

import strawberry

import models
from engine.publish.enums import publish
from engine.publish.fields import column, read, to_one
from engine.publish.scalars import DateTime
from models.event_types import EventType
from resolvers.reads.events import board_events as boards
from resolvers.reads.events import event_fields as event_log
from resolvers.reads.events import subscriptions as events
from resolvers.reads.events.board_events import BoardChange
from schema.types.lead import Lead
from schema.types.member import Member
from schema.types.stage import Stage

publish(
    BoardChange,
    "What happened on a board, for the cards that match your filter.",
    ENTERED="A card has entered the board: add it.",
    LEFT="A card has left the board: remove it, if you show it.",
    MOVED="A card has moved within its column or to another one: move it there.",
    CHANGED="A card has changed: show it as it is now. If you do not show it yet, add it.",
    COLUMNS="The board itself has changed: show the columns in `stages`. A card that moved has its own event.",
)


@strawberry.type(description="A change of a board. To keep your board up to date, do what `kind` says, event by event.")
class BoardChanged:
    cursor: str = read(events.cursor, "The place of this event in the log. Subscribe `after` it to continue from here.")
    change_id: strawberry.ID = read(
        event_log.change_id,
        "The change that caused it: the same for all events of one change, and in the payload of its mutation.",
    )
    occurred_at: DateTime = column("occurred_at", "When it happened.")
    type: EventType = read(event_log.type, "The type of the event.")
    actor: Member | None = to_one(
        models.Member,
        "actor_id",
        "The member who did it; null when the system did it, or an import that named no member.",
    )
    kind: BoardChange = read(boards.kind, "What the event means for the board.")
    lead_id: strawberry.ID | None = read(boards.lead_id, "Which card it is about; null when it is about the columns.")
    card: Lead | None = read(boards.card, "The card as it is now; null when it is not on the board.")
    above: Lead | None = read(boards.above, "The card directly above it, of those on the board; null on top.")
    below: Lead | None = read(boards.below, "The card directly below it, of those on the board; null at the bottom.")
    stages: list[Stage] = read(
        boards.stages,
        "The columns that it affected; all of them for COLUMNS. `totals(filter)` with your filter are the new totals "
        "of what you show. Without it they count every card of a column, also those that your filter hides, and no "
        "event is delivered for those.",
        rows=3,
    )
