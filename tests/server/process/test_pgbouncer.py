"""A server behind Debian's PgBouncer in transaction mode, set up as docs/operating/deploy.md says."""

import asyncio
import subprocess
import sys
from collections.abc import AsyncIterator, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import asyncpg
import httpx2
import pytest

from tests.support.servers.pooler import PGBOUNCER, documented, pooled
from tests.support.servers.process import ask
from tests.support.servers.served import Served, serving
from tests.support.servers.workers import heard, move, subscribed

pytestmark = pytest.mark.skipif(PGBOUNCER is None, reason="pgbouncer is missing: apt-get install pgbouncer")

BOARD = "{ pipelines { name stages { name leads(first: 5) { totalCount nodes { id title createdAt } } } } }"
MAKE = 'mutation { createPipeline(input: {name: "Late", stages: [{name: "New"}]}) { pipeline { name } } }'
READ_TIMEOUT = "0.5"


@pytest.fixture
async def direct(postgres_url: str) -> AsyncIterator[str]:
    """A database without tables, whose sessions are in another time zone unless they choose their own."""
    connection = await asyncpg.connect(postgres_url)
    try:
        await connection.execute("DROP DATABASE IF EXISTS pooler_test WITH (FORCE)")
        await connection.execute("CREATE DATABASE pooler_test")
        await connection.execute("ALTER DATABASE pooler_test SET timezone = 'Asia/Tokyo'")
        yield urlsplit(postgres_url)._replace(path="/pooler_test").geturl()
        await connection.execute("DROP DATABASE pooler_test WITH (FORCE)")
    finally:
        await connection.close()


@contextmanager
def behind(folder: Path, pooler: str, direct: str, **environment: str) -> Iterator[Served]:
    """A server with the settings that the docs name."""
    settings = {
        "DEALBOARD_DATABASE_URL": pooler,
        "DEALBOARD_STATEMENT_CACHE_SIZE": "0",
        "DEALBOARD_EVENTS_URL": direct,
    }
    with serving(folder, **settings, **environment) as served:
        yield served


def works(served: Served) -> None:
    """A board, asked many times at once, a move that a subscriber hears of, and instants in UTC."""
    with ThreadPoolExecutor(8) as threads:
        boards: list[Any] = list(threads.map(lambda _: ask(served.url, served.headers, BOARD), range(24)))
    assert all(board == boards[0] for board in boards)
    stages = boards[0]["data"]["pipelines"][0]["stages"]
    cards = [lead for stage in stages for lead in stage["leads"]["nodes"]]
    assert cards
    assert all(card["createdAt"].endswith("+00:00") for card in cards)
    with subscribed(served) as socket:
        for _ in range(3):
            lead = move(served)
            assert heard(socket) == lead
    assert httpx2.get(served.url.replace("/graphql", "/readyz"), timeout=20).status_code == 200


def explained(folder: Path, pooler: str) -> str:
    """The plan that `dealboard explain` shows."""
    command = [sys.executable, "-m", "server", "explain", "--org", "demo", "{ pipelines { name } }"]
    environment = {"DEALBOARD_DATABASE_URL": pooler, "DEALBOARD_STATEMENT_CACHE_SIZE": "0"}
    return subprocess.run(
        command, env={**environment, "DEALBOARD_DATA_DIR": str(folder)}, capture_output=True, text=True, check=True
    ).stdout


def test_a_server_starts_and_starts_again(tmp_path: Path, direct: str) -> None:
    """The sessions that the pooler keeps hold nothing of the first server that stops the second."""
    with pooled(direct) as pooler:
        for _ in range(3):
            with behind(tmp_path, pooler, direct) as served:
                works(served)
                assert "Execution Time" in explained(tmp_path, pooler)
        with behind(tmp_path, pooler, direct, DEALBOARD_WORKERS="2") as served:
            works(served)


async def test_statements_have_their_time(tmp_path: Path, direct: str) -> None:
    """Where the pooler drops `statement_timeout`, a read is cancelled by the server; a change has its own limit."""
    timeouts = {"DEALBOARD_READ_TIMEOUT": READ_TIMEOUT, "DEALBOARD_CHANGE_TIMEOUT": "0.5"}
    with pooled(direct) as pooler, behind(tmp_path, pooler, direct, **timeouts) as served:
        connection = await asyncpg.connect(direct)
        try:
            async with connection.transaction():
                await connection.execute("LOCK TABLE pipeline IN ACCESS EXCLUSIVE MODE")
                for query in ("{ pipelines { name } }", MAKE):
                    answer: Any = await asyncio.to_thread(ask, served.url, served.headers, query)
                    assert [error["extensions"]["code"] for error in answer["errors"]] == ["TIMED_OUT"]
                while await connection.fetchval("SELECT count(*) FROM pg_locks WHERE NOT granted"):
                    """The cancelled read has not ended yet."""
            assert await connection.fetchval("SELECT count(*) FROM pipeline WHERE name = 'Late'") == 0
        finally:
            await connection.close()
        await asyncio.to_thread(works, served)


async def test_the_database_sets_what_the_pooler_drops(direct: str) -> None:
    """The documented statements, and the time zone of the server's own sessions."""
    connection = await asyncpg.connect(direct)
    await connection.execute(documented("sql").replace("DATABASE dealboard", "DATABASE pooler_test"))
    await connection.close()
    with pooled(direct) as pooler:
        settings = {"timezone": "UTC", "jit": "on", "statement_timeout": "0"}
        connection = await asyncpg.connect(pooler, statement_cache_size=0, server_settings=settings)
        try:
            shown = [await connection.fetchval(f"SHOW {name}") for name in ("jit", "statement_timeout", "timezone")]
        finally:
            await connection.close()
    assert shown == ["off", "10s", "UTC"]
