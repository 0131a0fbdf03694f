"""The clients in examples/ miss nothing, print nothing twice and keep the order, whatever happens to their server."""

import asyncio
import os
import subprocess
import sys
import time
from collections.abc import AsyncIterator
from contextlib import AbstractAsyncContextManager, ExitStack, asynccontextmanager
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import jwt
import orjson
import pytest

from engine.live.retention import prune
from engine.live.selection import decode_cursor, encode_cursor
from models.database import Database
from models.tables.base import utc_now
from resolvers.changes.pruned_events import PRUNE
from server.auth.tokens import LEEWAY
from tests.support.fixtures.live import Board
from tests.support.relay import Relay
from tests.support.servers.served import serving

ROOT = Path(__file__).parents[3]
SECRET = "a secret that only this test knows, 40+"
EVENTS = "SELECT number FROM event WHERE org_id = $1 AND number > $2 AND type = 'lead.stage_changed' ORDER BY number"
COMMANDS = {
    "Python": [sys.executable, "examples/python/follow.py"],
    "TypeScript": ["node", "examples/typescript/dist/follow.js"],
}

Line = tuple[str, str]
"""`snapshot` or `event`, and its cursor."""


@pytest.fixture(scope="module", autouse=True)
def built() -> None:
    """The TypeScript client, compiled, which checks its types too."""
    made = subprocess.run(["make", "--silent", "examples"], cwd=ROOT, capture_output=True, text=True, check=False)
    if made.returncode:
        pytest.fail(f"`make examples` cannot build the client in TypeScript: {made.stdout}{made.stderr}", pytrace=False)


@dataclass
class Client:
    """A running client, the lines that it has printed, and what it has reported on its standard error."""

    name: str
    lines: list[Line] = field(default_factory=list)
    came: asyncio.Condition = field(default_factory=asyncio.Condition)
    said: str = ""

    @classmethod
    @asynccontextmanager
    async def running(cls, name: str, environment: dict[str, str], *after: str) -> AsyncIterator["Client"]:
        """Start a client; it is killed at the end."""
        process = await asyncio.create_subprocess_exec(
            *COMMANDS[name],
            *after,
            cwd=ROOT,
            env={**os.environ, **environment},
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
            limit=1_000_000,
        )
        client = cls(name)
        assert process.stdout is not None
        assert process.stderr is not None
        tasks = [asyncio.create_task(client._read(process.stdout)), asyncio.create_task(client._hear(process.stderr))]
        try:
            yield client
        finally:
            if process.returncode is None:
                process.kill()
            await asyncio.gather(process.wait(), *tasks)

    async def until(self, lines: list[Line]) -> None:
        """Wait until the client has printed as many lines as these, and compare."""
        try:
            async with asyncio.timeout(60), self.came:
                await self.came.wait_for(lambda: len(self.lines) >= len(lines))
        except TimeoutError:
            pytest.fail(f"{self.name}: {len(self.lines)} of {len(lines)} lines came. It said: {self.said}")
        assert self.lines == lines, self.name

    async def says(self, words: str) -> None:
        """Wait until the client has written this to its standard error."""
        async with asyncio.timeout(60), self.came:
            await self.came.wait_for(lambda: words in self.said)

    async def _read(self, output: asyncio.StreamReader) -> None:
        async for line in output:
            ((kind, what),) = orjson.loads(line).items()
            async with self.came:
                self.lines.append((kind, what["cursor"]))
                self.came.notify_all()

    async def _hear(self, output: asyncio.StreamReader) -> None:
        async for line in output:
            async with self.came:
                self.said += line.decode()
                self.came.notify_all()


