"""The runner: makes the batches of runs, in every server process.

find      unfinished runs of all organisations, those that waited longest first
batch     one transaction: the run's row is locked, a batch is made with its events, and `done` is written

The lock is the lease. While a batch is made, no other process finds the run; when the process is killed, PostgreSQL
takes the batch back and frees the row, and whichever process looks next goes on. `done` and the batch are one
transaction, so no batch is made twice. Between two batches of a run others get their turn.
"""

import asyncio
import logging
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from uuid import UUID

from sqlalchemy import text

from engine.background.runs import caller_of, given_of
from engine.change.records import ID
from engine.change.shards import CLOCK
from engine.change.transaction import CONTENDED, Change
from engine.domain import Domain
from engine.read.rows import ORG
from models.database import UNREACHABLE, Database, Row, Statement
from models.rules.refusal import Refused
from models.timeouts import BACKGROUND

log = logging.getLogger("dealboard.runs")

BETWEEN = 0.02
"""Seconds between two batches, in which what they lock is free for others."""

MOST_FAILURES = 5
"""Batches of a run that may fail one after the other, for a reason that is not a refusal, before it is given up."""

GIVEN_UP = "Something went wrong on the server. What is done stays: start it again, and report it if it fails again."

UNFINISHED = Statement(
    text(
        """
        SELECT org_id, id FROM run WHERE state = 'RUNNING' AND owner IS NULL
        ORDER BY updated_at, id LIMIT CAST(:most AS int)
        """
    )
)
"""Runs with batches to make, of all organisations. Few are unfinished at any time, and an index holds only those."""

MOST_AT_A_TIME = 100

COUNTS = Statement(
    text(
        """
        SELECT kind, state, count(*) AS runs,
            CAST(extract(epoch FROM statement_timestamp() - min(updated_at)) AS double precision) AS seconds
        FROM run WHERE owner IS NULL GROUP BY kind, state
        """
    )
)
"""How many runs there are by kind and state, and the seconds since the one that waits longest made a batch."""

TAKE_RUN = Statement(
    text(
        """
        SELECT id, kind, input, total, done, failures, made_by_id FROM run
        WHERE org_id = :org_id AND id = :id AND state = 'RUNNING' FOR UPDATE SKIP LOCKED
        """
    ).bindparams(ORG, ID)
)

PROGRESS = Statement(
    text(
        f"""
        UPDATE run SET done = done + :count, total = greatest(total, done + :count), failures = 0, state = :state,
            error = :error, finished_at = CASE WHEN :state <> 'RUNNING' THEN clock.now END,
            updated_at = clock.now, version = version + 1
        FROM {CLOCK} WHERE org_id = :org_id AND id = :id
        """
    ).bindparams(ORG, ID)
)

FAILURE = Statement(
    text(
        """
        UPDATE run SET failures = failures + 1, updated_at = statement_timestamp(), version = version + 1
        WHERE org_id = :org_id AND id = :id AND state = 'RUNNING' RETURNING failures
        """
    ).bindparams(ORG, ID)
)

Wake = Callable[[UUID], Awaitable[None]]
"""Notifies every process that an organisation's log has grown."""


Counted = Callable[[Sequence[Row]], None]
"""Called with how many runs there are, as `COUNTS` finds them."""

COUNT_EVERY = 15.0
"""Seconds between two counts."""


def uncounted(_: Sequence[Row]) -> None:
    """Where nobody wants to know."""


async def make_batch(database: Database, domain: Domain, org_id: UUID, id: UUID) -> bool:
    """Make the next batch of a run; returns whether to go on at once. Otherwise another process makes a batch of it, or
    this one failed and is made again at the next look."""
    try:
        async with database.transaction(BACKGROUND) as connection:
            run = await TAKE_RUN.first(connection, org_id=org_id, id=id)
            if run is None:
                return False
            change = Change(connection, caller_of(run), run["made_by_id"], run["kind"], id)
            step = await domain.work[run["kind"]].batch(change, given_of(run), run["done"])
            await _record(change, domain, run, step.count, "FINISHED" if step.is_last else "RUNNING")
    except CONTENDED:
        pass  # what it met ends; the batch is made again in its next turn
    except Refused as refused:
        await _give_up(database, domain, org_id, id, refused.message)
    except UNREACHABLE:
        raise
    except Exception:
        log.exception("a batch of the run %s failed", id)
        async with database.transaction(BACKGROUND) as connection:
            failures = await FAILURE.value(connection, org_id=org_id, id=id)
        if failures == MOST_FAILURES:
            await _give_up(database, domain, org_id, id, GIVEN_UP)
        return False
    return True


async def _give_up(database: Database, domain: Domain, org_id: UUID, id: UUID, error: str) -> None:
    """End a run that has failed, with the message of its error."""
    async with database.transaction(BACKGROUND) as connection:
        run = await TAKE_RUN.first(connection, org_id=org_id, id=id)
        if run is not None:
            change = Change(connection, caller_of(run), run["made_by_id"], run["kind"], id)
            await domain.work[run["kind"]].give_up(change, given_of(run))
            await _record(change, domain, run, 0, "FAILED", error)


async def _record(change: Change, domain: Domain, run: Row, count: int, state: str, error: str | None = None) -> None:
    """Write how far a run is, and the events of the batch; at its end also that it has ended."""
    await change.run(PROGRESS, id=run["id"], count=count, state=state, error=error)
    if state != "RUNNING":
        domain.run_ended(change, run["id"], state, error)
    if change.new_events:
        await domain.settle(change.connection, change.org_id, change.new_events)
    await change.finish(domain)


async def work_off(database: Database, domain: Domain, wake: Wake) -> None:
    """Make batches, one of each run in turn, until no run is left that this process can take."""
    worked = True
    while worked:
        async with database.acquire() as connection:
            found = await UNFINISHED.all(connection, most=MOST_AT_A_TIME)
        worked = False
        for row in found:
            if await make_batch(database, domain, row["org_id"], row["id"]):
                worked = True
                await wake(row["org_id"])
                await asyncio.sleep(BETWEEN)


@asynccontextmanager
async def working(
    database: Database, domain: Domain, seconds: float, wake: Wake, counted: Counted = uncounted
) -> AsyncIterator[None]:
    """Work on runs in the background, and count them: look for some every so many seconds; 0 leaves both to other
    processes."""
    if seconds == 0:
        yield
        return
    task = asyncio.create_task(_keep_working(database, domain, seconds, wake, counted))
    try:
        yield
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


async def _keep_working(database: Database, domain: Domain, seconds: float, wake: Wake, counted: Counted) -> None:
    clock = asyncio.get_running_loop().time
    next_count = clock()
    while True:
        try:
            if clock() >= next_count:
                next_count = clock() + COUNT_EVERY
                async with database.acquire() as connection:
                    counted(await COUNTS.all(connection))
            await work_off(database, domain, wake)
        except Exception as failure:
            log.warning("runs could not be worked on, trying again: %s", failure)
        await asyncio.sleep(seconds)
