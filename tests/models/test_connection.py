"""Connections: what they keep prepared, and for how long they are used."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from typing import Any
from uuid import uuid4

import asyncpg
import pytest

from models.connection import LARGEST_KEPT, FrugalConnection, Seen
from models.database import Connection, Database

PREPARED = "SELECT statement FROM pg_prepared_statements WHERE NOT statement LIKE '%pg_prepared_statements%'"


@asynccontextmanager
async def opened(url: str, monkeypatch: pytest.MonkeyPatch, **options: Any) -> AsyncIterator[Database]:
    """A database of its own, in a process that has run nothing yet."""
    monkeypatch.setattr(FrugalConnection, "seen", Seen())
    async with Database.open(url, **options) as database:
        yield database


async def prepared(connection: Connection) -> list[str]:
    """What PostgreSQL holds prepared for a connection, in alphabetical order; each question is a new one."""
    return sorted(row[0] for row in await connection.fetch(f"{PREPARED} -- {uuid4()}"))


async def test_a_statement_is_prepared_when_it_comes_again(postgres_url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whichever connection ran it first; what is run once leaves nothing, and both give the same rows."""
    async with (
        opened(postgres_url, monkeypatch, max_size=2) as database,
        database.acquire() as one,
        database.acquire() as other,
    ):
        assert await one.fetchval("SELECT $1::int + 1", 1) == 2
        assert await one.fetchval("SELECT $1::int + 2", 1) == 3
        assert await prepared(one) == []
        assert await other.fetchval("SELECT $1::int + 1", 2) == 3
        assert await prepared(other) == ["SELECT $1::int + 1"]
        assert await prepared(one) == []
        for _ in range(3):
            assert await one.fetchval("SELECT $1::int + 1", 3) == 4
        assert await prepared(one) == ["SELECT $1::int + 1"]


async def test_what_is_prepared_is_bounded_by_its_length(postgres_url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """The statements that were used longest ago go first, in PostgreSQL too; those beyond a length never stay."""
    monkeypatch.setattr(FrugalConnection, "most_kept", 1_000)
    async with opened(postgres_url, monkeypatch) as database, database.acquire() as connection:
        padded = [f"SELECT $1::int + {nth} /*{' ' * 300}*/" for nth in range(5)]
        for query in padded * 2:
            assert await connection.fetchval(query, 0) == padded.index(query)
            assert await connection.fetchval(padded[0], 0) == 0
        assert await prepared(connection) == [padded[0], *padded[3:]]
        long = f"SELECT $1::int /*{' ' * LARGEST_KEPT}*/"
        for _ in range(3):
            assert await connection.fetchval(long, 7) == 7
        assert await prepared(connection) == [padded[0], *padded[3:]]


async def test_behind_a_pooler_nothing_is_prepared(postgres_url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Without a cache every statement is run unnamed, however often it comes."""
    async with (
        opened(postgres_url, monkeypatch, statement_cache_size=0) as database,
        database.acquire() as connection,
    ):
        for _ in range(3):
            assert await connection.fetchval("SELECT $1::int", 7) == 7
        assert await prepared(connection) == []


async def test_an_old_connection_is_replaced(postgres_url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """When it is returned, not while it is used; the pool stays as large as it is."""
    seen = "SELECT pg_backend_pid()"
    async with opened(postgres_url, monkeypatch, max_size=1) as database:
        async with database.acquire() as connection:
            first = await connection.fetchval(seen)
        async with database.acquire() as connection:
            assert await connection.fetchval(seen) == first
            connection.live_for(-1)
            assert await connection.fetchval(seen) == first
        async with database.acquire() as connection:
            second = await connection.fetchval(seen)
            assert second != first
        async with database.acquire() as connection:
            assert await connection.fetchval(seen) == second


async def test_the_plans_are_those_of_the_setting(postgres_url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Also after a statement that is planned for its values."""
    for mode in ("force_generic_plan", "auto"):
        async with opened(postgres_url, monkeypatch, max_size=1, plan_cache_mode=mode) as database:
            for custom, shown in ((False, mode), (True, "force_custom_plan"), (False, mode)):
                async with database.acquire(custom=custom) as connection:
                    assert await connection.fetchval("SHOW plan_cache_mode") == shown


def test_the_statements_that_are_remembered_are_bounded() -> None:
    """Of more than that, those that came first are forgotten."""
    seen = Seen(most=2)
    assert [seen.again(query) for query in ("a", "b", "a", "c", "b", "a")] == [False, False, True, False, True, False]


async def test_a_first_statement_outlives_a_look_up_of_types(
    postgres_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Also where another connection has run only the second statement of such a look-up."""
    async with opened(postgres_url, monkeypatch) as database, database.acquire() as connection:
        inner: Any = connection
        FrugalConnection.seen.again(inner._intro_query)
        values = [[1, 2], [uuid4()], 3]
        found = await connection.fetchrow("SELECT $1::int[] AS a, $2::uuid[] AS b, $3::int AS c", *values)
        assert found is not None
        assert list(found) == values


STATE = "SELECT state FROM pg_stat_activity WHERE pid = $1"


async def leave_begun(connection: Connection, how: str) -> None:
    """Prepare a statement, and do not run it."""
    if how == "value":
        await connection.fetchval("SELECT $1::int", 2**40)
    elif how == "cancelled":
        await connection._get_statement("SELECT 1", None)  # type: ignore[union-attr]
        raise asyncio.CancelledError
    else:
        with suppress(asyncpg.DataError):
            await connection.fetchval("SELECT $1::int", 2**40)


@pytest.mark.parametrize("how", ["value", "cancelled", "caught"])
@pytest.mark.parametrize("directly", [True, False])
async def test_what_was_prepared_and_never_run_is_ended(
    postgres_url: str, monkeypatch: pytest.MonkeyPatch, how: str, directly: bool
) -> None:
    """Its time limit would else stop the next statement of the connection, once that time is over."""
    async with (
        opened(postgres_url, monkeypatch, max_size=2) as database,
        Database.open(postgres_url, max_size=1) as other,
    ):
        with suppress(asyncpg.DataError, asyncio.CancelledError):
            async with database.pool.acquire() if directly else database.acquire() as connection:
                pid = connection.get_server_pid()
                await leave_begun(connection, how)
        assert await other.pool.fetchval(STATE, pid) == "idle"
        async with database.pool.acquire() if directly else database.acquire() as connection:
            assert connection.get_server_pid() == pid
            assert await connection.fetchval("SELECT 1") == 1
