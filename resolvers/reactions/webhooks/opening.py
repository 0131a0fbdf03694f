"""Opening a session: the lease of a webhook, and what is needed to send to it."""

import logging
from uuid import UUID

from engine.outgoing.sealed import CannotOpen, Sealer
from engine.outgoing.signing import key_bytes
from models.database import Row
from models.tables.webhook import DisabledReason, WebhookStatus
from resolvers.changes.webhooks.rows import sealed_for
from resolvers.reactions.webhooks import leases
from resolvers.reactions.webhooks.attempts import Endpoint, SigningKey
from resolvers.reactions.webhooks.messages import Message
from resolvers.reactions.webhooks.queue import SendingQueue
from resolvers.reactions.webhooks.reading import EventReading, Sending
from resolvers.reactions.webhooks.session import WebhookSession
from resolvers.reactions.webhooks.standing import Standing
from resolvers.reactions.webhooks.storing import LeaseLost, WebhookLease, Written, write

log = logging.getLogger("dealboard.webhooks")


async def open_session(
    sending: Sending, sealer: Sealer | None, org_id: UUID, webhook_id: UUID
) -> WebhookSession | None:
    """Take the lease of a webhook, and read what is needed to send to it."""
    whose = {"org_id": org_id, "webhook_id": webhook_id}
    async with sending.engine.database.acquire() as connection:
        state = await leases.LEASED.first(connection, **whose)
        row = state and await leases.ENDPOINT.first(connection, org_id=org_id, id=webhook_id)
        if state is None or row is None:
            return None
        secrets = await leases.SECRETS.all(connection, **whose)
        waiting = await leases.WAITING.all(connection, **whose)
    lease = WebhookLease(org_id, webhook_id, state["lease"])
    standing = Standing(state["failures"], state["failing_since"], state["warned"], state["resume_at"])
    try:
        keys = [_opened(sealer, org_id, webhook_id, secret) for secret in secrets]
    except CannotOpen as failure:
        log.error("the secret of the webhook %s cannot be read: %s", webhook_id, failure)
        await _disable(sending, lease, standing, state)
        return None
    queue = SendingQueue(row["ordering"], state["position"], waiting=_waiting(waiting))
    reads = row["status"] == WebhookStatus.ACTIVE
    return WebhookSession(
        sending,
        lease,
        Endpoint(webhook_id, row["url"], keys, state["replay_to"]),
        row["organisation"],
        row["version"],
        queue,
        standing,
        EventReading.of(sending.engine, webhook_id, row) if reads else None,
        state["test_id"],
        kept=state["position"],
    )


def _opened(sealer: Sealer | None, org_id: UUID, webhook_id: UUID, secret: Row) -> SigningKey:
    if sealer is None:
        raise CannotOpen("There is no key among the settings.")
    text = sealer.open(secret["sealed"], sealed_for(webhook_id, secret["id"], org_id)).decode()
    return SigningKey(key_bytes(text), secret["expires_at"])


async def _disable(sending: Sending, lease: WebhookLease, standing: Standing, state: Row) -> None:
    what = Written(disabled=DisabledReason.SECRET_UNREADABLE, tested=state["test_id"])
    try:
        if await write(sending.engine.database, lease, what, standing, state["position"], released=True):
            await sending.engine.feed.wake(lease.org_id)
    except LeaseLost:
        """It was deleted meanwhile, or set back."""


def _waiting(rows: list[Row]) -> dict[int, Message]:
    return {
        row["number"]: Message(
            row["number"], row["id"], row["type"], row["record"], b"", row["attempts"], row["due_at"], stored=True
        )
        for row in rows
    }
