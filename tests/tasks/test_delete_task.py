"""deleteTask: gone with its parts, by whom it concerns; the log keeps what it was."""

import asyncio
import json

from models.ids import parse_id
from tests.changes.consistency import expect_consistent
from tests.changes.recipes import task
from tests.changes.world import MIA, RITA, World

SHOW = "deletedTaskId lead { title nextTask { title } tasks { totalCount } }"


async def test_is_gone_with_its_parts(world: World) -> None:
    """Each told with all its fields, the parts first; what waited for it waits no more."""
    await task(world, "Prepare", leadId=world["Ada"], dueOn="2031-05-01", notes="Soon", recurrence="FREQ=DAILY")
    for name in ("Print", "Bind"):
        await task(world, name, parentId=world["Prepare"])
    await world.change("completeTask", {"taskId": world["Bind"]})
    await world.change("addTaskDependency", {"taskId": await task(world, "Send"), "blockedById": world["Prepare"]})
    head = await world.head()
    made = await world.change("deleteTask", {"taskId": world["Prepare"], "expectedVersion": 1}, SHOW)
    assert made["deletedTaskId"] == world["Prepare"]
    assert made["lead"] == {"title": "Ada", "nextTask": None, "tasks": {"totalCount": 0}}
    events = await world.events(head)
    assert [(event["type"], event["mutation"], event["record_id"], event["lead_id"]) for event in events] == [
        ("task.deleted", "delete_task", parse_id("task", world[name]), parse_id("lead", world["Ada"]))
        for name in ("Print", "Bind", "Prepare")
    ]
    told = [json.loads(event["data"]) for event in events]
    assert [(row["title"], row["status"]) for row in told] == [("Print", "OPEN"), ("Bind", "DONE"), ("Prepare", "OPEN")]
    assert (told[2]["notes"], told[2]["dueOn"], told[2]["recurrence"]) == ("Soon", "2031-05-01", "FREQ=DAILY")
    assert [await world.task(name, "title") for name in ("Prepare", "Print", "Bind")] == [None] * 3
    assert await world.task("Send", "blocked blockedBy { title }") == {"blocked": False, "blockedBy": []}
    await expect_consistent(world.database)


async def test_a_part_is_deleted_alone(world: World) -> None:
    """Its parent stays."""
    await task(world, "Print", parentId=await task(world, "Prepare"))
    await world.change("deleteTask", {"taskId": world["Print"]})
    assert await world.task("Prepare", "title subtasks { title }") == {"title": "Prepare", "subtasks": []}


async def test_who_may(world: World) -> None:
    """Who made it, who has to do it, or a manager; another rep is refused and shown it."""
    for name, assignee in (("Made", None), ("Given", "rita"), ("Other", "mia"), ("Any", "rita")):
        await task(world, name, assigneeId=assignee and world[assignee])
    made = await world.change("createTask", {"title": "Own", "assigneeId": None}, "task { id }", **RITA)
    shown = await world.refused("deleteTask", {"taskId": world["Other"]}, "FORBIDDEN", "taskId", show=SHOW, **RITA)
    assert shown["deletedTaskId"] is None
    await world.refused("deleteTask", {"taskId": world["Made"]}, "FORBIDDEN", "taskId", **RITA)
    await world.change("deleteTask", {"taskId": made["task"]["id"]}, **RITA)
    await world.change("deleteTask", {"taskId": world["Given"]}, **RITA)
    await world.change("deleteTask", {"taskId": world["Any"]}, **MIA)


async def test_a_stale_version_is_refused(world: World) -> None:
    """Whoever deletes what somebody else has just changed looks again first."""
    call = {"taskId": await task(world, "Call")}
    await world.change("updateTask", {**call, "title": "Ring"})
    await world.refused("deleteTask", {**call, "expectedVersion": 1}, "CONFLICT", "expectedVersion")


async def test_of_twenty_at_once_one_deletes_it(world: World) -> None:
    """The others find nothing, also while parts are being added."""
    prepare = await task(world, "Prepare")
    head = await world.head()
    bodies = await asyncio.gather(
        *(world.attempt("deleteTask", {"taskId": prepare}, SHOW) for _ in range(20)),
        *(world.attempt("createTask", {"title": "Part", "parentId": prepare}) for _ in range(5)),
    )
    codes = [[error["code"] for error in body["data"]["result"]["userErrors"]] for body in bodies]
    assert sorted(codes[:20]) == [[]] + [["NOT_FOUND"]] * 19
    made = codes[20:].count([])
    events = [event["type"] for event in await world.events(head)]
    assert sorted(events) == ["task.deleted"] * (1 + made) + ["task.scheduled"] * made
    assert await world.database.pool.fetchval("SELECT count(*) FROM task") == 0
    await expect_consistent(world.database)
