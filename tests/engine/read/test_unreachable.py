"""When the database cannot be reached, a read is repeated, and an error says that the operation may be sent again."""

from typing import Any

import asyncpg
import pytest

from engine import engine as module
from engine.engine import Engine
from tests.support.world import World

LOST = asyncpg.ConnectionDoesNotExistError("connection was closed in the middle of operation")


async def test_a_lost_connection_is_not_seen_by_a_reader(
    api: Any, engine: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A read on a connection that PostgreSQL has cut is repeated on another connection."""
    read, failures = engine._read, [LOST]

    async def once(*given: Any) -> str:
        if failures:
            raise failures.pop()
        return await read(*given)

    monkeypatch.setattr(engine, "_read", once)
    assert "errors" not in await api("{ cursor }")
    assert failures == []


@pytest.mark.parametrize("failure", [LOST, ConnectionRefusedError(111, "refused"), asyncpg.InterfaceError("closed")])
async def test_a_database_that_stays_away_is_said_to(
    api: Any, engine: Engine, monkeypatch: pytest.MonkeyPatch, failure: Exception
) -> None:
    """The code says that it is temporary and the message what to do; nothing of the failure itself is shown."""

    async def never(*given: Any) -> str:
        raise failure

    monkeypatch.setattr(engine, "_read", never)
    (error,) = (await api("{ cursor }"))["errors"]
    assert error["extensions"] == {"code": "SERVICE_UNAVAILABLE"}
    assert "Try again" in error["message"]
    assert str(failure) not in error["message"]


async def test_a_change_is_not_done_again_by_itself(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whether the change was committed is unknown, so the client decides; the error has the mutation's path."""
    tried = []

    async def lost(*given: Any) -> None:
        tried.append(given)
        raise LOST

    monkeypatch.setattr(module, "perform", lost)
    body = await world.attempt("createLead", {"title": "New", "stageId": world["New"]}, "lead { id }")
    (error,) = body["errors"]
    assert (error["extensions"]["code"], error["path"]) == ("SERVICE_UNAVAILABLE", ["result"])
    assert len(tried) == 1
