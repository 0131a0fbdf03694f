"""deleteWebhook: with its secrets and what waits for it."""

from tests.support.consistency import expect_consistent
from tests.support.recipes import waiting
from tests.support.world import World

SHOW = "deletedWebhookId webhook { version }"


async def test_deletes_a_webhook_with_all_of_it(world: World) -> None:
    """Nothing of it is left but its events."""
    given = await waiting(world)
    id = given["webhookId"]
    head = await world.head()
    shown = await world.refused(
        "deleteWebhook", {"webhookId": id, "expectedVersion": 5}, "CONFLICT", "expectedVersion", show=SHOW
    )
    assert (shown["deletedWebhookId"], shown["webhook"]) == (None, {"version": 1})
    assert await world.change("deleteWebhook", {"webhookId": id}, SHOW) == {
        "deletedWebhookId": id, "webhook": None, "userErrors": [],
    }  # fmt: skip
    for table in ("webhook", "webhook_state", "webhook_secret", "webhook_delivery", "webhook_attempt"):
        assert await world.database.pool.fetchval(f"SELECT count(*) FROM {table}") == 0
    assert await world.recorded(head) == [("webhook.deleted", "delete_webhook", {})]
    await world.refused("deleteWebhook", {"webhookId": id}, "NOT_FOUND", "webhookId")
    await expect_consistent(world.database)
