"""The feed when things go wrong: lost wake-ups, a database that is unreachable, a stream that cannot be rendered."""

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import replace
from typing import Any

import pytest

from engine.engine import Engine
from engine.live import feed as feed_module
from engine.live.feed import Feed
from engine.live.wakeups import EVERYTHING, Wakeups
from models import organisation_id
from models.database import Database
from resolvers.domain import CRM


class Silent(Wakeups):
    """Loses every wake-up."""

    async def publish(self, channel: str, message: Any) -> None:
        """Discard it."""


@asynccontextmanager
async def looking_often(board: Any) -> AsyncIterator[Any]:
    """The same board without any wake-up, where the table is polled all the time."""
    engine = board.engine
    async with Feed.open(engine.database, CRM, 0.02, Silent()) as feed:
        yield replace(board, engine=Engine(engine.schema, engine.database, engine.documents, feed))


async def test_a_lost_wake_up_is_made_good(make_board: Any) -> None:
    """When no wake-up arrives, the event is found by the timer."""
    async with looking_often(await make_board()) as board, board.listening() as listener:
        await board.move(board.leads[0], "Talking")
        await listener.until(1)


async def test_broken_database_connections_lose_nothing(make_board: Any, database: Database) -> None:
    """Every connection is terminated while subscribers wait; what happens afterwards still arrives."""
    async with looking_often(await make_board()) as board, board.listening() as listener:
        await board.move(board.leads[0], "Talking")
        await listener.until(1)
        async with database.acquire() as connection:
            await connection.execute(
                "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
                " WHERE pid <> pg_backend_pid() AND backend_type = 'client backend' AND datname = current_database()"
            )
        await database.spare.clear()
        await database.pool.expire_connections()
        await board.move(board.leads[0], "Offer")
        await listener.until(2)
    assert listener.steps() == [("New", "Talking"), ("Talking", "Offer")]


async def test_a_replay_waits_for_the_database(make_board: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """A replay that the database interrupts resumes where it was as soon as the database is back."""
    board = await make_board()
    start = await board.cursor()
    for stage in ("Talking", "Offer"):
        await board.move(board.leads[0], stage)
    render, failures = board.engine._render, [ConnectionRefusedError(), ConnectionResetError()]

    async def sometimes(*given: Any) -> Any:
        if failures:
            raise failures.pop()
        return await render(*given)

    monkeypatch.setattr(board.engine, "_render", sometimes)
    async with board.listening(after=start) as listener:
        await listener.until(2)
    assert failures == []


async def test_a_stream_that_cannot_be_rendered_ends_alone(make_board: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """The stream's subscribers get an error; those of other streams of the organisation get what they asked for."""
    board = await make_board()
    render = board.engine._render

    async def partly(compiled: Any, variables: dict[str, Any], *more: Any) -> Any:
        if variables.get("leadId"):
            raise ValueError("this cannot be rendered")
        return await render(compiled, variables, *more)

    monkeypatch.setattr(board.engine, "_render", partly)
    async with board.listening(leadId=board.leads[0]) as broken, board.listening() as whole:
        await board.move(board.leads[0], "Offer")
        with pytest.raises(ValueError, match="cannot be rendered"):
            await broken.until(1)
        await whole.until(1)
        await board.move(board.leads[1], "Offer")
        await whole.until(2)


async def test_a_look_asks_for_a_bounded_number_of_logs(database: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    """Those that were looked at longest ago, so that each reader has its turn; and each that is behind is woken."""
    monkeypatch.setattr(feed_module, "LOOKED_AT", 2)
    keys = ("a", "b", "c", "d", "e")
    ids = [organisation_id(key) for key in keys]
    for org_id, key in zip(ids, keys, strict=True):
        await database.pool.execute("INSERT INTO organisation (id, key, name) VALUES ($1, $2, '')", org_id, key)
        await database.pool.execute("INSERT INTO event_log (org_id) VALUES ($1)", org_id)
    async with Feed.open(database, CRM, poll_seconds=600) as feed, AsyncExitStack() as stack:
        readers = [await stack.enter_async_context(feed._reader(org_id)) for org_id in ids]
        await database.pool.execute("UPDATE event_log SET head = 7")
        seen = []
        for _ in range(3):
            await feed._look_once()
            seen.append([key for key, reader in zip(keys, readers, strict=True) if reader.head == 7])
        assert seen == [["a", "b"], ["a", "b", "c", "d"], ["a", "b", "c", "d", "e"]]
        assert [org_id for org_id, _ in feed._next_looked_at()] == [ids[1], ids[2]]


async def test_a_wake_up_wakes_the_readers_that_it_names(database: Database) -> None:
    """Others, and names that nobody follows, cost nothing; after an interruption all are woken."""
    here, there = organisation_id("here"), organisation_id("there")
    async with Feed.open(database, CRM, poll_seconds=600) as feed, AsyncExitStack() as stack:
        readers = [await stack.enter_async_context(feed._reader(org_id)) for org_id in (here, there)]
        for named, woken in (
            ({here.hex}, [True, False]),
            ({organisation_id("nobody").hex, "not an id"}, [False, False]),
            ({there.hex, here.hex}, [True, True]),
            ({EVERYTHING}, [True, True]),
        ):
            for reader in readers:
                reader.woken.clear()
            feed._wake(named)
            assert [reader.woken.is_set() for reader in readers] == woken
    readers[0].woken.clear()
    feed._wake({here.hex})
    assert not readers[0].woken.is_set()
