"""Wake-ups between processes: what one commits, subscribers of another hear at once, through cuts and restarts.

Two feeds stand for two processes. They look at the table by themselves only every half minute, so what arrives in a
test was announced by a wake-up.
"""

import asyncio
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager
from dataclasses import replace
from typing import Any

import asyncpg
import pytest

from bench.redis_server import RedisServer, redis_server
from engine.engine import Engine
from engine.live import wakeups as module
from engine.live.feed import Feed
from engine.live.wakeups import CHANNEL, EVERYTHING, SharedWakeups, Wakeups
from engine.live.wakeups_postgres import PostgresWakeups
from engine.live.wakeups_redis import RedisWakeups
from models import new_id
from models.database import Database
from resolvers.domain import CRM
from server.background.beside_requests import make_wakeups


@pytest.fixture(scope="module")
def redis() -> Iterator[RedisServer]:
    """A Redis for the tests of this file."""
    with redis_server() as server:
        yield server


@pytest.fixture(params=["postgresql", "redis"])
def make(request: pytest.FixtureRequest, database: Database) -> Callable[[], SharedWakeups]:
    """Makes the wake-ups of one process, by PostgreSQL and by Redis."""
    if request.param == "postgresql":
        return lambda: PostgresWakeups(database.url)
    redis: RedisServer = request.getfixturevalue("redis")
    return lambda: RedisWakeups(redis.url)


@asynccontextmanager
async def another_process(engine: Engine, wakeups: Wakeups) -> AsyncIterator[Engine]:
    """An engine as another process has one: the same database, a feed of its own."""
    async with Feed.open(engine.database, CRM, 30, wakeups) as feed, asyncio.timeout(20):
        await wakeups.stands.wait()
        yield Engine(engine.schema, engine.database, engine.documents, feed)


async def test_a_change_in_one_process_is_heard_in_the_other(
    make_board: Any, make: Callable[[], SharedWakeups]
) -> None:
    """A move made through either process reaches subscribers of both."""
    board = await make_board()
    async with another_process(board.engine, make()) as first, another_process(board.engine, make()) as second:
        here, there = replace(board, engine=first), replace(board, engine=second)
        async with here.listening() as one, there.listening() as other:
            await here.move(board.leads[0], "Talking")
            await asyncio.gather(one.until(1), other.until(1))
            await there.move(board.leads[1], "Offer")
            await asyncio.gather(one.until(2), other.until(2))
    assert one.events == other.events


async def cut(database: Database) -> None:
    """Terminate the connections that carry PostgreSQL's wake-ups."""
    await database.pool.execute(
        "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = 'dealboard wake-ups'"
    )


@asynccontextmanager
async def interrupting(wakeups: Wakeups) -> AsyncIterator[None]:
    """The line is broken inside this block; when the block ends, the loss has been noticed."""
    noticed = asyncio.create_task(wakeups.interrupted.wait())
    await asyncio.sleep(0)
    yield
    await asyncio.wait_for(noticed, 20)


async def test_what_happens_while_postgres_wakeups_are_cut_arrives(make_board: Any, database: Database) -> None:
    """After the connection is terminated it is opened again, and what was committed meanwhile is delivered."""
    board = await make_board()
    wakeups = PostgresWakeups(database.url)
    async with another_process(board.engine, wakeups) as engine:
        async with replace(board, engine=engine).listening() as listener:
            async with interrupting(wakeups):
                await cut(database)
            await board.move(board.leads[0], "Talking")
            await listener.until(1)
        await asyncio.wait_for(wakeups.stands.wait(), 20)
        assert wakeups.reconnects == 1
        assert wakeups.connected
        assert wakeups.last_error == "ConnectionError: the connection to PostgreSQL was lost"


