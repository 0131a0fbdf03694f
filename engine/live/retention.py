"""How long one can go back to events: what is older is pruned, little by little, by whichever process comes first.

What was changed, and by whom, stays in the change log for ever; only places within a column are deleted. Where the
change log is not kept, what the timeline of a lead tells is kept with the lead all the same, and the rest is deleted:
events of leads that are gone, and events of anything but leads.
"""

import asyncio
import logging
import random
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import datetime, timedelta
from uuid import UUID

from sqlalchemy import text

from engine.read.rows import ORG
from models.database import Connection, Database, Statement
from models.tables.base import utc_now

log = logging.getLogger("dealboard.history")

BATCH = 1_000
"""Events that one transaction passes."""

EVERY = 3600.0
"""Seconds between two looks for what has become too old; each process differs a little."""

BETWEEN = 0.05
"""Seconds between two batches, in which PostgreSQL has time for others."""

FAILED = 60.0
"""Seconds before it is tried again after a failure."""

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
        SELECT log.tail AS from_number, least(max(oldest.number) + 1, log.head) AS to_number
        FROM event_log AS log, LATERAL (
            SELECT number, occurred_at FROM event WHERE event.org_id = log.org_id AND number >= log.tail
            ORDER BY number LIMIT :size
        ) AS oldest
        WHERE log.org_id = :org_id AND oldest.occurred_at < :before
        GROUP BY log.tail, log.head
        """
    ).bindparams(ORG)
)
"""The numbers that come next: of too old events, as many as fit in a batch."""

DELETE_PLACES = Statement(
    text(
        """
        DELETE FROM event
        WHERE org_id = :org_id AND number >= :from_number AND number < :to_number AND type = 'lead.moved'
        """
    ).bindparams(ORG)
)
"""Delete what tells of no change but that of a card's place within its column."""

DELETE = Statement(
    text(
        """
        DELETE FROM event
        WHERE org_id = :org_id AND number >= :from_number AND number < :to_number AND (
            type = 'lead.moved' OR lead_id IS NULL OR NOT EXISTS (
                SELECT FROM lead WHERE lead.org_id = event.org_id AND lead.id = event.lead_id
            ) AND NOT EXISTS (
                SELECT FROM merged_record AS merged WHERE merged.org_id = event.org_id AND merged.id = event.lead_id
            )
        )
        """
    ).bindparams(ORG)
)
"""Delete what no lead's timeline tells."""

DELETE_OF_GONE_LEADS = Statement(
    text(
        """
        DELETE FROM event USING event AS ended
        WHERE ended.org_id = :org_id AND ended.number >= :from_number AND ended.number < :to_number
            AND ended.type = 'lead.deleted'
            AND event.org_id = ended.org_id AND event.lead_id = ended.lead_id AND event.number < :from_number
        """
    ).bindparams(ORG)
)
"""Where a lead has been deleted, delete what was kept for its timeline."""

PASS = Statement(text("UPDATE event_log SET tail = :to_number WHERE org_id = :org_id").bindparams(ORG))
"""Nobody may go back behind this any more. Done last, because those who append to the log wait for this row."""


async def prune(database: Database, before: datetime, keep_change_log: bool) -> None:
    """Prune events from before this instant. Does nothing where another process is at it."""
    async with database.acquire() as connection:
        old = await OLD.all(connection, before=before)
    for found in old:
        more = True
        while more:
            more = await _prune_batch(database, found["org_id"], before, keep_change_log)
            await asyncio.sleep(BETWEEN)


async def _prune_batch(database: Database, org_id: UUID, before: datetime, keep_change_log: bool) -> bool:
    """Prune one batch, in a transaction; returns whether there was one."""
    async with database.acquire() as connection, connection.transaction():
        await connection.execute("SET LOCAL synchronous_commit = off")  # nobody waits for the disk on our behalf
        if not await ALONE.value(connection):
            return False
        return await _pass(connection, org_id, before, keep_change_log)


async def _pass(connection: Connection, org_id: UUID, before: datetime, keep_change_log: bool) -> bool:
    found = await RANGE.first(connection, org_id=org_id, before=before, size=BATCH)
    if found is None or found["from_number"] >= found["to_number"]:
        return False
    numbers = {"org_id": org_id, "from_number": found["from_number"], "to_number": found["to_number"]}
    for statement in (DELETE_PLACES,) if keep_change_log else (DELETE_OF_GONE_LEADS, DELETE):
        await statement.run(connection, **numbers)
    await PASS.run(connection, org_id=org_id, to_number=found["to_number"])
    return True


@asynccontextmanager
async def pruning(database: Database, days: int, keep_change_log: bool) -> AsyncIterator[None]:
    """Prune events of more than so many days, again and again in the background; 0 keeps all of them for ever."""
    if days == 0:
        yield
        return
    task = asyncio.create_task(_keep_pruning(database, timedelta(days=days), keep_change_log))
    try:
        yield
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


async def _keep_pruning(database: Database, age: timedelta, keep_change_log: bool) -> None:
    while True:
        await asyncio.sleep(FAILED * random.random())
        try:
            await prune(database, utc_now() - age, keep_change_log)
            await asyncio.sleep(EVERY)
        except Exception as failure:
            log.warning("old events could not be pruned, trying again: %s", failure)
            await asyncio.sleep(FAILED)
