"""Probes: many at once, while the database hangs, and while the pool has no connection left."""

import asyncio
import time
from dataclasses import replace
from pathlib import Path
from typing import Any

import asyncpg
import httpx2
import pytest
from httpx2 import ASGITransport, AsyncClient

import server.observe.health
from models.database import Database
from models.spare import Spare
from server.app import create_app
from server.observe.health import Probe
from tests.support.servers.process import frozen_postgres
from tests.support.servers.served import serving
from tests.support.servers.stand_in import settings

READY = {"database": True, "migrations": True, "wakeups": True, "serving": True}
LOST = {"database": False, "migrations": False}


class CountingSpare(Spare):
    """Counts how often a connection is asked for."""

    asked = 0

    async def take(self) -> Any:
        """Count, and take it."""
        self.asked += 1
        return await super().take()


async def test_an_exhausted_pool_is_asked_once(migrated: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    """Every probe is answered in time; they share the wait for one connection, and are ready once it is there."""
    monkeypatch.setattr(server.observe.health, "PATIENCE", 0.2)
    async with Database.open(migrated.url, max_size=5) as opened:
        spare = CountingSpare(opened.pool)
        database = replace(opened, spare=spare)
        app = create_app(settings(event_poll_seconds=60, overdue_interval=0), database)
        client = AsyncClient(transport=ASGITransport(app), base_url="http://test")
        async with app.router.lifespan_context(app), client:
            async with asyncio.timeout(20):
                while (await client.get("/readyz")).json() != READY:
                    """The wake-ups are not connected yet."""
            taken = [await spare.take() for _ in range(5)]
            spare.asked = 0
            for _ in range(2):
                answers = await asyncio.gather(*(client.get("/readyz") for _ in range(50)))
                assert {answer.status_code for answer in answers} == {503}
                assert [answer.json()["database"] for answer in answers] == [False] * 50
            assert spare.asked == 1
            for connection in taken:
                await spare.give(connection, sound=True)
            monkeypatch.setattr(server.observe.health, "PATIENCE", 20)
            assert (await client.get("/readyz")).json() == READY


async def test_no_connection_to_be_had(migrated: Database) -> None:
    """503, in one line of the log, and no connection is opened for it: the pool's own is asked, or none."""
    async with Database.open(migrated.url, max_size=5) as opened:
        app = create_app(settings(event_poll_seconds=60, overdue_interval=0), opened)
        async with (
            app.router.lifespan_context(app),
            AsyncClient(transport=ASGITransport(app), base_url="http://test") as client,
        ):
            async with asyncio.timeout(20):
                while (await client.get("/readyz")).json() != READY:
                    """The wake-ups are connected soon after the start."""
            count = "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database()"
            before = await migrated.pool.fetchval(count)
            answers = await asyncio.gather(*(client.get("/readyz") for _ in range(20)))
            assert {answer.status_code for answer in answers} == {200}
            assert await migrated.pool.fetchval(count) <= before


@pytest.mark.parametrize(
    "failure",
    [
        asyncpg.TooManyConnectionsError("sorry, too many clients already"),
        asyncpg.InvalidPasswordError("password authentication failed"),
        ConnectionRefusedError(111, "refused"),
    ],
    ids=lambda failure: type(failure).__name__,
)
async def test_a_connection_that_is_refused(failure: Exception, caplog: pytest.LogCaptureFixture) -> None:
    """The probe says so; the log has the reason, without a trace."""

    class Refusing:
        def get_max_size(self) -> int:
            return 5

        async def acquire(self) -> Any:
            raise failure

    pool = Refusing()
    assert await Probe(Database(pool, Spare(pool), "")).answers() == (False, False)
    (record,) = caplog.records
    assert record.exc_info is None
    assert str(failure) in record.getMessage()


def test_a_database_that_hangs(tmp_path: Path) -> None:
    """With a frozen PostgreSQL the server is not ready but alive; once PostgreSQL goes on, it is ready again."""
    with serving(tmp_path) as served:
        root = served.url.removesuffix("/graphql")

        def ready() -> httpx2.Response:
            return httpx2.get(f"{root}/readyz", timeout=10)

        with frozen_postgres(tmp_path):
            answer = ready()
            assert (answer.status_code, answer.json() | LOST) == (503, answer.json())
            assert httpx2.get(f"{root}/healthz", timeout=10).json() == {"alive": True}
        end = time.monotonic() + 20
        while (answer := ready()).status_code != 200:
            assert time.monotonic() < end, answer.text
