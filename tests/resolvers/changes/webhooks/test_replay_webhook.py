"""replayWebhook: back to a cursor of one's own log."""

from models import organisation_id
from tests.support.recipes import webhook
from tests.support.world import World


async def test_only_places_that_are_kept(world: World, strangers: World) -> None:
    """Another organisation's, one ahead and one that is pruned are refused; the lease is taken away."""
    id = await webhook(world)
    cursor, theirs = [(await of.ask("{ cursor }"))["cursor"] for of in (world, strangers)]
    await world.change("createCustomer", {"name": "Bolt"})
    for wrong in ("", "x", theirs):
        await world.refused("replayWebhook", {"webhookId": id, "fromCursor": wrong}, "INVALID", "fromCursor")
    await world.sql("UPDATE webhook_state SET position = 1000, lease = 5, lease_until = now()")
    head = await world.head()
    done = await world.change("replayWebhook", {"webhookId": id, "fromCursor": cursor}, "webhook { behind position }")
    assert done["webhook"] == {"behind": 2, "position": cursor}
    assert await world.recorded(head) == [
        ("webhook.replayed", "replay_webhook", {"action": "REPLAYED", "fromCursor": cursor})
    ]
    state = await world.database.pool.fetchrow("SELECT replay_to, lease, lease_until FROM webhook_state")
    assert state == (1000, 6, None)
    await world.sql("UPDATE event_log SET tail = head WHERE org_id = $1", organisation_id(world.organisation))
    await world.refused("replayWebhook", {"webhookId": id, "fromCursor": cursor}, "CURSOR_EXPIRED", "fromCursor")
