"""Idempotency keys: a change that is sent again is not made again; the first result is returned.

Outcomes are kept for a while, and only the newest of an organisation, however many it sends.
"""

import asyncio
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

import orjson
from sqlalchemy import DateTime, bindparam, text

from engine.caller import Caller
from engine.read.redirects import MERGED
from models.database import Connection, Database, Statement
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

ID_LENGTH = 36

MOST_KEPT = 100_000
"""Outcomes of an organisation that are kept: those of an hour with 28 changes a second."""

BEFORE = bindparam("before", type_=DateTime(timezone=True))

FORGETTABLE = Statement(
    text(
        """
        SELECT organisation.id AS org_id FROM organisation
        WHERE EXISTS (
            SELECT FROM outcome WHERE outcome.org_id = organisation.id AND outcome.created_at < :before
        ) OR EXISTS (
            SELECT FROM outcome WHERE outcome.org_id = organisation.id OFFSET :most
        )
        """
    ).bindparams(BEFORE)
)
"""The organisations with outcomes that are too old or too many."""

FORGET = Statement(
    text(
        """
        DELETE FROM outcome WHERE org_id = :org_id AND (subject, key) IN (
            SELECT subject, key FROM outcome WHERE org_id = :org_id AND created_at < greatest(:before, (
                SELECT created_at FROM outcome WHERE org_id = :org_id ORDER BY created_at DESC OFFSET :most - 1 LIMIT 1
            ))
            ORDER BY created_at LIMIT :size
        ) RETURNING key
        """
    ).bindparams(BEFORE)
)
"""Delete the oldest of them, as many as fit in a batch."""


@dataclass(frozen=True)
class Idempotency:
    """The key that a caller chose for a change, and a fingerprint of everything else in the request."""

    key: str
    fingerprint: str


async def recall(connection: Connection, caller: Caller, idempotency: Idempotency) -> Mapping[str, Any] | None:
    """The result of an earlier change with this key, or None if this is the first, which then holds the key.

    Records that were merged since then are replaced by those they were merged into."""
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
    ids = set(_ids(remembered))
    merged = await MERGED.all(connection, org_id=caller.org_id, ids=list(ids)) if ids else []
    into = {row["id"]: row["into_id"] for row in merged}
    current: Mapping[str, Any] = _replaced(remembered, into) if into else remembered
    return current


def _ids(value: Any) -> Iterator[UUID]:
    """The ids of records in a remembered result. Public ids, with their prefix, are shown as they were."""
    if isinstance(value, dict):
        value = list(value.values())
    if isinstance(value, list):
        for item in value:
            yield from _ids(item)
    elif (id := _id(value)) is not None:
        yield id


def _replaced(value: Any, into: Mapping[UUID, UUID]) -> Any:
    """A remembered result with these ids in place of others."""
    if isinstance(value, dict):
        return {name: _replaced(item, into) for name, item in value.items()}
    if isinstance(value, list):
        return [_replaced(item, into) for item in value]
    id = _id(value)
    return value if id is None else into.get(id, value)


def _id(value: Any) -> UUID | None:
    try:
        return UUID(value) if isinstance(value, str) and len(value) == ID_LENGTH else None
    except ValueError:
        return None


class ShownOnce(str):
    """A text that is returned to the caller who made the change, and never again: it is stored with no outcome."""


async def remember(connection: Connection, caller: Caller, idempotency: Idempotency, shown: Mapping[str, Any]) -> None:
    """Store the result of a change under its key, without what is shown once."""
    kept = {name: value for name, value in shown.items() if not isinstance(value, ShownOnce)}
    result = orjson.dumps(kept, default=str).decode()
    await REMEMBER.run(connection, org_id=caller.org_id, subject=caller.subject, key=idempotency.key, result=result)


async def forget(database: Database, before: datetime, batch: int, between: float) -> None:
    """Delete the outcomes from before this instant, and the oldest of organisations with too many, in batches with a
    pause between them."""
    async with database.acquire() as connection:
        found = await FORGETTABLE.all(connection, before=before, most=MOST_KEPT)
    for row in found:
        deleted = batch
        while deleted == batch:
            async with database.acquire() as connection:
                given = {"org_id": row["org_id"], "before": before, "most": MOST_KEPT, "size": batch}
                deleted = len(await FORGET.all(connection, **given))
            await asyncio.sleep(between)
