"""When the database cannot be reached, a read is repeated, and an error says that the operation may be sent again."""

from typing import Any

import asyncpg
import pytest

from engine import mutations as module
from engine.caller import Caller
from engine.engine import Engine
from models.rules.roles import Role
from resolvers.changes.organisation import membership
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


FULL = [
    asyncpg.DiskFullError("could not write to file: No space left on device"),
    asyncpg.InternalServerError('could not extend file "base/5/16402": No space left on device'),
    asyncpg.PostgresIOError('could not extend file "base/5/16402": wrote only 4096 of 8192 bytes'),
]


@pytest.mark.parametrize("failure", FULL, ids=lambda failure: type(failure).__name__)
async def test_a_full_disk_is_said_to_be_full(
    world: World, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture, failure: Exception
) -> None:
    """It is not for a while: the code and the message say who has to do something, and the log has an error."""

    async def full(*given: Any) -> None:
        raise failure

    monkeypatch.setattr(module, "perform", full)
    body = await world.attempt("createLead", {"title": "New", "stageId": world["New"]}, "lead { id }")
    (error,) = body["errors"]
    assert (error["extensions"], error["path"]) == ({"code": "DATABASE_FULL"}, ["result"])
    assert "ask the operator" in error["message"]
    assert "again in a moment" not in error["message"]
    assert [(record.levelname, str(failure) in record.getMessage()) for record in caplog.records] == [("ERROR", True)]


@pytest.mark.parametrize(
    "failure", [FULL[0], asyncpg.ReadOnlySQLTransactionError("a standby")], ids=["full", "standby"]
)
async def test_signing_in_where_nothing_can_be_written(
    database: Any, monkeypatch: pytest.MonkeyPatch, failure: Exception
) -> None:
    """Reading goes on, with the token's role until there is a member record, and then with the member's."""
    assert await membership.sign_in(database, Caller("fresh", "rita", Role.REP)) == Role.REP

    async def refused(*given: Any, **more: Any) -> None:
        raise failure

    monkeypatch.setattr(membership, "_join", refused)
    monkeypatch.setattr(membership.LEAD, "first", refused)
    assert await membership.sign_in(database, Caller("fresh", "vera", Role.VIEWER)) == Role.VIEWER
    assert await membership.sign_in(database, Caller("fresh", "rita", Role.ADMIN)) == Role.REP
    assert await membership.sign_in(database, Caller("fresh", "rita", Role.VIEWER)) == Role.REP


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
