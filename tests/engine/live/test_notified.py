"""The subscription `notified`: each member's own notifications, none twice, none left out, nobody else's."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import aclosing, asynccontextmanager
from typing import Any

import orjson
import pytest

from engine.background.dispatcher import dispatching
from engine.caller import Caller
from engine.engine import Engine
from engine.errors import RequestError
from engine.live.selection import encode_cursor
from models import Role, organisation_id
from resolvers.reactions.notify import NOTIFICATIONS
from tests.support.recipes import make_notifications
from tests.support.world import MIA, World

NOTIFIED = """
subscription ($after: String) {
  notified(after: $after) { cursor notification { id reason count lead { title } } unreadCount }
}
"""

NEVER = 3600.0


@asynccontextmanager
async def listening(world: World, engine: Engine, subject: str, after: str | None) -> AsyncIterator[Any]:
    """A running subscription; the function it yields takes the next one."""
    caller = Caller(world.organisation, subject, Role.VIEWER)
    async with aclosing(engine.subscribe(engine.documents.prepare(NOTIFIED), {"after": after}, caller)) as stream:

        async def take() -> dict[str, Any]:
            async with asyncio.timeout(20):
                found: dict[str, Any] = orjson.loads((await anext(stream)).body)["data"]["notified"]
                return found

        yield take


async def place(world: World) -> str:
    """Where notifications stand."""
    await make_notifications(world)
    cursor: str = (await world.ask("{ viewer { notificationCursor } }"))["viewer"]["notificationCursor"]
    return cursor


async def test_each_gets_their_own(world: World, engine: Engine) -> None:
    """As they are made, with the count of a bell; a joined one comes again with its new count."""
    start = await place(world)
    await world.sql("UPDATE notification SET read_at = now()")
    async with (
        dispatching(world.database, [NOTIFICATIONS], engine.feed, NEVER),
        listening(world, engine, "rita", start) as rita,
        listening(world, engine, "mia", start) as mia,
    ):
        await world.change("assignLead", {"leadId": world["Ada"], "memberId": world["rita"]})
        first = await rita()
        assert (first["notification"]["lead"]["title"], first["unreadCount"]) == ("Ada", 1)
        await world.change("assignLead", {"leadId": world["Cleo"], "memberId": world["mia"]})
        assert (await mia())["notification"]["lead"]["title"] == "Cleo"
        for nth, stage in enumerate(("Talking", "Offer"), 1):
            await world.change("moveLead", {"leadId": world["Ada"], "stageId": world[stage]}, **MIA)
            moved = await rita()
            assert (moved["notification"]["reason"], moved["notification"]["count"]) == ("STAGE_CHANGED_OF_YOURS", nth)
            assert moved["unreadCount"] == 2
    async with listening(world, engine, "rita", first["cursor"]) as again:
        assert await again() == moved


async def test_what_came_while_away_comes_first(world: World, engine: Engine) -> None:
    """After a cursor, each notification that was made since comes once, in order."""
    start = await place(world)
    for name in ("Ada", "Cleo", "Dan"):
        await world.change("assignLead", {"leadId": world[name], "memberId": world["rita"]})
    await make_notifications(world)
    async with (
        listening(world, engine, "rita", start) as take,
        dispatching(world.database, [NOTIFICATIONS], engine.feed, NEVER),
    ):
        titles = [(await take())["notification"]["lead"]["title"] for _ in range(3)]
        await world.change("assignLead", {"leadId": world["Eve"], "memberId": world["rita"]})
        titles.append((await take())["notification"]["lead"]["title"])
    assert titles == ["Ada", "Cleo", "Dan", "Eve"]
    assert engine.feed.readers == {}


async def test_without_a_cursor_it_starts_now(world: World, engine: Engine) -> None:
    """What was made before is in the list of notifications."""
    await world.change("assignLead", {"leadId": world["Ada"], "memberId": world["rita"]})
    await make_notifications(world)
    async with listening(world, engine, "rita", None) as take:
        waiting = asyncio.create_task(take())
        while not any(reader.streams for reader in engine.feed.readers.values()):  # noqa: ASYNC110
            await asyncio.sleep(0)
        await world.change("assignLead", {"leadId": world["Dan"], "memberId": world["rita"]})
        await make_notifications(world)
        await engine.feed.wake(organisation_id(world.organisation))
        assert (await waiting)["notification"]["lead"]["title"] == "Dan"


async def test_a_lost_wake_up_is_a_delay(world: World, engine: Engine) -> None:
    """The look at the heads of logs finds notifications, too."""
    start = await place(world)
    engine.feed.poll_seconds = 0.01
    async with listening(world, engine, "rita", start) as take:
        waiting = asyncio.create_task(take())
        while not any(reader.streams for reader in engine.feed.readers.values()):  # noqa: ASYNC110
            await asyncio.sleep(0)
        await world.change("assignLead", {"leadId": world["Dan"], "memberId": world["rita"]})
        await make_notifications(world)
        await engine.feed._look_once()
        assert (await waiting)["notification"]["lead"]["title"] == "Dan"


@pytest.mark.parametrize("cursor", ["nonsense", "", None])
async def test_a_cursor_of_nothing_is_refused(world: World, engine: Engine, cursor: str | None) -> None:
    """A text that is none, another organisation's, and one ahead of the log."""
    org_id = organisation_id(world.organisation)
    for wrong in (cursor, encode_cursor(organisation_id("strangers"), 1), encode_cursor(org_id, 10**6)):
        if wrong is not None:
            with pytest.raises(RequestError) as refused:
                async with listening(world, engine, "rita", wrong) as take:
                    await take()
            assert refused.value.errors[0].extensions["code"] == "BAD_USER_INPUT"
