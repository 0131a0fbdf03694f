"""What the events of webhooks hold in `data`, as `event_types` declares it for all others."""

from dataclasses import dataclass
from typing import Literal

from models.event_names import EventType
from models.tables.event import Changes, EventData


@dataclass(frozen=True, kw_only=True)
class WebhookReplayed(EventData):
    """What was done: `REPLAYED` after a cursor, or `RETRIED` or `SKIPPED` with the id of the event that waits."""

    type: Literal[EventType.WEBHOOK_REPLAYED] = EventType.WEBHOOK_REPLAYED
    action: str
    from_cursor: str | None = None
    delivery_id: str | None = None


@dataclass(frozen=True, kw_only=True)
class WebhookFailing(EventData):
    """Since when nothing could be delivered."""

    type: Literal[EventType.WEBHOOK_FAILING] = EventType.WEBHOOK_FAILING
    since: str


@dataclass(frozen=True, kw_only=True)
class WebhookDisabled(EventData):
    """Why; `changes` holds its status."""

    type: Literal[EventType.WEBHOOK_DISABLED] = EventType.WEBHOOK_DISABLED
    reason: str
    changes: Changes
