"""The subscription `deliveryAttempted`: each request to a webhook once, in order, and nothing left out silently."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import aclosing, asynccontextmanager
from typing import Any

import orjson
import pytest

from engine.caller import Caller
from engine.engine import Engine
from engine.errors import Code, RequestError
from engine.live.selection import encode_cursor
from models import Role, organisation_id
from models.tables.base import utc_now
from resolvers.reactions.webhooks.pruning import KEPT_DELIVERED, prune_attempts
from tests.support.servers.receivers import Receiver, receiver
from tests.support.servers.webhooks import CHANGES, answers, renamed, settled, state, subscribed
from tests.support.world import World

ATTEMPTED = """
subscription ($id: ID!, $after: String) {
  deliveryAttempted(webhookId: $id, after: $after) { cursor attempt { eventId type delivered status } webhook { id } }
}
"""


@asynccontextmanager
async def listening(
    world: World, engine: Engine, id: str, after: str | None, role: Role = Role.ADMIN
) -> AsyncIterator[Any]:
    """A running subscription; the function it yields takes the next `count`."""
    caller = Caller(world.organisation, "tester", role)
    given = {"id": id, "after": after}
    async with aclosing(engine.subscribe(engine.documents.prepare(ATTEMPTED), given, caller)) as stream:

        async def take(count: int) -> list[dict[str, Any]]:
            async with asyncio.timeout(60):
                return [orjson.loads((await anext(stream)).body)["data"]["deliveryAttempted"] for _ in range(count)]

        yield take


async def place(world: World, id: str) -> str:
    """Where attempts stand."""
    cursor: str = (await state(world, id, "attemptCursor"))["attemptCursor"]
    return cursor


async def test_attempts_come_live_and_again(world: World, engine: Engine, hook: Receiver) -> None:
    """As they are made, failed ones and tests too; after a cursor, those since then; none of another webhook."""
    hook.decide = answers("500 Retry-After: 3600\r\n", 204)
    async with receiver() as other:
        await subscribed(world, other, **CHANGES)
        id = await subscribed(world, hook, ordering="NONE", **CHANGES)
        start = await place(world, id)
        async with listening(world, engine, id, start) as take:
            await renamed(world, "one")
            (failed,) = await take(1)
            await renamed(world, "two", "three")
            await world.change("testWebhook", {"webhookId": id})
            rest = await take(3)
        await other.got(3)
    assert (failed["attempt"]["status"], failed["attempt"]["delivered"], failed["webhook"]["id"]) == (500, False, id)
    assert {one["attempt"]["type"] for one in rest} == {"lead.updated", "webhook.test"}
    assert all(one["attempt"]["delivered"] for one in rest)
    async with listening(world, engine, id, failed["cursor"]) as again:
        assert await again(3) == rest
    async with listening(world, engine, id, start) as from_the_start:
        assert await from_the_start(4) == [failed, *rest]


async def test_many_at_once_are_all_there(world: World, engine: Engine, hook: Receiver) -> None:
    """Of several webhooks that write at the same time, each follower gets those of its own, in order, once."""
    ids = [await subscribed(world, hook, ordering="NONE", **CHANGES) for _ in range(3)]
    hook.verify = lambda request: None
    start = await place(world, ids[0])

    async def follow(id: str) -> list[str]:
        async with listening(world, engine, id, start) as take:
            return [one["attempt"]["eventId"] for one in await take(20)]

    following = [asyncio.create_task(follow(id)) for id in ids]
    await renamed(world, *(f"Ada {nth}" for nth in range(20)))
    found = await asyncio.gather(*following)
    for id, events in zip(ids, found, strict=True):
        await settled(world, id)
        assert len(set(events)) == 20
    numbers = await world.database.pool.fetch("SELECT number FROM webhook_attempt ORDER BY number")
    assert [row["number"] for row in numbers] == list(range(1, 61))


async def test_what_was_pruned_is_not_left_out_silently(world: World, engine: Engine, hook: Receiver) -> None:
    """The subscription is refused, unless it starts after it."""
    id = await subscribed(world, hook, **CHANGES)
    start = await place(world, id)
    await renamed(world, "one", "two")
    await settled(world, id)
    end = await place(world, id)
    await world.sql("UPDATE webhook_attempt SET at = $1 WHERE number = 1", utc_now() - KEPT_DELIVERED * 2)
    await prune_attempts(world.database, [organisation_id(world.organisation)])
    with pytest.raises(RequestError) as refused:
        async with listening(world, engine, id, start) as take:
            await take(1)
    assert refused.value.code == Code.CURSOR_EXPIRED
    await prune_attempts(world.database, [organisation_id(world.organisation)])
    one = encode_cursor(organisation_id(world.organisation), 1)
    async with listening(world, engine, id, one) as take:
        assert [found["cursor"] for found in await take(1)] == [end]


async def test_who_may_not_follow_is_refused(world: World, strangers: World, engine: Engine, hook: Receiver) -> None:
    """Another role; another organisation's webhook or cursor; a cursor ahead of the last one; none that is one."""
    id = await subscribed(world, hook, **CHANGES)
    theirs = (await strangers.ask("{ cursor }"))["cursor"]
    ahead = encode_cursor(organisation_id(world.organisation), 10**6)

    async def refusal(of: World, webhook: str, after: str | None = None, role: Role = Role.ADMIN) -> str:
        with pytest.raises(RequestError) as refused:
            async with listening(of, engine, webhook, after, role) as take:
                await take(1)
        return refused.value.code

    assert await refusal(world, id, role=Role.MANAGER) == Code.FORBIDDEN
    assert await refusal(strangers, id) == Code.NOT_FOUND
    assert await refusal(world, world["Ada"]) == Code.BAD_USER_INPUT
    for wrong in (theirs, ahead, "x"):
        assert await refusal(world, id, wrong) == Code.BAD_USER_INPUT
