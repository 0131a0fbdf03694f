"""`dealboard work`: processes that are stopped and killed, while others go on."""

import os
import signal
from pathlib import Path

import httpx2

from models import organisation_id
from models.database import Database
from tests.support.consuming import (
    HELD,
    add_events,
    add_organisation,
    handled,
    recorded_events,
    until,
    until_so,
    working,
)

ACME = organisation_id("acme")
COUNT = "SELECT count(*) = $1 FROM handled"
WAITING = "SELECT count(*) = $1 FROM pg_stat_activity WHERE wait_event = 'advisory'"


async def test_a_worker_is_killed_within_a_batch(database: Database, postgres_url: str, tmp_path: Path) -> None:
    """What it has written is taken back, and another process handles each event once."""
    environment = {**os.environ, "DEALBOARD_DATA_DIR": str(tmp_path)}
    async with recorded_events(database):
        await add_organisation(database, "acme", ACME, "1 minute")
        await add_events(database, ACME, 700)
        async with database.acquire() as blocker:
            await blocker.execute("SELECT pg_advisory_lock($1)", HELD)
            with working(postgres_url, environment) as (killed, _):
                await until(database, WAITING, 1)
                killed.send_signal(signal.SIGKILL)
                killed.wait(60)
            assert await handled(database, ACME) == []
            with working(postgres_url, environment), working(postgres_url, environment):
                await blocker.execute("SELECT pg_advisory_unlock($1)", HELD)
                await until(database, COUNT, 700)
                await add_events(database, ACME, 5)
                await until(database, COUNT, 705)
        assert await handled(database, ACME) == list(range(1, 706))


async def test_a_worker_is_stopped_within_a_batch(database: Database, postgres_url: str, tmp_path: Path) -> None:
    """It finishes the batch, begins no other, and ends with 0; the work of the settings' other servers is its own."""
    environment = {**os.environ, "DEALBOARD_DATA_DIR": str(tmp_path), "DEALBOARD_CONSUMER_INTERVAL": "0"}
    async with recorded_events(database):
        await add_organisation(database, "acme", ACME, "1 minute")
        await add_events(database, ACME, 700)
        async with database.acquire() as blocker:
            await blocker.execute("SELECT pg_advisory_lock($1)", HELD)
            with working(postgres_url, environment) as (stopped, address), httpx2.Client(timeout=60) as client:
                await until(database, WAITING, 1)
                stopped.send_signal(signal.SIGTERM)
                await until_so(lambda: not client.get(f"{address}/readyz").json()["working"])
                await blocker.execute("SELECT pg_advisory_unlock($1)", HELD)
                assert stopped.wait(60) == 0
        assert await handled(database, ACME) in ([], list(range(1, 501)))
        assert await database.pool.fetchval("SELECT position = (SELECT count(*) FROM handled) FROM consumer")
