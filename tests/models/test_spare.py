"""Connections that are kept for their next use: who gets which, and which go back to the pool."""

import asyncio
from collections.abc import AsyncIterator, Callable
from typing import Any

import asyncpg
import pytest

from models import spare
from models.database import Database

PID = "SELECT pg_backend_pid()"


@pytest.fixture
async def two(postgres_url: str) -> AsyncIterator[Database]:
    """A database with a pool of two connections."""
    async with Database.open(postgres_url, max_size=2) as database:
        yield database


async def until(holds: Callable[[], bool]) -> None:
    """Wait until something holds."""
    async with asyncio.timeout(60):
        while not holds():  # noqa: ASYNC110  # nothing of asyncpg says when
            await asyncio.sleep(0.001)


async def pid(database: Database) -> int:
    """The PostgreSQL process behind a connection."""
    async with database.acquire() as connection:
        found: int = await connection.fetchval(PID)
    return found


async def test_a_connection_is_used_again_without_the_pool(two: Database) -> None:
    """The one that was returned last, and the pool counts it as taken."""
    assert await pid(two) == await pid(two)
    assert len(two.spare.kept) == 1
    assert two.pool.get_idle_size() == 0


async def test_one_is_left_to_the_pool(two: Database) -> None:
    """However many are returned, a direct user of the pool finds one."""
    async with two.acquire(), two.acquire():
        assert two.pool.get_size() == 2
    assert len(two.spare.kept) == 1
    assert await two.pool.fetchval("SELECT 1") == 1


async def test_whoever_waits_for_the_pool_gets_what_is_returned(two: Database) -> None:
    """Ten at once on two connections, and nobody waits for ever."""
    async with asyncio.timeout(60):
        found = await asyncio.gather(*(pid(two) for _ in range(10)))
    assert len(set(found)) <= 2
    assert two.spare.waiting == 0


async def test_a_connection_that_was_lost_is_not_given_out(two: Database, postgres_url: str) -> None:
    """The pool opens another."""
    before = await pid(two)
    admin = await asyncpg.connect(postgres_url)
    await admin.execute("SELECT pg_terminate_backend($1, 10000)", before)
    await admin.close()
    await until(lambda: not spare.is_open(two.spare.kept[0]))
    assert await pid(two) != before


async def test_a_connection_that_is_lost_while_it_is_returned(two: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    """The pool has taken it back already, and says so; nothing fails for that."""
    await pid(two)
    lost = two.spare.kept[0]
    release = asyncpg.Pool.release

    async def released(pool: asyncpg.Pool, connection: Any, **more: Any) -> None:
        connection.terminate()
        await release(pool, connection, **more)
        raise asyncpg.InternalClientError("called on a free connection holder")

    with monkeypatch.context() as patched:
        patched.setattr(asyncpg.Pool, "release", released)
        await two.spare.clear()
    assert not spare.is_open(lost)
    assert await pid(two)


async def test_a_failure_in_the_block_gives_it_to_the_pool(two: Database) -> None:
    """Which puts it in order: a statement that was cancelled may still run, and a transaction may be open."""

    async def failing() -> None:
        async with two.acquire() as connection:
            await connection.execute("BEGIN")
            await connection.fetchval("SELECT 1 / 0")

    with pytest.raises(asyncpg.DivisionByZeroError):
        await failing()
    assert two.spare.kept == []
    async with two.acquire() as connection:
        assert not connection.is_in_transaction()
        assert await connection.fetchval("SELECT 1") == 1


async def test_an_open_transaction_is_not_kept(two: Database) -> None:
    """The next user would continue it."""
    async with two.acquire() as connection:
        await connection.execute("BEGIN")
    assert two.spare.kept == []
    async with two.acquire() as connection:
        assert not connection.is_in_transaction()


async def test_kept_ones_go_back_after_a_while(two: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    """So that the pool can close what nobody uses."""
    monkeypatch.setattr(spare, "AGAIN", 0)
    await pid(two)
    await until(lambda: two.pool.get_idle_size() == 1)
    assert two.spare.kept == []
    assert two.spare.timer is None


async def test_nothing_is_kept_after_the_end(postgres_url: str) -> None:
    """The pool closes all, also one that is returned while it closes."""
    async with Database.open(postgres_url, max_size=2) as database:
        await pid(database)
        connection = await database.spare.take()
        closing = asyncio.create_task(database.spare.close())
        await database.spare.give(connection, sound=True)
        await closing
        assert database.spare.kept == []
    assert database.pool.get_size() == 0
