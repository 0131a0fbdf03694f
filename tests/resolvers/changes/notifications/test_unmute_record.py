"""`unmuteRecord`: notifications of a lead or a task again."""

from tests.support.recipes import make_notifications, task
from tests.support.world import MIA, RITA, World


async def test_it_is_heard_of_again(world: World) -> None:
    """What happened meanwhile stays unsaid; to unmute what is not muted changes nothing."""
    call = await task(world, "Call", assigneeId=world["rita"])
    await make_notifications(world)
    await world.sql("DELETE FROM notification")
    await world.change("muteRecord", {"taskId": call}, **RITA)
    await world.change("updateTask", {"taskId": call, "assigneeId": world["mia"]})
    await world.change("updateTask", {"taskId": call, "assigneeId": world["rita"]})
    await make_notifications(world)
    for _ in range(2):
        assert (await world.change("unmuteRecord", {"taskId": call}, "muted", **RITA))["muted"] is False
    await world.change("updateTask", {"taskId": call, "assigneeId": None})
    await world.change("updateTask", {"taskId": call, "assigneeId": world["rita"]}, **MIA)
    await make_notifications(world)
    found = await world.ask("{ notifications { nodes { count actor { name } } } }", **RITA)
    assert found["notifications"]["nodes"] == [{"count": 1, "actor": {"name": "mia"}}]
    await world.refused("unmuteRecord", {}, "INVALID", "leadId")
