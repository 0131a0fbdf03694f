"""`muteRecord`: no more notifications of a lead or a task."""

import pytest

from tests.support.recipes import make_notifications, task
from tests.support.world import MIA, RITA, World


async def test_a_muted_lead_is_quiet(world: World) -> None:
    """With its tasks, and for oneself alone; what was notified before says that it is muted."""
    await world.change("moveLead", {"leadId": world["Bob"], "stageId": world["Talking"]}, **MIA)
    await make_notifications(world)
    for _ in range(2):
        payload = await world.change("muteRecord", {"leadId": world["Bob"]}, "muted", **RITA)
        assert payload["muted"] is True
    await world.change("moveLead", {"leadId": world["Bob"], "stageId": world["Offer"]}, **MIA)
    await task(world, "Call", leadId=world["Bob"], assigneeId=world["rita"])
    await make_notifications(world)
    found = await world.ask("{ notifications { nodes { count muted lead { title } } } }", **RITA)
    assert {(one["count"], one["muted"], one["lead"]["title"]) for one in found["notifications"]["nodes"]} == {
        (1, True, "Bob")
    }
    await world.change("assignLead", {"leadId": world["Bob"], "memberId": world["mia"]})
    await make_notifications(world)
    found = await world.ask("{ notifications(first: 1) { nodes { muted lead { title } } } }", **MIA)
    assert found["notifications"]["nodes"] == [{"muted": False, "lead": {"title": "Bob"}}]


@pytest.mark.parametrize("both", [True, False])
async def test_one_record_is_named(world: World, both: bool) -> None:
    """Neither none nor two."""
    given = {"leadId": world["Bob"], "taskId": await task(world, "Call")} if both else {"leadId": None}
    await world.refused("muteRecord", given, "INVALID", "leadId")
