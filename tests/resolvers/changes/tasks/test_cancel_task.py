"""cancelTask: a task is cancelled with its open parts, and repeats no more."""

import asyncio
import json

from models.rules.ids import parse_id
from tests.support.consistency import expect_consistent
from tests.support.recipes import task
from tests.support.world import RITA, World

SHOW = "task { title status outcome completedAt overdue recurrence version } lead { title nextTask { title } }"


async def test_is_given_up_with_its_reason(world: World) -> None:
    """The task is never overdue again, no longer its lead's next task, and its event has the reason as the outcome."""
    await task(world, "Call", leadId=world["Ada"], dueOn="2020-05-01", recurrence="FREQ=DAILY")
    head = await world.head()
    given = {"taskId": world["Call"], "reason": " Moved away ", "expectedVersion": 1}
    made = await world.change("cancelTask", given, SHOW, **RITA)
    assert made["task"] == {
        "title": "Call",
        "status": "CANCELLED",
        "outcome": "Moved away",
        "completedAt": None,
        "overdue": False,
        "recurrence": "FREQ=DAILY",
        "version": 2,
    }
    assert made["lead"] == {"title": "Ada", "nextTask": None}
    (event,) = await world.events(head)
    assert (event["type"], event["mutation"]) == ("task.cancelled", "cancel_task")
    assert json.loads(event["data"])["changes"] == {"status": ["OPEN", "CANCELLED"], "outcome": [None, "Moved away"]}
    await expect_consistent(world.database)


async def test_takes_its_open_parts_along(world: World) -> None:
    """Each open part has an event before its parent's; a completed part stays completed."""
    await task(world, "Prepare")
    for name in ("Print", "Bind", "Write"):
        await task(world, name, parentId=world["Prepare"])
    await world.change("completeTask", {"taskId": world["Write"], "outcome": "Ten pages"})
    head = await world.head()
    await world.change("cancelTask", {"taskId": world["Prepare"], "reason": "Not needed"})
    found = await world.task("Prepare", "subtasks { title status outcome }")
    assert found["subtasks"] == [
        {"title": "Print", "status": "CANCELLED", "outcome": "Not needed"},
        {"title": "Bind", "status": "CANCELLED", "outcome": "Not needed"},
        {"title": "Write", "status": "DONE", "outcome": "Ten pages"},
    ]
    recorded = [(event["type"], event["record_id"]) for event in await world.events(head)]
    assert recorded == [("task.cancelled", parse_id("task", world[name])) for name in ("Print", "Bind", "Prepare")]
    await expect_consistent(world.database)


async def test_a_part_can_be_given_up_alone(world: World) -> None:
    """The parent and the other parts stay open."""
    await task(world, "Prepare")
    for name in ("Print", "Bind"):
        await task(world, name, parentId=world["Prepare"])
    await world.change("cancelTask", {"taskId": world["Print"]})
    assert await world.task("Prepare", "status subtasks { status }") == {
        "status": "OPEN",
        "subtasks": [{"status": "CANCELLED"}, {"status": "OPEN"}],
    }


async def test_refusals(world: World) -> None:
    """A closed task and a stale version are refused, and both refusals return the task as it is."""
    call = {"taskId": await task(world, "Call")}
    await world.refused("cancelTask", {**call, "expectedVersion": 2}, "CONFLICT", "expectedVersion")
    await world.refused("cancelTask", {**call, "reason": "x" * 20_001}, "INVALID", "reason")
    await world.change("cancelTask", call)
    shown = await world.refused("cancelTask", call, "TASK_CLOSED", "taskId", show=SHOW)
    assert shown["task"]["status"] == "CANCELLED"
    await world.change("completeTask", {"taskId": await task(world, "Write")})
    await world.refused("cancelTask", {"taskId": world["Write"]}, "TASK_CLOSED", "taskId")


async def test_cancelled_or_completed_but_not_both(world: World) -> None:
    """Of ten cancellations and ten completions at once, one succeeds; a cancelled task does not repeat."""
    for at in range(3):
        call = {"taskId": await task(world, f"Call {at}", dueOn="2031-05-01", recurrence="FREQ=DAILY")}
        head = await world.head()
        bodies = await asyncio.gather(
            *(world.attempt(name, call) for _ in range(10) for name in ("cancelTask", "completeTask"))
        )
        codes = [[error["code"] for error in body["data"]["result"]["userErrors"]] for body in bodies]
        assert sorted(codes) == [[]] + [["TASK_CLOSED"]] * 19
        types = [event["type"] for event in await world.events(head)]
        assert types in (["task.cancelled"], ["task.completed", "task.scheduled"])
    await expect_consistent(world.database)
