"""rotateWebhookSecret: a new secret, and for how long the old one stays."""

from datetime import timedelta

import pytest

from tests.support.recipes import webhook
from tests.support.world import World

SHOW = "secret webhook { secretHint version }"


async def test_the_old_secret_expires(world: World) -> None:
    """After a day by default; the event holds the ends of both."""
    made = await world.change("createWebhook", {"url": "https://127.0.0.1/"}, "secret webhook { id }")
    given = {"webhookId": made["webhook"]["id"], "idempotencyKey": "once"}
    head = await world.head()
    rotated = await world.change("rotateWebhookSecret", given, SHOW)
    assert rotated["webhook"] == {"secretHint": rotated["secret"][-4:], "version": 2}
    assert (await world.change("rotateWebhookSecret", given, SHOW))["secret"] is None
    hints = {"changes": {"secretHint": [made["secret"][-4:], rotated["secret"][-4:]]}}
    assert await world.recorded(head) == [("webhook.updated", "rotate_webhook_secret", hints)]
    rows = await world.database.pool.fetch("SELECT expires_at - now() AS left FROM webhook_secret ORDER BY id")
    assert timedelta(hours=23) < rows[0]["left"] <= timedelta(hours=24)
    assert rows[1]["left"] is None


@pytest.mark.parametrize("hours", [-1, 169, 2**31 - 1])
async def test_a_week_is_the_longest(world: World, hours: int) -> None:
    """More is refused, and less than nothing."""
    given = {"webhookId": await webhook(world), "keepOldForHours": hours}
    await world.refused("rotateWebhookSecret", given, "INVALID", "keepOldForHours")
    await world.refused("rotateWebhookSecret", {**given, "keepOldForHours": 1, "secret": "x"}, "INVALID", "secret")


async def test_secrets_are_few(world: World) -> None:
    """Expired ones are deleted, and do not count."""
    given = {"webhookId": await webhook(world), "keepOldForHours": 168}
    for _ in range(4):
        await world.change("rotateWebhookSecret", given)
    await world.refused("rotateWebhookSecret", given, "INVALID")
    await world.sql("UPDATE webhook_secret SET expires_at = now() WHERE expires_at IS NOT NULL")
    await world.change("rotateWebhookSecret", given)
    assert await world.database.pool.fetchval("SELECT count(*) FROM webhook_secret") == 2