async def test_what_happens_while_redis_is_down_arrives(make_board: Any, redis: RedisServer) -> None:
    """After Redis restarts, what was committed meanwhile is delivered, and so is what follows."""
    board = await make_board()
    wakeups = RedisWakeups(redis.url)
    async with another_process(board.engine, wakeups) as engine:
        there = replace(board, engine=engine)
        async with there.listening() as listener:
            async with interrupting(wakeups):
                redis.stop()
            assert not wakeups.connected
            await board.move(board.leads[0], "Talking")
            await there.move(board.leads[1], "Talking")
            redis.start()
            await listener.until(2)
            await there.move(board.leads[1], "Offer")
            await listener.until(3)
        await wakeups.stands.wait()
        assert wakeups.reconnects == 1


async def test_a_process_hears_itself_without_any_line(make_board: Any) -> None:
    """Subscribers in the process that makes a change get it though the other processes are unreachable, and it can
    start."""
    board = await make_board()
    wakeups = RedisWakeups("redis://127.0.0.1:1")
    async with Feed.open(board.engine.database, CRM, 30, wakeups) as feed:
        alone = replace(board, engine=Engine(board.engine.schema, feed.database, board.engine.documents, feed))
        await asyncio.wait_for(wakeups.interrupted.wait(), 20)
        async with alone.listening() as listener:
            await alone.move(board.leads[0], "Talking")
            await listener.until(1)
    assert not wakeups.connected


async def test_many_commits_are_one_message(database: Database) -> None:
    """Ten thousand wake-ups at once, of five hundred organisations, are sent in three messages."""
    organisations = {new_id().hex for _ in range(500)}
    heard: list[str] = []
    wakeups = PostgresWakeups(database.url)
    listener = await asyncpg.connect(database.url)
    await wakeups.connect()
    await wakeups.stands.wait()
    await listener.add_listener(CHANNEL, lambda *message: heard.append(message[3]))
    for _ in range(20):
        for organisation in organisations:
            await wakeups.publish(CHANNEL, organisation)
    await wakeups.disconnect()
    await listener.execute("SELECT 1")
    await listener.close()
    assert len(heard) == 3
    assert {one for message in heard for one in message.partition(":")[2].split(",")} == organisations


async def test_what_waits_is_bounded() -> None:
    """When more organisations have events than may wait, one wake-up for all of them takes their place."""
    wakeups = Wakeups()
    for nth in range(module.MOST + 1):
        await wakeups.publish(CHANNEL, str(nth))
    assert (await wakeups.next_published()).message == EVERYTHING


async def test_a_line_that_does_not_carry_is_not_called_connected(monkeypatch: pytest.MonkeyPatch) -> None:
    """When listening succeeds but nothing arrives, that is noticed, and the log names what to do."""

    class Deaf:
        async def send(self, message: str) -> None:
            """Accept the message."""

        async def listen(self, heard: Callable[[str], None]) -> None:
            """Listen, and never receive anything."""
            await asyncio.Event().wait()

    class Pooled(SharedWakeups):
        @asynccontextmanager
        async def _open(self) -> AsyncIterator[Deaf]:
            yield Deaf()

    monkeypatch.setattr(module, "HEARTBEAT", 0.01)
    wakeups = Pooled()
    await wakeups.connect()
    await asyncio.wait_for(wakeups.interrupted.wait(), 20)
    assert not wakeups.connected
    assert "DEALBOARD_EVENTS_URL" in str(wakeups.last_error)
    await wakeups.disconnect()


@pytest.mark.parametrize(
    ("url", "kind"),
    [
        ("redis://127.0.0.1:6379", RedisWakeups),
        ("rediss://user:word@host:6379/1", RedisWakeups),
        ("postgresql://postgres@/postgres", PostgresWakeups),
    ],
)
def test_the_url_says_what_carries_wakeups(url: str, kind: type[Wakeups]) -> None:
    """A Redis URL selects Redis, and without one PostgreSQL carries the wake-ups."""
    assert type(make_wakeups(url)) is kind
