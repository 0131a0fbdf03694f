"""Calendar feeds: a member's own address at which calendar programs read the member's tasks. They are no events."""

from collections.abc import Mapping
from typing import Any

from sqlalchemy import text

from engine.change.idempotency import ShownOnce
from engine.change.transaction import Change
from engine.read.rows import ORG
from models.database import Statement
from models.rules.refusal import Refusal, Refused
from resolvers.reads.tasks.calendar_token import hashed, new_secret, token_of

ADD = Statement(
    text(
        """
        INSERT INTO calendar_feed (org_id, member_id, secret_hash) VALUES (:org_id, :member_id, :secret_hash)
        ON CONFLICT DO NOTHING RETURNING member_id
        """
    ).bindparams(ORG)
)

ROTATE = Statement(
    text(
        """
        UPDATE calendar_feed SET secret_hash = :secret_hash, created_at = statement_timestamp()
        WHERE org_id = :org_id AND member_id = :member_id RETURNING member_id
        """
    ).bindparams(ORG)
)

DELETE = Statement(
    text("DELETE FROM calendar_feed WHERE org_id = :org_id AND member_id = :member_id RETURNING member_id").bindparams(
        ORG
    )
)


async def create_calendar_feed(change: Change) -> Mapping[str, Any]:
    """Create the caller's feed. Raises `Refused` NOTHING_TO_DO when there is one."""
    return await _made(change, ADD, "You have a calendar feed. Send `rotateCalendarFeed` to give it another address.")


async def rotate_calendar_feed(change: Change) -> Mapping[str, Any]:
    """Give the caller's feed another address; the old one is no longer valid. Raises `Refused` NOTHING_TO_DO."""
    return await _made(change, ROTATE, "You have no calendar feed. Send `createCalendarFeed`.")


async def _made(change: Change, statement: Statement, otherwise: str) -> Mapping[str, Any]:
    secret = new_secret()
    found = await change.first(statement, member_id=change.actor_id, secret_hash=hashed(secret))
    if found is None:
        raise Refused(Refusal.NOTHING_TO_DO, otherwise)
    return {"path": ShownOnce(f"/calendar/{token_of(change.org_id, change.actor_id, secret)}.ics")}


async def delete_calendar_feed(change: Change) -> Mapping[str, Any]:
    """Delete the caller's feed: its address is no longer valid. Raises `Refused` NOTHING_TO_DO when there is none."""
    if await change.first(DELETE, member_id=change.actor_id) is None:
        raise Refused(Refusal.NOTHING_TO_DO, "You have no calendar feed.")
    return {"deleted": True}
