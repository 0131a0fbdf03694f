"""A statement that takes too long is stopped by PostgreSQL, with a code; reads and changes have limits of their own."""

from collections.abc import AsyncIterator, Coroutine
from contextlib import asynccontextmanager
from typing import Any

import orjson
import pytest

from engine import mutations as module
from engine.caller import Caller
from engine.engine import Engine
from engine.live.feed import Feed
from models import Role
from models.database import Database
from models.timeouts import TimedOut, timed
from resolvers.domain import CRM
from tests.support.world import World

SHOWN = "SELECT current_setting('statement_timeout')"
WAITING = "SELECT count(*) FROM pg_locks WHERE NOT granted"
MAKE = 'mutation { createPipeline(input: {name: "Late", stages: [{name: "New"}]}) { pipeline { name } } }'


@asynccontextmanager
async def hasty(engine: Engine, read: float, change: float) -> AsyncIterator[Engine]:
    """An engine whose statements may take only so many seconds."""
    async with (
        Database.open(engine.database.url, max_size=3, read_timeout=read, change_timeout=change) as database,
        Feed.open(database, CRM, poll_seconds=30) as feed,
    ):
        yield Engine(engine.schema, database, engine.documents, feed)


@asynccontextmanager
async def locked(database: Database) -> AsyncIterator[None]:
    """Nobody reads a pipeline meanwhile."""
    async with database.acquire() as holder, holder.transaction():
        await holder.execute("LOCK TABLE pipeline IN ACCESS EXCLUSIVE MODE")
        yield


async def test_a_query_that_takes_too_long_is_stopped(engine: Engine, world: World) -> None:
    """It ends with TIMED_OUT, no statement of it runs on, and its connection serves the next one."""
    ask = engine.documents.prepare("{ pipelines { name } }")
    caller = Caller(world.organisation, "ann", Role.VIEWER)
    async with hasty(engine, read=0.1, change=60) as other:
        async with locked(engine.database):
            answer = await other.execute(ask, None, caller)
            assert await engine.database.pool.fetchval(WAITING) == 0
        (error,) = orjson.loads(answer.body)["errors"]
        assert (answer.code, error["extensions"]) == ("TIMED_OUT", {"code": "TIMED_OUT"})
        assert "Ask for fewer rows" in error["message"]
        assert (await other.execute(ask, None, caller)).code == "OK"


async def test_a_change_that_takes_too_long_is_rolled_back(engine: Engine, world: World) -> None:
    """It has a limit of its own; nothing has changed, nothing was emitted, and the message says so."""
    make = engine.documents.prepare(MAKE)
    caller = Caller(world.organisation, "tester", Role.ADMIN)
    before = await world.database.pool.fetchval("SELECT sum(head) FROM event_log")
    async with hasty(engine, read=60, change=0.1) as other:
        async with locked(engine.database):
            answer = await other.execute(make, None, caller)
        (error,) = orjson.loads(answer.body)["errors"]
        assert (error["extensions"], error["path"]) == ({"code": "TIMED_OUT"}, ["createPipeline"])
        assert "nothing has changed" in error["message"]
        assert await world.database.pool.fetchval("SELECT count(*) FROM pipeline WHERE name = 'Late'") == 0
        assert await world.database.pool.fetchval("SELECT sum(head) FROM event_log") == before
        assert (await other.execute(make, None, caller)).code == "OK"


async def test_a_payload_that_takes_too_long_says_that_the_change_was_made(
    engine: Engine, world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The change is committed by then: who reads only "too long" would send it again."""

    async def late(statement: Coroutine[Any, Any, Any]) -> None:
        statement.close()
        raise TimedOut

    monkeypatch.setattr(module, "timed", late)
    make = engine.documents.prepare(MAKE)
    answer = await engine.execute(make, None, Caller(world.organisation, "tester", Role.ADMIN))
    assert await world.database.pool.fetchval("SELECT count(*) FROM pipeline WHERE name = 'Late'") == 1
    (error,) = orjson.loads(answer.body)["errors"]
    assert (answer.code, error["path"]) == ("TIMED_OUT", ["createPipeline"])
    assert "The change was made" in error["message"]


async def break_in(database: Database, seconds: float | None) -> None:
    """Fail in a transaction that has done something."""
    async with database.transaction(seconds) as connection:
        await connection.execute("CREATE TABLE made_in_vain ()")
        raise RuntimeError("broken")


async def test_each_transaction_has_its_limit(migrated: Database) -> None:
    """Limits hold for the transaction alone: on one connection, one after the other."""
    async with Database.open(migrated.url, max_size=1, read_timeout=7) as database:
        async with database.acquire() as connection:
            assert await connection.fetchval(SHOWN) == "7s"
        for seconds, shown in ((2.5, "2500ms"), (None, "0"), (60.0, "1min")):
            async with database.transaction(seconds) as connection:
                assert await connection.fetchval(SHOWN) == shown
            with pytest.raises(RuntimeError, match="broken"):
                await break_in(database, seconds)
            async with database.acquire() as connection:
                assert await connection.fetchval(SHOWN) == "7s"
                assert await connection.fetchval("SELECT to_regclass('made_in_vain')") is None


async def test_a_read_is_given_up_when_postgresql_does_not_stop_it(migrated: Database) -> None:
    """Behind a pooler that drops the setting, the statement is cancelled from here; and that is no lost database."""
    async with migrated.acquire() as connection:
        await connection.execute("SET statement_timeout = 0")
        with pytest.raises(TimedOut):
            await timed(connection.fetchval("SELECT pg_sleep(1000)", timeout=0.05))
        await connection.execute("RESET statement_timeout")
    assert not issubclass(TimedOut, OSError)


async def test_a_wait_for_a_lost_answer_is_not_repeated(engine: Engine, world: World) -> None:
    """A query that timed out is not sent a second time, as one is whose connection was lost."""
    sent = []

    async def late(*given: object) -> str:
        sent.append(given)
        raise TimedOut

    engine._read = late  # type: ignore[method-assign]
    answer = await engine.execute(engine.documents.prepare("{ cursor }"), None, Caller("demo", "ann", Role.VIEWER))
    assert (answer.code, len(sent)) == ("TIMED_OUT", 1)
