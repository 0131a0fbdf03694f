"""Forgetting old attempts and given-up deliveries of webhooks, in small batches."""

import asyncio
from collections.abc import Mapping, Sequence
from datetime import timedelta
from typing import Any
from uuid import UUID

from sqlalchemy import DateTime, Integer, bindparam, text

from engine.read.rows import ORG
from models.database import Database, Statement
from models.tables.base import utc_now

KEPT = timedelta(days=30)
"""How long attempts that failed are kept, and what was given up."""

KEPT_DELIVERED = timedelta(days=1)
"""How long attempts that succeeded are kept, of which there are as many as events."""

BATCH = 1_000
BETWEEN = 0.05

_LIMITS = (
    ORG,
    bindparam("before", type_=DateTime(timezone=True)),
    bindparam("size", type_=Integer()),
)

FORGET_ATTEMPTS = Statement(
    text(
        """
        WITH gone AS (
            DELETE FROM webhook_attempt WHERE org_id = :org_id AND id IN (
                SELECT id FROM webhook_attempt WHERE org_id = :org_id AND delivered = :delivered AND at < :before
                ORDER BY id LIMIT :size
            ) RETURNING id, number
        ), kept AS (
            UPDATE attempt_log SET tail = greatest(tail, (SELECT max(number) + 1 FROM gone))
            WHERE org_id = :org_id AND EXISTS (SELECT FROM gone)
        )
        SELECT id FROM gone
        """
    ).bindparams(*_LIMITS)
)
"""A subscription that comes back to before what is gone ends with CURSOR_EXPIRED, rather than leaving it out."""

FORGET_GIVEN_UP = Statement(
    text(
        """
        DELETE FROM webhook_delivery WHERE org_id = :org_id AND (webhook_id, id) IN (
            SELECT webhook_id, id FROM webhook_delivery WHERE org_id = :org_id AND given_up_at < :before LIMIT :size
        ) RETURNING id
        """
    ).bindparams(*_LIMITS)
)


async def prune_attempts(database: Database, org_ids: Sequence[UUID]) -> None:
    """Delete what is older than it is kept."""
    now = utc_now()
    for org_id in org_ids:
        for delivered, kept in ((True, KEPT_DELIVERED), (False, KEPT)):
            given = {"org_id": org_id, "before": now - kept, "size": BATCH, "delivered": delivered}
            await _in_batches(database, FORGET_ATTEMPTS, given)
        await _in_batches(database, FORGET_GIVEN_UP, {"org_id": org_id, "before": now - KEPT, "size": BATCH})


async def _in_batches(database: Database, statement: Statement, given: Mapping[str, Any]) -> None:
    deleted = BATCH
    while deleted == BATCH:
        async with database.acquire() as connection:
            deleted = len(await statement.all(connection, **given))
        await asyncio.sleep(BETWEEN)
