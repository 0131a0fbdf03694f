"""Idempotency keys: a change that is sent again is not made again; the first result is returned."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import orjson
from sqlalchemy import text

from engine.caller import Caller
from models.database import Connection, Statement
from models.rules.refusal import Refusal, Refused

CLAIM = Statement(
    text(
        """
        INSERT INTO outcome (org_id, subject, key, fingerprint, result)
        VALUES (:org_id, :subject, :key, :fingerprint, '{}') ON CONFLICT DO NOTHING RETURNING key
        """
    )
)
"""Claims an idempotency key. Another transaction with the same key waits here until this one ends."""

REMEMBER = Statement(
    text(
        """
        UPDATE outcome SET result = CAST(:result AS jsonb)
        WHERE org_id = :org_id AND subject = :subject AND key = :key
        """
    )
)

RECALL = Statement(
    text("SELECT fingerprint, result FROM outcome WHERE org_id = :org_id AND subject = :subject AND key = :key")
)


@dataclass(frozen=True)
class Idempotency:
    """The key that a caller chose for a change, and a fingerprint of everything else in the request."""

    key: str
    fingerprint: str


async def recall(connection: Connection, caller: Caller, idempotency: Idempotency) -> Mapping[str, Any] | None:
    """The result of an earlier change with this key, or None if this is the first, which then holds the key."""
    who = {"org_id": caller.org_id, "subject": caller.subject, "key": idempotency.key}
    if await CLAIM.first(connection, **who, fingerprint=idempotency.fingerprint) is not None:
        return None
    found = await RECALL.first(connection, **who)
    if found is None or found["fingerprint"] != idempotency.fingerprint:
        raise Refused(
            Refusal.IDEMPOTENCY_KEY_REUSED,
            "This idempotency key was used for another change. Send a new key with each change.",
            "idempotencyKey",
        )
    remembered: Mapping[str, Any] = orjson.loads(found["result"])
    return remembered


async def remember(connection: Connection, caller: Caller, idempotency: Idempotency, shown: Mapping[str, Any]) -> None:
    """Store the result of a change under its key."""
    result = orjson.dumps(dict(shown), default=str).decode()
    await REMEMBER.run(connection, org_id=caller.org_id, subject=caller.subject, key=idempotency.key, result=result)
