"""pauseWebhook: it keeps its place."""

from tests.support.recipes import webhook
from tests.support.world import World

SHOW = "webhook { status version }"


async def test_a_pause_is_recorded_once(world: World) -> None:
    """Paused again, nothing changes; a disabled webhook is not paused."""
    given = {"webhookId": await webhook(world)}
    head = await world.head()
    for _ in range(2):
        paused = await world.change("pauseWebhook", given, SHOW)
        assert paused["webhook"] == {"status": "PAUSED", "version": 2}
    changes = {"changes": {"status": ["ACTIVE", "PAUSED"]}}
    assert await world.recorded(head) == [("webhook.updated", "pause_webhook", changes)]
    await world.sql("UPDATE webhook SET status = 'DISABLED', disabled_reason = 'GONE'")
    await world.refused("pauseWebhook", given, "INVALID", "webhookId")
