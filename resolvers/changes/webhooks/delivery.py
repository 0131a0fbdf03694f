"""Whether a webhook is sent to: pausing, enabling and testing it."""

from collections.abc import Mapping
from enum import StrEnum
from typing import Any
from uuid import UUID

from sqlalchemy import Uuid, bindparam, text

from engine.change.records import ID
from engine.change.transaction import Change
from engine.read.rows import ORG
from models.database import Statement
from models.event_types import Changed, EventType, Plain
from models.rules.refusal import Refusal, Refused
from models.tables.base import new_id
from models.tables.event import NewEvent
from models.tables.webhook import WebhookStatus
from resolvers.changes.webhooks.rows import (
    FORGET,
    LOG,
    NUMBER,
    WEBHOOK_ID,
    expect_kept,
    lock_webhook,
)


class EnableFrom(StrEnum):
    """Where a webhook that is enabled goes on."""

    WHERE_IT_STOPPED = "WHERE_IT_STOPPED"
    NOW = "NOW"


SET_STATUS = Statement(
    text(
        """
        UPDATE webhook SET status = :status, disabled_reason = NULL, version = version + 1,
            updated_at = statement_timestamp()
        WHERE org_id = :org_id AND id = :id
        """
    ).bindparams(ORG, ID)
)

STATE = Statement(
    text("SELECT position FROM webhook_state WHERE org_id = :org_id AND webhook_id = :webhook_id").bindparams(
        ORG, WEBHOOK_ID
    )
)

RESUME = Statement(
    text(
        """
        UPDATE webhook_state SET position = greatest(position, :number), failures = 0, failing_since = NULL, warned = 0,
            resume_at = NULL, retry_at = statement_timestamp(), lease = lease + 1, lease_until = NULL
        WHERE org_id = :org_id AND webhook_id = :webhook_id
        """
    ).bindparams(ORG, WEBHOOK_ID, NUMBER)
)
"""Forget the failures, and try at once what waits. A process that has not noticed the pause writes nothing any more."""

HURRY = Statement(
    text(
        """
        UPDATE webhook_delivery SET due_at = statement_timestamp()
        WHERE org_id = :org_id AND webhook_id = :webhook_id AND given_up_at IS NULL
        """
    ).bindparams(ORG, WEBHOOK_ID)
)


ASK_TEST = Statement(
    text("UPDATE webhook_state SET test_id = :test_id WHERE org_id = :org_id AND webhook_id = :webhook_id").bindparams(
        ORG, WEBHOOK_ID, bindparam("test_id", type_=Uuid())
    )
)


async def pause_webhook(change: Change, webhook_id: UUID, expected_version: int | None = None) -> Mapping[str, Any]:
    """Stop sending to a webhook, which keeps its place. Raises `Refused`: NOT_FOUND; CONFLICT; INVALID if disabled."""
    webhook = await lock_webhook(change, webhook_id, expected_version)
    if webhook["status"] == WebhookStatus.DISABLED:
        raise Refused(
            Refusal.INVALID, "This webhook is disabled: nothing is sent to it. Enable it, or delete it.", "webhookId"
        )
    return await _set_status(change, webhook_id, webhook["status"], WebhookStatus.PAUSED)


async def enable_webhook(
    change: Change,
    webhook_id: UUID,
    start_from: str = EnableFrom.WHERE_IT_STOPPED,
    expected_version: int | None = None,
) -> Mapping[str, Any]:
    """Send to a webhook again, from where it stopped or only what happens from now on.

    Raises `Refused`: NOT_FOUND; CONFLICT; CURSOR_EXPIRED when events since then are no longer kept.
    """
    webhook = await lock_webhook(change, webhook_id, expected_version)
    if webhook["status"] == WebhookStatus.ACTIVE:
        return {"webhook": webhook_id}
    log, state = await change.first(LOG), await change.first(STATE, webhook_id=webhook_id)
    assert log is not None
    assert state is not None
    if start_from == EnableFrom.NOW:
        await change.run(RESUME, webhook_id=webhook_id, number=log["head"])
        await change.run(FORGET, webhook_id=webhook_id, number=-1)
    else:
        expect_kept(state["position"], log, "startFrom")
        await change.run(RESUME, webhook_id=webhook_id, number=0)
        await change.run(HURRY, webhook_id=webhook_id)
    return await _set_status(change, webhook_id, webhook["status"], WebhookStatus.ACTIVE)


async def test_webhook(change: Change, webhook_id: UUID) -> Mapping[str, Any]:
    """Have a test request sent, also while the webhook is paused or disabled. Raises `Refused` NOT_FOUND."""
    await lock_webhook(change, webhook_id)
    await change.run(ASK_TEST, webhook_id=webhook_id, test_id=new_id())
    change.emit(NewEvent(Plain(EventType.WEBHOOK_TESTED), record_id=webhook_id))
    return {"webhook": webhook_id}


async def _set_status(change: Change, webhook_id: UUID, before: str, after: str) -> Mapping[str, Any]:
    if before == after:
        return {"webhook": webhook_id}
    await change.run(SET_STATUS, id=webhook_id, status=after)
    changes = {"status": [before, str(after)]}
    change.emit(NewEvent(Changed(EventType.WEBHOOK_UPDATED, changes), record_id=webhook_id))
    return {"webhook": webhook_id}
