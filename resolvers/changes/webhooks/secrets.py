"""Giving webhooks new secrets."""

from collections.abc import Mapping
from typing import Any
from uuid import UUID

from sqlalchemy import Integer, bindparam, text

from engine.change.transaction import Change
from engine.read.rows import ORG
from models.database import Statement
from models.event_types import Changed, EventType
from models.rules.numbers import within
from models.rules.refusal import Checks, Refusal, Refused
from models.tables.event import NewEvent
from resolvers.changes.webhooks.rows import (
    HINT,
    TOUCH,
    WEBHOOK_ID,
    add_secret,
    expect_secret,
    lock_webhook,
    sealer_of,
)

MOST_SECRETS = 5
"""Secrets of a webhook that are in use at the same time."""

LONGEST_KEPT = 168
"""Hours for which an old secret can be kept."""

DROP_EXPIRED = Statement(
    text(
        """
        DELETE FROM webhook_secret
        WHERE org_id = :org_id AND webhook_id = :webhook_id AND expires_at <= statement_timestamp()
        """
    ).bindparams(ORG, WEBHOOK_ID)
)

SECRETS = Statement(
    text(
        """
        SELECT id, hint FROM webhook_secret WHERE org_id = :org_id AND webhook_id = :webhook_id ORDER BY id DESC
        """
    ).bindparams(ORG, WEBHOOK_ID)
)

EXPIRE = Statement(
    text(
        """
        UPDATE webhook_secret SET expires_at = (
            statement_timestamp() AT TIME ZONE 'UTC' + make_interval(hours => :hours)
        ) AT TIME ZONE 'UTC'
        WHERE org_id = :org_id AND webhook_id = :webhook_id AND expires_at IS NULL
        """
    ).bindparams(ORG, WEBHOOK_ID, bindparam("hours", type_=Integer()))
)


def check_rotation(given: Mapping[str, Any]) -> None:
    """Check the fields of the input by themselves. Raises `Refused` for all that are not valid."""
    with Checks() as check:
        check(expect_secret, given.get("secret"), "secret")
        check(within, given.get("keep_old_for_hours", 0), 0, LONGEST_KEPT, "keepOldForHours")


async def rotate_webhook_secret(
    change: Change, webhook_id: UUID, secret: str | None = None, keep_old_for_hours: int = 24
) -> Mapping[str, Any]:
    """Give a webhook a new secret; requests are signed with the old ones, too, for so many hours.

    Raises `Refused`: NOT_FOUND; INVALID; NO_SECRETS_KEY.
    """
    with Checks() as check:
        secret = check(expect_secret, secret, "secret")
        check(within, keep_old_for_hours, 0, LONGEST_KEPT, "keepOldForHours")
        sealer = check(sealer_of, change.outlet)
        await check.later(lock_webhook(change, webhook_id))
    await change.run(DROP_EXPIRED, webhook_id=webhook_id)
    before = await change.all(SECRETS, webhook_id=webhook_id)
    if len(before) >= MOST_SECRETS:
        raise Refused(
            Refusal.INVALID,
            f"This webhook has {MOST_SECRETS} secrets, as many as it can. Wait until an old one expires, or rotate"
            " earlier ones with `keepOldForHours: 0`.",
        )
    await change.run(EXPIRE, webhook_id=webhook_id, hours=keep_old_for_hours)
    shown = await add_secret(change, webhook_id, secret, sealer)
    await change.run(TOUCH, id=webhook_id)
    hints = [before[0]["hint"] if before else None, secret[-HINT:]]
    change.emit(NewEvent(Changed(EventType.WEBHOOK_UPDATED, {"secretHint": hints}), record_id=webhook_id))
    return {"webhook": webhook_id, **shown}
