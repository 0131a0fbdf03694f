"""Receivers that hang, fail, are busy, are gone, or drop the connection; and processes that end."""

import asyncio
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import timedelta

import pytest

from engine.engine import Engine
from engine.outgoing.http import GuardedHttp
from engine.outgoing.sealed import Sealer
from models import organisation_id
from models.rules.ids import parse_id
from models.tables.base import utc_now
from resolvers.reactions.webhooks import session, standing
from resolvers.reactions.webhooks.delivering import WebhookDeliveries, delivering
from tests.support.servers.receivers import GUARD, SEALER, Delivered, Receiver, receiver
from tests.support.servers.webhooks import (
    CHANGES,
    answers,
    at_rest,
    becomes,
    renamed,
    settled,
    state,
    subscribed,
    titles,
)
from tests.support.world import World

ENDED = "status disabledReason"


async def test_an_outage_writes_no_rows_and_is_caught_up_in_order(
    world: World, hook: Receiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    """After five failures in a row the circuit is open: later events wait at the cursor, and one is tried at a time."""
    monkeypatch.setattr(standing, "PROBES", (0.2,))
    hook.decide = answers(500)
    id = await subscribed(world, hook, **CHANGES)
    for name in ("Ada", "Bob", "Cleo", "Dan", "Eve", "Fay"):
        await renamed(world, f"{name} 0", lead=name)
    await hook.got(7)
    waiting = await world.database.pool.fetchval("SELECT count(*) FROM webhook_delivery")
    sent = len(hook.requests)
    for nth in range(1, 20):
        await renamed(world, f"Ada {nth}")
    assert waiting <= 8
    assert await world.database.pool.fetchval("SELECT count(*) FROM webhook_delivery") == waiting
    assert len(hook.requests) - sent < 15
    since = await state(world, id, "failingSince status")
    assert (since["failingSince"] is None, since["status"]) == (False, "ACTIVE")
    failed = len(hook.requests)
    hook.decide = answers(200)
    await settled(world, id)
    found = titles(hook)[failed:]
    assert [title for title in found if title.startswith("Ada")] == [f"Ada {nth}" for nth in range(20)]
    assert len(found) <= 26  # an attempt that was under way as it began to answer comes before these
    assert await state(world, id, "failingSince") == {"failingSince": None}


@pytest.mark.parametrize("status", [429, 502, 504])
async def test_a_busy_endpoint_is_left_alone(world: World, hook: Receiver, quick: None, status: int) -> None:
    """The event has not failed: it waits at the cursor, and no row is written."""
    hook.decide = answers(f"{status} Retry-After: 1\r\n", 200)
    id = await subscribed(world, hook, **CHANGES)
    await renamed(world, "one", "two")
    await hook.got(1)
    assert await world.database.pool.fetchval("SELECT count(*) FROM webhook_delivery") == 0
    await settled(world, id)
    assert titles(hook) == ["one", "one", "two"]
    assert hook.requests[1].at - hook.requests[0].at >= 0.9


async def test_an_endpoint_that_is_gone_is_disabled(world: World, hook: Receiver) -> None:
    """410 says so. The log says why, and the event waits for the webhook to be enabled."""
    hook.decide = answers(410, 200)
    id = await subscribed(world, hook, **CHANGES)
    await renamed(world, "one")
    await becomes(world, id, ENDED, {"status": "DISABLED", "disabledReason": "GONE"})
    events = await world.recorded()
    changes = {"status": ["ACTIVE", "DISABLED"]}
    assert ("webhook.disabled", None, {"reason": "GONE", "changes": changes}) in events
    await renamed(world, "two")
    await world.change("enableWebhook", {"webhookId": id})
    await settled(world, id)
    assert titles(hook) == ["one", "one", "two"]


async def test_a_lost_reply_is_the_only_reason_for_a_duplicate(world: World, hook: Receiver, quick: None) -> None:
    """The receiver has taken it, and drops the connection: it gets it again, with the same id."""
    dropped: set[str] = set()

    async def decide(request: Delivered) -> int | None:
        if len(dropped) < 3 and request.id not in dropped:
            dropped.add(request.id)
            return None
        return 200

    hook.decide = decide
    id = await subscribed(world, hook, **CHANGES)
    await renamed(world, *(f"Ada {nth}" for nth in range(10)))
    await settled(world, id)
    times = Counter(one.id for one in hook.requests)
    assert len(times) == 10
    assert {one for one, count in times.items() if count > 1} == dropped
    assert set(times.values()) == {1, 2}
    error = await state(world, id, "attempts(last: 1) { nodes { error delivered } }")
    assert error == {"attempts": {"nodes": [{"error": "BROKEN", "delivered": False}]}}


async def test_one_that_hangs_keeps_nobody_waiting(world: World, hook: Receiver) -> None:
    """Another webhook of the organisation gets everything meanwhile."""
    held = asyncio.Event()

    async def hang(request: Delivered) -> int:
        await held.wait()
        return 200

    async with receiver(hang) as hanging:
        slow = await subscribed(world, hanging, **CHANGES)
        fast = await subscribed(world, hook, **CHANGES)
        await renamed(world, *(f"Ada {nth}" for nth in range(20)))
        await settled(world, fast)
        assert len(hook.requests) == 20
        shown = {"attempts": {"nodes": [{"error": "TIMEOUT", "status": None}]}}
        await becomes(world, slow, "attempts(last: 1) { nodes { error status } }", shown)
        held.set()


async def test_what_is_given_up_holds_up_nothing(
    world: World, hook: Receiver, quick: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    """After ten attempts the event is kept, and later ones of the lead are delivered; it can be tried once more."""
    monkeypatch.setattr(standing, "OPEN_AFTER", 1_000)
    hook.decide = answers(*[500] * 10, 200)
    id = await subscribed(world, hook, **CHANGES)
    await renamed(world, "one", "two")
    await becomes(world, id, "waiting { nodes { givenUp attempts dueAt } }",
                  {"waiting": {"nodes": [{"givenUp": True, "attempts": 10, "dueAt": None}]}})  # fmt: skip
    await hook.until(lambda receiver: "two" in titles(receiver))
    assert titles(hook) == ["one"] * 10 + ["two"]
    (event,) = (await state(world, id, "waiting { nodes { eventId } }"))["waiting"]["nodes"]
    await world.change("retryDelivery", {"webhookId": id, **event})
    await settled(world, id)
    assert titles(hook)[-1] == "one"


async def test_what_is_skipped_is_not_sent(world: World, hook: Receiver) -> None:
    """The events behind it go on."""
    hook.decide = answers(500, 200)
    id = await subscribed(world, hook, **CHANGES)
    await renamed(world, "one")
    await becomes(world, id, "waiting { nodes { type } }", {"waiting": {"nodes": [{"type": "lead.updated"}]}})
    await renamed(world, "two")
    (event, *_) = (await state(world, id, "waiting { nodes { eventId } }"))["waiting"]["nodes"]
    await world.change("skipDelivery", {"webhookId": id, **event})
    await settled(world, id)
    assert titles(hook) == ["one", "two"]


async def failing(world: World, id: str, days: float, failures: int) -> None:
    """The webhook has failed for so many days."""
    await world.change("pauseWebhook", {"webhookId": id})
    await world.change("enableWebhook", {"webhookId": id})
    await world.sql(
        "UPDATE webhook_state SET failures = $2, failing_since = $3, lease = lease + 1, lease_until = NULL"
        " WHERE webhook_id = $1",
        *(parse_id("webhook", id), failures, utc_now() - timedelta(days=days)),
    )


@pytest.mark.parametrize(
    ("days", "failures", "disabled", "warned"),
    [
        (5.1, 20, True, False),
        (5.1, 3, False, True),
        (4, 40, False, True),
        (1.1, 40, False, True),
        (0.5, 40, False, False),
    ],
)
async def test_it_is_disabled_after_days_without_success(
    world: World, hook: Receiver, quick: None, days: float, failures: int, disabled: bool, warned: bool
) -> None:
    """After five days and twenty attempts; after one and three days the log says that it is failing."""
    hook.decide = answers(500)
    id = await subscribed(world, hook, **CHANGES)
    await failing(world, id, days, failures)
    await renamed(world, "one")
    await hook.got(1)
    types: list[str] = []
    async with asyncio.timeout(60):
        while ("webhook.disabled" in types, "webhook.failing" in types) != (disabled, warned) or len(hook.requests) < 1:
            types = [type_ for type_, *_ in await world.recorded()]
    assert (await state(world, id))["status"] == ("DISABLED" if disabled else "ACTIVE")


async def test_history_that_is_gone_disables(world: World, hook: Receiver) -> None:
    """Nothing is left out silently: an admin enables it from now on."""
    id = await subscribed(world, hook, **CHANGES)
    await world.change("pauseWebhook", {"webhookId": id})
    await renamed(world, "one", "two")
    await world.sql("UPDATE event_log SET tail = head WHERE org_id = $1", organisation_id(world.organisation))
    await world.refused("enableWebhook", {"webhookId": id}, "CURSOR_EXPIRED", "startFrom")
    await world.sql("UPDATE webhook SET status = 'ACTIVE'")
    await becomes(world, id, ENDED, {"status": "DISABLED", "disabledReason": "CURSOR_EXPIRED"})
    await world.change("enableWebhook", {"webhookId": id, "startFrom": "NOW"})
    await renamed(world, "three")
    await settled(world, id)
    assert titles(hook) == ["three"]


async def test_a_selection_that_fits_no_longer_disables(world: World, hook: Receiver) -> None:
    """As after an upgrade: the webhook waits for another one."""
    id = await subscribed(world, hook, **CHANGES)
    await world.change("pauseWebhook", {"webhookId": id})
    await world.sql("UPDATE webhook SET selection = '{ nothing }', status = 'ACTIVE'")
    await renamed(world, "one")
    await becomes(world, id, ENDED, {"status": "DISABLED", "disabledReason": "SELECTION_INVALID"})


async def test_a_suspended_organisation_is_sent_nothing(world: World, hook: Receiver) -> None:
    """At once; it goes on where it stopped when the suspension ends."""
    id = await subscribed(world, hook, **CHANGES)
    await renamed(world, "one")
    await settled(world, id)
    await world.sql("UPDATE organisation SET suspended_at = now()")
    await at_rest(world)
    await renamed(world, "two")
    assert titles(hook) == ["one"]
    await world.sql("UPDATE organisation SET suspended_at = NULL")
    await settled(world, id)
    assert titles(hook) == ["one", "two"]


@asynccontextmanager
async def process(engine: Engine, sealer: Sealer | None = SEALER) -> AsyncIterator[WebhookDeliveries]:
    """One more process that delivers."""
    async with GuardedHttp.open(GUARD, deadline=1) as http, delivering(engine, http, sealer, 0.05) as running:
        assert running is not None
        yield running


async def test_a_secret_without_its_key_disables(world: World, engine: Engine) -> None:
    """Nothing is sent without a signature."""
    async with receiver() as to:
        id = await subscribed(world, to, **CHANGES)
        await renamed(world, "one")
        async with process(engine, Sealer([bytes(32)])):
            await becomes(world, id, ENDED, {"status": "DISABLED", "disabledReason": "SECRET_UNREADABLE"})
        assert to.requests == []


async def test_two_processes_send_each_event_once(world: World, engine: Engine) -> None:
    """The lease decides; when one of them stops, the other goes on at once."""
    async with receiver() as to, process(engine):
        async with process(engine):
            ids = [await subscribed(world, to, **CHANGES) for _ in range(4)]
            await renamed(world, *(f"Ada {nth}" for nth in range(10)))
            for id in ids:
                await settled(world, id)
        await renamed(world, "last")
        for id in ids:
            await settled(world, id)
    assert len(to.requests) == 44
    assert set(Counter(one.id for one in to.requests).values()) == {1}
    assert await world.database.pool.fetchval("SELECT count(*) FROM webhook_state WHERE lease_until IS NOT NULL") == 0


async def test_a_process_that_lost_its_lease_writes_nothing(
    world: World, engine: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It was paused while another took over: its position is not written over the other's."""
    monkeypatch.setattr(session, "WRITE_EVERY", 0.01)
    async with receiver() as to, process(engine) as first:
        id = await subscribed(world, to, **CHANGES)
        await renamed(world, "one")
        await settled(world, id)
        (held,) = first.sessions.values()
        await world.sql("UPDATE webhook_state SET lease = lease + 1, position = position + 1000")
        held.queue.reached += 1
        async with asyncio.timeout(60):
            while not held.is_lost:
                behind = await world.database.pool.fetchval("SELECT position FROM webhook_state")
        assert behind > 1000
    assert len(to.requests) == 1


@pytest.mark.parametrize("status", [200, 500])
async def test_a_receiver_wants_nothing_more(world: World, hook: Receiver, status: int) -> None:
    """The header says so, with any status: the webhook is disabled. What was not taken waits for it to be enabled."""
    hook.decide = answers(f"{status} Webhook-Delivery: Disable\r\n", 200)
    id = await subscribed(world, hook, **CHANGES)
    await renamed(world, "one")
    await becomes(world, id, ENDED, {"status": "DISABLED", "disabledReason": "REQUESTED"})
    await at_rest(world)
    await renamed(world, "two")
    await world.change("enableWebhook", {"webhookId": id})
    await settled(world, id)
    assert titles(hook) == (["one", "two"] if status == 200 else ["one", "one", "two"])


async def test_a_receiver_does_not_want_a_message_again(world: World, hook: Receiver) -> None:
    """It is given up after one attempt, and later ones of the lead are delivered; the webhook is not failing."""
    hook.decide = answers("422 webhook-delivery: abort-message\r\n", 200)
    id = await subscribed(world, hook, **CHANGES)
    await renamed(world, "one", "two")
    waits = {"failingSince": None, "waiting": {"nodes": [{"givenUp": True, "attempts": 1, "dueAt": None}]}}
    await becomes(world, id, "failingSince waiting { nodes { givenUp attempts dueAt } }", waits)
    await hook.until(lambda receiver: titles(receiver) == ["one", "two"])
    await becomes(world, id, "behind", {"behind": 0})
