"""The embedded PostgreSQL comes back when it dies."""

import asyncio
import logging
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import httpx2
import psutil
import pytest

from engine.live.shared_stream import patiently
from models.database import Database
from server.process import supervised as module
from server.process.postgres import runs, server_of
from server.process.supervised import supervised
from tests.support.servers.process import postgres_in
from tests.support.servers.served import serving


class Heard(logging.Handler):
    """What the log says, to be waited for."""

    def __init__(self) -> None:
        super().__init__()
        self.lines: asyncio.Queue[str] = asyncio.Queue()

    def emit(self, record: logging.LogRecord) -> None:
        self.lines.put_nowait(f"{record.levelname} {record.getMessage()}")

    async def until(self, part: str) -> str:
        """The next line that contains this."""
        async with asyncio.timeout(60):
            while part not in (line := await self.lines.get()):
                """Something else was said."""
        return line


@pytest.fixture
def heard() -> Iterator[Heard]:
    """What the supervision says."""
    handler = Heard()
    module.log.addHandler(handler)
    yield handler
    module.log.removeHandler(handler)


async def kept(database: Database) -> int:
    """What a table holds, once the database answers."""
    async with asyncio.timeout(60):
        return await patiently(lambda: database.pool.fetchval("SELECT kept FROM kept"))


async def test_it_comes_back_with_its_data(tmp_path: Path, heard: Heard) -> None:
    """Killed twice, it is started each time, and the log says so; at the end it is stopped."""
    async with supervised(tmp_path) as url, Database.open(url) as database:
        await database.pool.execute("CREATE TABLE kept AS SELECT 7 AS kept")
        for _ in range(2):
            psutil.Process(server_of(tmp_path).get_pid()).kill()
            assert "ERROR the embedded PostgreSQL has died; starting it again" in await heard.until("died")
            assert await heard.until("runs again") == "WARNING the embedded PostgreSQL runs again"
            assert await kept(database) == 7
    assert [process for process in postgres_in(tmp_path) if runs(process)] == []


async def test_a_start_that_fails_is_tried_again(tmp_path: Path, heard: Heard, monkeypatch: pytest.MonkeyPatch) -> None:
    """The log says why, and that it goes on trying."""
    failures = [RuntimeError("no space left on device")]
    restart = module._restart

    def failing(server: object) -> None:
        if failures:
            raise failures.pop()
        restart(server)

    monkeypatch.setattr(module, "_restart", failing)
    async with supervised(tmp_path) as url, Database.open(url) as database:
        await database.pool.execute("CREATE TABLE kept AS SELECT 7 AS kept")
        psutil.Process(server_of(tmp_path).get_pid()).kill()
        said = "ERROR the embedded PostgreSQL cannot be started, trying again in 1.0 s: no space left on device"
        assert await heard.until("cannot be started") == said
        await heard.until("runs again")
        assert await kept(database) == 7


FORKED = "import os, sys; child = os.fork(); print(end='.' if child else '', flush=True); sys.stdin.read()"


def test_a_forked_child_is_no_second_server(tmp_path: Path) -> None:
    """Until it is renamed, the child that a server forks for a connection has the server's command line."""
    command = ["/bin/postgres", "-c", FORKED, str(tmp_path)]
    with subprocess.Popen(command, executable=sys.executable, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as server:
        assert server.stdin is not None
        assert server.stdout is not None
        assert server.stdout.read(1) == b"."
        assert len(psutil.Process(server.pid).children()) == 1
        assert [process.pid for process in postgres_in(tmp_path)] == [server.pid]
        server.stdin.close()


def test_a_server_is_ready_again(tmp_path: Path) -> None:
    """/readyz says 503 while PostgreSQL is away and 200 once it is back, and the log says what happened."""
    with serving(tmp_path) as served:
        root = served.url.removesuffix("/graphql")
        (postmaster,) = [process for process in postgres_in(tmp_path) if runs(process)]
        postmaster.kill()
        seen, end = [], time.monotonic() + 60
        while seen[-2:] != [503, 200]:
            assert time.monotonic() < end, seen
            status = httpx2.get(f"{root}/readyz", timeout=20).status_code
            seen += [status] if seen[-1:] != [status] else []
        assert httpx2.post(served.url, json={"query": "{ cursor }"}, headers=served.headers).status_code == 200
        assert served.process.stdout is not None
        said = ""
        while "runs again" not in said:
            said += served.process.stdout.readline()
        assert "the embedded PostgreSQL has died; starting it again" in said
