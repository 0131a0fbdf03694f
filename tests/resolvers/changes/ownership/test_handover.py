"""reassignAll: the open tasks of a member go along, each told, and due by the calendar of whoever has them now."""

import asyncio
import json

from models.rules.ids import parse_id
from tests.support.consistency import expect_consistent
from tests.support.recipes import task
from tests.support.world import MIA, World

SHOW = "assignee { id } deadline version"


async def test_open_tasks_go_to_the_other_member(world: World) -> None:
    """On whosever leads; what has ended stays, and so does what is somebody else's."""
    await world.sql("UPDATE member SET time_zone = 'Asia/Tokyo' WHERE subject = 'mia'")
    rita = {"assigneeId": world["rita"]}
    await task(world, "Day", **rita, dueOn="2031-05-01", leadId=world["Bob"])
    await task(world, "Instant", **rita, dueAt="2031-05-01T09:00:00Z", leadId=world["Ada"])
    await task(world, "Undated", **rita)
    await task(world, "Done", **rita)
    await world.change("completeTask", {"taskId": world["Done"]})
    await task(world, "Not hers")
    head = await world.head()
    await world.change("reassignAll", {"fromMemberId": world["rita"], "toMemberId": world["mia"]}, **MIA)
    mia = {"assignee": {"id": world["mia"]}, "version": 2}
    assert await world.task("Day", SHOW) == {**mia, "deadline": "2031-05-01T15:00:00+00:00"}
    assert await world.task("Instant", SHOW) == {**mia, "deadline": "2031-05-01T09:00:00+00:00"}
    assert await world.task("Undated", SHOW) == {**mia, "deadline": None}
    assert (await world.task("Done", SHOW))["assignee"] == {"id": world["rita"]}
    assert (await world.task("Not hers", SHOW))["assignee"] == {"id": world["tester"]}
    events = [event for event in await world.events(head) if event["type"] == "task.updated"]
    assert [(event["mutation"], event["record_id"], event["lead_id"]) for event in events] == [
        ("reassign_all", parse_id("task", world[name]), lead and parse_id("lead", world[lead]))
        for name, lead in (("Day", "Bob"), ("Instant", "Ada"), ("Undated", None))
    ]
    changes = {"assigneeId": [world["rita"], world["mia"]]}
    assert [json.loads(event["data"])["changes"] for event in events] == [changes] * 3
    await expect_consistent(world.database)


async def test_to_nobody(world: World) -> None:
    """The day is then the organisation's."""
    await world.sql("UPDATE member SET time_zone = 'Asia/Tokyo' WHERE subject = 'rita'")
    await task(world, "Day", assigneeId=world["rita"], dueOn="2031-05-01")
    await world.change("reassignAll", {"fromMemberId": world["rita"]}, **MIA)
    assert await world.task("Day", SHOW) == {"assignee": None, "deadline": "2031-05-02T00:00:00+00:00", "version": 2}
    await expect_consistent(world.database)


async def test_what_is_completed_meanwhile_is_not_handed_over(world: World) -> None:
    """Each task is completed by the one, or goes to the other and is completed there: nothing gets lost."""
    names = [f"Call {at}" for at in range(10)]
    for name in names:
        await task(world, name, assigneeId=world["rita"], leadId=world["Bob"], dueOn="2031-05-01")
    head = await world.head()
    await asyncio.gather(
        *(world.change("completeTask", {"taskId": world[name]}) for name in names),
        *(world.change("reassignAll", {"fromMemberId": world["rita"], "toMemberId": world["mia"]}) for _ in range(3)),
    )
    types = [event["type"] for event in await world.events(head)]
    assert types.count("task.completed") == 10
    assert types.count("task.updated") <= 10
    await expect_consistent(world.database)
