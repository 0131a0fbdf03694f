"""Recording what happens by the passing of time alone, as events in the log of their organisation.

Every process looks again and again, also right after it has started, for records whose time has come and that have not
been recorded. The first process records them, in small batches. The mark on the record is set in the transaction that
writes the event, so each is recorded once, however many processes look or were down at the time. Many of them come
batch by batch, each organisation in its turn.
"""

import asyncio
import logging
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from sqlalchemy import text

from engine.change.events import Cause
from models.database import UNREACHABLE, Connection, Database, Row, Statement
from models.tables.event import ActorKind
from models.timeouts import BACKGROUND

log = logging.getLogger("dealboard.time")

BATCH = 500
"""Records that one transaction records."""

BETWEEN = 0.05
"""Seconds between two batches of an organisation, in which its log is free for others."""

CLOCK = Statement(text("SELECT clock_timestamp()"))
"""The time of the database, by which it is read as well whether a time has come: all processes go by one clock."""

TIME = Cause(ActorKind.SYSTEM)
"""Nobody makes what time brings."""

Wake = Callable[[UUID], Awaitable[None]]
"""Notifies every process that an organisation's log has grown."""


@dataclass(frozen=True)
class Recorder:
    """What is recorded when its time has come, in words; and how.

    - `due`: finds, over a connection, the organisations (`org_id`) that have such records at the instant `now`.
    - `batch`: records up to so many of an organisation, in the transaction of the connection, and returns how many it
      found, 0 to stop for now, and how many events it has written. What a change holds is left for the next time.
    """

    what: str
    due: Callable[..., Awaitable[Sequence[Row]]]
    batch: Callable[[Connection, UUID, datetime, int], Awaitable[tuple[int, int]]]


async def record(database: Database, recorder: Recorder, now: datetime, wake: Wake) -> None:
    """Record everything whose time came before this instant and that has not been recorded."""
    async with database.transaction(BACKGROUND) as connection:
        waiting = [row["org_id"] for row in await recorder.due(connection, now=now)]
    while waiting:
        waiting = [org_id for org_id in waiting if await _record_some(database, recorder, org_id, now, wake)]
        if waiting:
            await asyncio.sleep(BETWEEN)


async def _record_some(database: Database, recorder: Recorder, org_id: UUID, now: datetime, wake: Wake) -> bool:
    """Record a batch of an organisation; returns whether there may be more. Failures do not stop the others."""
    try:
        async with database.transaction(BACKGROUND) as connection:
            seen, recorded = await recorder.batch(connection, org_id, now, BATCH)
        if recorded:
            await wake(org_id)
    except UNREACHABLE:
        raise
    except Exception:
        log.exception("%s of the organisation %s could not be recorded", recorder.what, org_id)
        return False
    return seen == BATCH


@asynccontextmanager
async def recording(
    database: Database, seconds: float, wake: Wake, recorders: Sequence[Recorder]
) -> AsyncIterator[None]:
    """Record in the background: at once, then every so many seconds; 0 leaves it to other processes."""
    if seconds == 0:
        yield
        return
    task = asyncio.create_task(_keep_recording(database, seconds, wake, recorders))
    try:
        yield
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


async def _keep_recording(database: Database, seconds: float, wake: Wake, recorders: Sequence[Recorder]) -> None:
    while True:
        for recorder in recorders:
            try:
                async with database.acquire() as connection:
                    now = await CLOCK.value(connection)
                await record(database, recorder, now, wake)
            except Exception as failure:
                log.warning("%s could not be recorded, trying again: %s", recorder.what, failure)
        await asyncio.sleep(seconds)
