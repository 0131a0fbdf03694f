"""How long subscribers can resume from events: older ones are pruned, in small batches, by whichever process comes
first.

The statements that it is given decide which of them are deleted.
"""

import asyncio
import logging
import random
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from uuid import UUID

from sqlalchemy import text

from engine.background.consumers import expire
from engine.background.runs import forget_ended
from engine.change.idempotency import forget
from engine.read.rows import ORG
from models.database import Connection, Database, Statement
from models.tables.base import utc_now
from models.timeouts import BACKGROUND

log = logging.getLogger("dealboard.history")

BATCH = 1_000
"""Events per transaction."""

EVERY = 3600.0
"""Seconds between two searches for events that are too old; each process differs a little."""

BETWEEN = 0.05
"""Seconds between two batches, in which PostgreSQL can serve others."""

FAILED = 60.0
"""Seconds before the next try after a failure."""

OLD = Statement(
    text(
        """
        SELECT org_id FROM event_log AS log WHERE tail < head AND (
            SELECT occurred_at FROM event WHERE event.org_id = log.org_id AND number >= log.tail
            ORDER BY number LIMIT 1
        ) < :before
        """
    )
)
"""The organisations whose oldest event is too old. The last event of each is kept, so that a gap is always seen."""

ALONE = Statement(text("SELECT pg_try_advisory_xact_lock(hashtext('dealboard history'))"))
"""One process prunes at a time."""

RANGE = Statement(
    text(
        """
        SELECT log.tail AS from_number, least(max(oldest.number) + 1, log.head, greatest(
            (
                SELECT coalesce(min(position) + 1, log.head) FROM consumer
                WHERE consumer.org_id = :org_id AND consumer.state = 'RUNNING'
            ),
            max(oldest.number) FILTER (WHERE oldest.occurred_at < :expired) + 1
        )) AS to_number
        FROM event_log AS log, LATERAL (
            SELECT number, occurred_at FROM event WHERE event.org_id = log.org_id AND number >= log.tail
            ORDER BY number LIMIT :size
        ) AS oldest
        WHERE log.org_id = :org_id AND oldest.occurred_at < :before
        GROUP BY log.tail, log.head
        """
    ).bindparams(ORG)
)
"""The next numbers to prune: as many of the too old events as fit in a batch, but none that a consumer has not read,
unless it is from before the instant `expired`."""

PASS = Statement(text("UPDATE event_log SET tail = :to_number WHERE org_id = :org_id").bindparams(ORG))
"""Raises the number that subscribers can resume from. Runs last, because changes that append to the log wait for this
row."""


async def prune(
    database: Database, before: datetime, delete: Sequence[Statement], expired: datetime | None = None
) -> None:
    """Prune events from before this instant. Does nothing where another process is at it.

    Events that a consumer has not read are kept, unless they are from before `expired`: then the consumer expires.
    """
    expired = expired or datetime.min.replace(tzinfo=UTC)
    async with database.transaction(BACKGROUND) as connection:
        old = await OLD.all(connection, before=before)
    for found in old:
        more = True
        while more:
            more = await _prune_batch(database, found["org_id"], before, expired, delete)
            await asyncio.sleep(BETWEEN)


async def _prune_batch(
    database: Database, org_id: UUID, before: datetime, expired: datetime, delete: Sequence[Statement]
) -> bool:
    """Prune one batch, in a transaction; returns whether there was one."""
    async with database.transaction(BACKGROUND) as connection:
        await connection.execute("SET LOCAL synchronous_commit = off")  # nobody waits for the disk on our behalf
        if not await ALONE.value(connection):
            return False
        return await _pass(connection, org_id, before, expired, delete)


async def _pass(
    connection: Connection, org_id: UUID, before: datetime, expired: datetime, delete: Sequence[Statement]
) -> bool:
    found = await RANGE.first(connection, org_id=org_id, before=before, expired=expired, size=BATCH)
    if found is None or found["from_number"] >= found["to_number"]:
        return False
    await expire(connection, org_id, found["to_number"])
    numbers = {"org_id": org_id, "from_number": found["from_number"], "to_number": found["to_number"]}
    for statement in delete:
        await statement.run(connection, **numbers)
    await PASS.run(connection, org_id=org_id, to_number=found["to_number"])
    return True


@asynccontextmanager
async def pruning(
    database: Database,
    days: int,
    delete: Sequence[Statement],
    outcome_hours: float = 72.0,
    consumer_days: int = 30,
    run_days: int = 30,
) -> AsyncIterator[None]:
    """Prune events of more than so many days, again and again in the background; 0 keeps all of them for ever. Outcomes
    of idempotency keys are kept for so many hours, and events that a consumer has not read for so many days more; runs
    for so many days after they ended, or for ever with 0."""

    async def prune_all() -> None:
        await forget(database, utc_now() - timedelta(hours=outcome_hours), BATCH, BETWEEN)
        if run_days != 0:
            await forget_ended(database, utc_now() - timedelta(days=run_days), BATCH, BETWEEN)
        if days != 0:
            before = utc_now() - timedelta(days=days)
            await prune(database, before, delete, before - timedelta(days=consumer_days))

    task = asyncio.create_task(_keep_pruning(prune_all))
    try:
        yield
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


async def _keep_pruning(prune_all: Callable[[], Awaitable[None]]) -> None:
    while True:
        await asyncio.sleep(FAILED * random.random())
        try:
            await prune_all()
            await asyncio.sleep(EVERY)
        except Exception as failure:
            log.warning("old events and outcomes could not be pruned, trying again: %s", failure)
            await asyncio.sleep(FAILED)
