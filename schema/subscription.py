"""The root type of subscriptions."""

import strawberry

import resolvers.reads.events.attempted
import resolvers.reads.events.board_events
import resolvers.reads.events.subscriptions
import resolvers.reads.forecast.changed
import resolvers.reads.inbox.notified
import resolvers.reads.scoring.crossings
from engine.publish.fields import Argument
from engine.publish.fields import events as live
from models.event_types import EventType
from models.rules.roles import Role
from schema.filters.condition import Condition
from schema.filters.event import CONCERNS
from schema.filters.lead import LeadFilter
from schema.forecast.arguments import DIVIDED
from schema.forecast.forecast import ForecastChanged
from schema.inbox.notification import Notified
from schema.types.board import BoardChanged
from schema.types.event import StageChanged
from schema.types.events.interfaces import Event
from schema.types.events.scoring import LeadScoreCrossed
from schema.types.events.webhook import DeliveryAttempted

MET_THEN = (
    "Only events of leads that matched this condition when it happened: each field as the event's change left it. What "
    "the log does not hold is asked as it is when the event is delivered: `score`, `updatedAt`, `stageEnteredAt`, "
    "`lastActivityAt`, `hasNextTask`, `isRotten`, and the fields of contacts, customers, members and stages. Events of "
    "a lead that is deleted or merged by then are always included."
)

FILTERS = {
    "pipeline_id": Argument(strawberry.ID | None, "Only leads that enter, leave or move within this pipeline."),
    "lead_id": Argument(strawberry.ID | None, "Only this lead, and the leads that were merged into it."),
    "owner_id": Argument(strawberry.ID | None, "Only leads that this member owns, gets or loses."),
    "concerns": Argument(strawberry.ID | None, CONCERNS),
    "after": Argument(
        str | None,
        "Start after this cursor: everything since then is delivered first, exactly once. Without it, the "
        "subscription starts now. If events after it were deleted, the subscription ends with the code "
        "CURSOR_EXPIRED.",
    ),
}


@strawberry.type(
    description="Everything that is delivered live. Use WebSockets (graphql-transport-ws) or Server-Sent Events."
)
class Subscription:
    stage_changed: StageChanged = live(
        resolvers.reads.events.subscriptions.stage_changes,
        "Leads that enter another stage, in the order in which they did.",
        arguments=FILTERS,
        role=Role.VIEWER,
    )
    events: Event = live(
        resolvers.reads.events.subscriptions.happened,
        "Everything that happens, in the order in which it happened.",
        arguments={
            "types": Argument(list[EventType] | None, "Only events of these types, up to 100."),
            "condition": Argument(
                Condition | None,
                f"{MET_THEN} Events of no lead are left out.",
            ),
            **FILTERS,
        },
        role=Role.VIEWER,
    )
    notified: Notified = live(
        resolvers.reads.inbox.notified.notified,
        "Your notifications, as they are made. One that is joined by another comes again, with its new count. Nobody"
        " else receives them.",
        arguments={
            "after": Argument(
                str | None,
                "Start after this cursor: `viewer { notificationCursor }`, or the last one that you received. Without"
                " it, the subscription starts now.",
            )
        },
        role=Role.VIEWER,
    )
    delivery_attempted: DeliveryAttempted = live(
        resolvers.reads.events.attempted.attempted,
        "Requests to a webhook and their outcomes, as they are written down: each once, tests included, within a second"
        " or two.",
        arguments={
            "webhook_id": Argument(strawberry.ID, "The webhook."),
            "after": Argument(
                str | None,
                "Start after this cursor: `attemptCursor` of the webhook, or the last one that you received. Without"
                " it, the subscription starts now. Successful requests are kept for a day, others for 30. If some after"
                " it were deleted, the subscription ends with the code CURSOR_EXPIRED.",
            ),
        },
        role=Role.ADMIN,
    )
    board_changed: BoardChanged = live(
        resolvers.reads.events.board_events.board_changes,
        "Everything that changes a board: cards that enter, leave, move or change, for the cards that match a filter."
        " Changes of contacts, customers and members themselves, such as a new name, are delivered by `events` only.",
        arguments={
            "pipeline_id": Argument(strawberry.ID, "The pipeline whose board it is."),
            "filter": Argument(LeadFilter | None, "Only the cards that match this filter are on the board."),
            "after": FILTERS["after"],
        },
        role=Role.VIEWER,
    )
    forecast_changed: ForecastChanged = live(
        resolvers.reads.forecast.changed.forecast_changes,
        "What a forecast shows after each change that it may depend on, in each currency. Subscribe after the `cursor` "
        "of the `forecast`. What changes by time alone, when a day has passed, is no event.",
        arguments={**DIVIDED, "after": FILTERS["after"]},
        role=Role.VIEWER,
    )
    score_crossed: LeadScoreCrossed = live(
        resolvers.reads.scoring.crossings.crossings,
        "Leads whose scores enter another band of the scoring rules, or leave one for none, in the order in which they"
        " did.",
        arguments={
            "pipeline_id": FILTERS["pipeline_id"],
            "band": Argument(str | None, "Only leads that enter or leave the band of this name."),
            "after": FILTERS["after"],
        },
        role=Role.VIEWER,
    )
