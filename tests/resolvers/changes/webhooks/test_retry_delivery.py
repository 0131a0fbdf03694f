"""retryDelivery: of what waits; `test_faults.py` sees what follows."""

import pytest

from tests.support.recipes import waiting
from tests.support.world import World


@pytest.mark.parametrize("id", ["", "x", "event_", "event_1", "lead_018bcfe5-6800-7000-8000-000000000000"])
async def test_only_ids_of_events_are_taken(world: World, id: str) -> None:
    """Anything else is WRONG_ID; the id of an event that does not wait is not found."""
    given = await waiting(world)
    await world.refused("retryDelivery", {**given, "eventId": id}, "WRONG_ID", "eventId")
    unknown = {**given, "eventId": "event_018bcfe5-6800-7000-8000-000000000000"}
    await world.refused("retryDelivery", unknown, "NOT_FOUND", "eventId")


async def test_it_is_recorded(world: World) -> None:
    """With the id of the event."""
    given = await waiting(world)
    head = await world.head()
    await world.change("retryDelivery", given)
    action = "RETRIED" if "retry" == "retry" else "SKIPPED"
    assert await world.recorded(head) == [
        ("webhook.replayed", "retry_delivery", {"action": action, "deliveryId": given["eventId"]})
    ]
    left = await world.database.pool.fetch("SELECT attempts FROM webhook_delivery")
    assert [row["attempts"] for row in left] == ([0] if "retry" == "retry" else [])
