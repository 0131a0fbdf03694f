"""enableWebhook: where it stopped, or from now on."""

from tests.support.recipes import waiting, webhook
from tests.support.world import World

SHOW = "webhook { status disabledReason behind waiting { nodes { attempts } } version }"


async def test_from_now_on_leaves_out_what_was_missed(world: World) -> None:
    """Also what waits; the failures are forgotten."""
    given = await waiting(world)
    await world.sql("UPDATE webhook SET status = 'DISABLED', disabled_reason = 'FAILING'")
    await world.sql("UPDATE webhook_state SET failures = 30, failing_since = now(), resume_at = now() + interval '1 h'")
    enabled = await world.change("enableWebhook", {"webhookId": given["webhookId"], "startFrom": "NOW"}, SHOW)
    assert enabled["webhook"] == {
        "status": "ACTIVE", "disabledReason": None, "behind": 1, "waiting": {"nodes": []}, "version": 2,
    }  # fmt: skip
    state = await world.database.pool.fetchrow("SELECT failures, failing_since, resume_at FROM webhook_state")
    assert state == (0, None, None)


async def test_where_it_stopped_is_the_default(world: World) -> None:
    """What waits is tried at once; an active webhook stays as it is."""
    given = await waiting(world)
    id = {"webhookId": given["webhookId"]}
    await world.change("pauseWebhook", id)
    await world.sql("UPDATE webhook_delivery SET due_at = now() + interval '1 day'")
    for _ in range(2):
        enabled = await world.change("enableWebhook", id, SHOW)
        assert enabled["webhook"]["waiting"] == {"nodes": [{"attempts": 3}]}
        assert (enabled["webhook"]["behind"], enabled["webhook"]["version"]) == (3, 3)
    assert await world.database.pool.fetchval("SELECT due_at <= now() FROM webhook_delivery")


async def test_nothing_is_left_out_silently(world: World) -> None:
    """Where events were pruned that it has not received, the admin has to say so."""
    id = {"webhookId": await webhook(world)}
    await world.change("pauseWebhook", id)
    await world.sql("UPDATE event_log SET tail = head + 1")
    await world.refused("enableWebhook", id, "CURSOR_EXPIRED", "startFrom")
    await world.change("enableWebhook", {**id, "startFrom": "NOW"})
