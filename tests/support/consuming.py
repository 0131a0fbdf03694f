"""A consumer that writes down each event it gets, and `dealboard work` with it: `python -m tests.support.consuming`.

What it writes has no key, so that an event that is handled twice is seen.
"""

import asyncio
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import AbstractContextManager, asynccontextmanager
from dataclasses import replace
from subprocess import Popen
from uuid import UUID

import uvloop

from engine.background.consumers import Consumer
from models.database import Connection, Database, Row
from resolvers.domain import CRM
from server.background.worker import work
from server.settings import load_settings
from tests.support.servers.worker_processes import worker_of

HELD = 77
"""The number of the advisory lock that the consumer waits for after it has written."""


async def record(connection: Connection, org_id: UUID, events: Sequence[Row]) -> bool:
    """Write down the events, then wait while a test holds the lock."""
    await connection.executemany(
        "INSERT INTO handled (org_id, number) VALUES ($1, $2)", [(org_id, event["number"]) for event in events]
    )
    await connection.execute("SELECT pg_advisory_xact_lock_shared($1)", HELD)
    return False


RECORDING = Consumer("recording", record)


@asynccontextmanager
async def recorded_events(database: Database) -> AsyncIterator[None]:
    """The table that it writes to."""
    await database.pool.execute("CREATE TABLE handled (nth BIGSERIAL, org_id UUID, number BIGINT)")
    try:
        yield
    finally:
        await database.pool.execute("DROP TABLE handled")


async def handled(database: Database, org_id: UUID) -> list[int]:
    """The numbers of an organisation's events, in the order in which they were handled."""
    found = await database.pool.fetch("SELECT number FROM handled WHERE org_id = $1 ORDER BY nth", org_id)
    return [row["number"] for row in found]


async def until(database: Database, query: str, *values: object, seconds: float = 60) -> None:
    """Wait until the query finds something true."""
    async with asyncio.timeout(seconds):
        while not await database.pool.fetchval(query, *values):
            pass


async def until_so(condition: Callable[[], bool]) -> None:
    """Wait until this is so."""
    async with asyncio.timeout(60):
        while not condition():  # noqa: ASYNC110
            await asyncio.sleep(0.005)


async def add_events(database: Database, org_id: UUID, count: int) -> None:
    """Append events that nobody reads, as one change would."""
    await database.pool.execute(
        """
        WITH log AS (UPDATE event_log SET head = head + $2 WHERE org_id = $1 RETURNING head - $2 AS before)
        INSERT INTO event (org_id, number, id, type, occurred_at)
        SELECT $1, log.before + nth, gen_random_uuid(), 'lead.moved', now() FROM log, generate_series(1, $2::int) AS nth
        """,
        org_id,
        count,
    )


async def add_organisation(database: Database, key: str, org_id: UUID, age: str = "1 day") -> None:
    """An organisation with an empty log."""
    async with database.acquire() as connection:
        await connection.execute(
            "INSERT INTO organisation (id, key, name, created_at) VALUES ($1, $2, $2, now() - $3::text::interval)",
            *(org_id, key, age),
        )
        await connection.execute("INSERT INTO event_log (org_id) VALUES ($1)", org_id)


def working(url: str, environment: dict[str, str]) -> AbstractContextManager[tuple[Popen[str], str]]:
    """A process of `dealboard work` with this consumer alone, until it is stopped; and the address of its probes."""
    return worker_of("tests.support.consuming", url=url, environment=environment)


if __name__ == "__main__":
    uvloop.run(work(load_settings(), lambda address: print(f"working {address}"), replace(CRM, consumers=(RECORDING,))))
