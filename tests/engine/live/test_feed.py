"""The feed when things go wrong: lost wake-ups, a database that is unreachable, a stream that cannot be rendered."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from typing import Any

import pytest

from engine.engine import Engine
from engine.live.feed import Feed
from engine.live.wakeups import Wakeups
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
        async with database.pool.acquire() as connection:
            await connection.execute(
                "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
                " WHERE pid <> pg_backend_pid() AND backend_type = 'client backend' AND datname = current_database()"
            )
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
