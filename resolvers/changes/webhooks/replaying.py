"""Sending a webhook again what happened, and deciding on what waits for it."""

from collections.abc import Mapping
from typing import Any
from uuid import UUID

from sqlalchemy import text

from engine.change.records import ID
from engine.change.transaction import Change
from engine.read.rows import ORG
from models.database import Statement
from models.rules.ids import public_id
from models.rules.refusal import Checks, Refusal, Refused, not_found
from models.tables.event import NewEvent
from models.webhook_events import WebhookReplayed
from resolvers.changes.webhooks.rows import (
    FORGET,
    NUMBER,
    TOUCH,
    WEBHOOK_ID,
    lock_webhook,
    number_after,
)

GO_BACK = Statement(
    text(
        """
        UPDATE webhook_state SET replay_to = greatest(replay_to, position), position = :number, lease = lease + 1,
            lease_until = NULL
        WHERE org_id = :org_id AND webhook_id = :webhook_id
        """
    ).bindparams(ORG, WEBHOOK_ID, NUMBER)
)
"""The process that delivers loses its lease, so that it cannot write the position that it has reached."""

RETRY = Statement(
    text(
        """
        UPDATE webhook_delivery SET due_at = statement_timestamp(), given_up_at = NULL, attempts = 0
        WHERE org_id = :org_id AND webhook_id = :webhook_id AND id = :id RETURNING id
        """
    ).bindparams(ORG, WEBHOOK_ID, ID)
)

SKIP = Statement(
    text(
        """
        DELETE FROM webhook_delivery WHERE org_id = :org_id AND webhook_id = :webhook_id AND id = :id RETURNING id
        """
    ).bindparams(ORG, WEBHOOK_ID, ID)
)

RETRY_NOW = Statement(
    text(
        """
        UPDATE webhook_state SET retry_at = statement_timestamp(), resume_at = NULL
        WHERE org_id = :org_id AND webhook_id = :webhook_id
        """
    ).bindparams(ORG, WEBHOOK_ID)
)


async def replay_webhook(change: Change, webhook_id: UUID, from_cursor: str) -> Mapping[str, Any]:
    """Send a webhook again what happened after a cursor. Raises `Refused`: NOT_FOUND; INVALID; CURSOR_EXPIRED."""
    with Checks() as check:
        number = await check.later(number_after(change, from_cursor, "fromCursor"))
        await check.later(lock_webhook(change, webhook_id))
    await change.run(GO_BACK, webhook_id=webhook_id, number=number)
    await change.run(FORGET, webhook_id=webhook_id, number=number)
    what = WebhookReplayed(action="REPLAYED", from_cursor=from_cursor)
    change.emit(NewEvent(what, record_id=webhook_id))
    return {"webhook": webhook_id}


async def retry_delivery(change: Change, webhook_id: UUID, event_id: str) -> Mapping[str, Any]:
    """Have what waits for a webhook sent now. Raises `Refused`: NOT_FOUND; WRONG_ID."""
    return await _decide(change, webhook_id, event_id, RETRY, "RETRIED")


async def skip_delivery(change: Change, webhook_id: UUID, event_id: str) -> Mapping[str, Any]:
    """Have what waits for a webhook not sent at all. Raises `Refused`: NOT_FOUND; WRONG_ID."""
    return await _decide(change, webhook_id, event_id, SKIP, "SKIPPED")


async def _decide(
    change: Change, webhook_id: UUID, event_id: str, statement: Statement, action: str
) -> Mapping[str, Any]:
    with Checks() as check:
        id = check(_event, event_id)
        await check.later(lock_webhook(change, webhook_id))
    await change.run(RETRY_NOW, webhook_id=webhook_id)
    if await change.first(statement, webhook_id=webhook_id, id=id) is None:
        raise not_found("delivery", "eventId")
    await change.run(TOUCH, id=webhook_id)
    what = WebhookReplayed(action=action, delivery_id=public_id("event", id))
    change.emit(NewEvent(what, record_id=webhook_id))
    return {"webhook": webhook_id}


def _event(text: str) -> UUID:
    """The id of an event, which is no record. Raises `Refused` WRONG_ID."""
    try:
        if text.startswith("event_"):
            return UUID(text.removeprefix("event_"))
    except ValueError:
        """It is none."""
    raise Refused(Refusal.WRONG_ID, "This is not the id of an event. Send one like event_0192….", "eventId")
