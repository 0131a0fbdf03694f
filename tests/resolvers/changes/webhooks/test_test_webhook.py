"""testWebhook: asks for a test request; `test_delivering.py` sees it arrive."""

from tests.support.recipes import webhook
from tests.support.world import World


async def test_a_test_is_asked_for(world: World) -> None:
    """It changes nothing of the webhook, and is recorded."""
    given = {"webhookId": await webhook(world)}
    head = await world.head()
    assert (await world.change("testWebhook", given, "webhook { version }"))["webhook"] == {"version": 1}
    assert await world.recorded(head) == [("webhook.tested", "test_webhook", {})]
    assert await world.database.pool.fetchval("SELECT test_id IS NOT NULL FROM webhook_state")
