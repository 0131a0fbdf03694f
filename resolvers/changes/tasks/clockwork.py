"""Recording what time alone brings about: in every process, in small batches, each thing once.

What has come due is marked in the transaction that writes its event, so it is recorded once, however many processes
look or were down at the time. Many of them come batch by batch, each organisation in its turn.
"""

import asyncio
import logging
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Sequence
from contextlib import asynccontextmanager
from datetime import datetime
from uuid import UUID

from sqlalchemy import text

from engine.change.events import Cause, append
from models.database import UNREACHABLE, Connection, Database, Statement
from models.tables.event import ActorKind, NewEvent
from models.timeouts import BACKGROUND

log = logging.getLogger("dealboard.overdue")

CLOCK = Statement(text("SELECT clock_timestamp()"))
"""The time of the database, by which a task's `overdue` is read as well: all processes go by one clock."""

TIME = Cause(ActorKind.SYSTEM)
"""Nobody makes a task overdue."""

Wake = Callable[[UUID], Awaitable[None]]
"""Notifies every process that an organisation's log has grown."""

Mark = Callable[[Connection, UUID], Awaitable[Sequence[NewEvent]]]
"""Marks what has come due in an organisation, a batch at most, and returns its events in order."""


async def record(
    database: Database, org_ids: Iterable[UUID], mark: Mark, wake: Wake, *, size: int, between: float
) -> None:
    """Record what has come due in these organisations, `size` events in a batch, with a pause between two of one."""
    waiting = list(org_ids)
    while waiting:
        waiting = [org_id for org_id in waiting if await _record_some(database, org_id, mark, wake, size)]
        if waiting:
            await asyncio.sleep(between)


async def _record_some(database: Database, org_id: UUID, mark: Mark, wake: Wake, size: int) -> bool:
    """Record a batch of an organisation; returns whether there may be more. Failures do not stop the others."""
    try:
        async with database.transaction(BACKGROUND) as connection:
            events = await mark(connection, org_id)
            if events:
                await append(connection, org_id, events, TIME)
        if events:
            await wake(org_id)
    except UNREACHABLE:
        raise
    except Exception:
        log.exception("what came due in the organisation %s could not be recorded", org_id)
        return False
    return len(events) == size


@asynccontextmanager
async def looking(
    database: Database, seconds: float, look: Callable[[datetime], Awaitable[None]]
) -> AsyncIterator[None]:
    """Look in the background: at once, then every so many seconds; 0 leaves it to other processes."""
    if seconds == 0:
        yield
        return
    task = asyncio.create_task(_keep_looking(database, seconds, look))
    try:
        yield
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


async def _keep_looking(database: Database, seconds: float, look: Callable[[datetime], Awaitable[None]]) -> None:
    while True:
        try:
            async with database.acquire() as connection:
                now = await CLOCK.value(connection)
            await look(now)
        except Exception as failure:
            log.warning("what came due could not be recorded, trying again: %s", failure)
        await asyncio.sleep(seconds)