@dataclass
class House:
    """A server at a fixed address, the clients that follow it, and the lines that each must have printed."""

    board: Board
    database: Database
    relay: Relay
    folder: Path
    environment: dict[str, str]
    servers: ExitStack
    clients: list[Client] = field(default_factory=list)
    expected: list[Line] = field(default_factory=list)
    moves: int = 0

    async def start(self) -> subprocess.Popen[str]:
        """Start a server, to which the relay connects from now on."""
        server = serving(self.folder, **self.environment)
        served = await asyncio.to_thread(self.servers.enter_context, server)
        self.relay.target = urlsplit(served.url).port
        return served.process

    def let_in(self, seconds: float) -> None:
        """Give the clients a token that is valid for so many seconds."""
        exp = int(time.time() + seconds - LEEWAY)
        claims = {"sub": "follower", "org_id": "demo", "role": "viewer", "exp": exp}
        (self.folder / "token").write_text(jwt.encode(claims, SECRET, "HS256"))

    def client(self, name: str, *after: str) -> AbstractAsyncContextManager[Client]:
        """A client that connects through the relay."""
        url = f"ws://127.0.0.1:{self.relay.port}/graphql"
        return Client.running(name, {"DEALBOARD_URL": url, "DEALBOARD_TOKEN_FILE": str(self.folder / "token")}, *after)

    async def snapshot(self) -> None:
        """Expect a snapshot of the present state first from each client."""
        self.expected.append(("snapshot", await self.board.cursor()))
        await self.received()

    async def move(self) -> None:
        """Move a lead a few times: the clients are expected to print what is in the event table then."""
        organisation, last = decode_cursor(self.expected[-1][1])
        for _ in range(4):
            self.moves += 1
            await self.board.move(self.board.leads[0], ("New", "Talking")[self.moves % 2])
        found = await self.database.pool.fetch(EVENTS, organisation, last)
        self.expected += [("event", encode_cursor(organisation, row["number"])) for row in found]

    async def received(self) -> None:
        """Wait until every client has printed what it must, and nothing else."""
        for client in self.clients:
            await client.until(self.expected)


@pytest.fixture
async def house(make_board: Any, database: Database, postgres_url: str, tmp_path: Path) -> AsyncIterator[House]:
    """A house in which nothing runs yet."""
    environment = {
        "DEALBOARD_DATABASE_URL": postgres_url,
        "DEALBOARD_JWT_SECRET": SECRET,
        "DEALBOARD_EVENT_POLL_SECONDS": "0.1",  # the moves are made in this process, which wakes no other process
    }
    async with Relay.listening() as relay:
        with ExitStack() as servers:
            house = House(await make_board(), database, relay, tmp_path, environment, servers)
            house.let_in(3600)
            yield house


async def test_whatever_happens_every_event_is_printed_once(house: House) -> None:
    """After a cut, a kill, a drain and an expired token, the output equals the event table, also from a given
    cursor."""
    first = await house.start()
    async with house.client("Python") as python, house.client("TypeScript") as typescript:
        house.clients = [python, typescript]
        await house.snapshot()
        await house.move()
        await house.received()

        house.relay.cut()
        await house.move()
        await house.received()

        first.kill()
        await house.move()
        second = await house.start()
        await house.move()
        await house.received()

        second.terminate()
        await house.move()
        for client in house.clients:
            await client.says("1012")
        await house.start()
        await house.received()

        house.let_in(1)
        house.relay.cut()
        for client in house.clients:
            await client.says("4403")
            await client.says("has expired")
        await house.move()
        house.let_in(3600)
        await house.received()
    after = house.expected[2][1]
    async with house.client("Python", after) as python, house.client("TypeScript", after) as typescript:
        for client in (python, typescript):
            await client.until(house.expected[3:])


async def test_history_that_is_gone_is_made_good_by_a_snapshot(house: House) -> None:
    """Clients whose next events were pruned while they were away take a new snapshot and go on from there."""
    await house.start()
    async with house.client("Python") as python, house.client("TypeScript") as typescript:
        house.clients = [python, typescript]
        await house.snapshot()
        await house.move()
        await house.received()

        server, house.relay.target = house.relay.target, None
        house.relay.cut()
        printed = len(house.expected)
        await house.move()
        del house.expected[printed:]
        await house.database.pool.execute("UPDATE event SET occurred_at = now() - interval '100 days'")
        before = utc_now() - timedelta(days=90)
        await prune(house.database, before, PRUNE[True], before)  # also what consumers have not read
        house.relay.target = server
        await house.snapshot()
        await house.move()
        await house.received()
