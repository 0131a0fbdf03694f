"""deleteTask: a task is deleted with its parts, by a member it concerns; the log keeps its fields."""

import asyncio
import json

from models.rules.ids import parse_id
from tests.support.consistency import expect_consistent
from tests.support.recipes import task
from tests.support.world import MIA, RITA, World

SHOW = "deletedTaskId lead { title nextTask { title } tasks { totalCount } }"


async def test_is_gone_with_its_parts(world: World) -> None:
    """Each deleted task has an event with all its fields, the parts first, and nothing waits for it any more."""
    await task(world, "Prepare", leadId=world["Ada"], dueOn="2031-05-01", notes="Soon", recurrence="FREQ=DAILY")
    for name in ("Print", "Bind"):
        await task(world, name, parentId=world["Prepare"])
    await world.change("completeTask", {"taskId": world["Bind"]})
    await world.change("addTaskDependency", {"taskId": await task(world, "Send"), "blockedById": world["Prepare"]})
    head = await world.head()
    made = await world.change("deleteTask", {"taskId": world["Prepare"], "expectedVersion": 1}, SHOW)
    assert made["deletedTaskId"] == world["Prepare"]
    assert made["lead"] == {"title": "Ada", "nextTask": None, "tasks": {"totalCount": 0}}
    *events, _ = await world.events(head)
    assert [(event["type"], event["mutation"], event["record_id"], event["lead_id"]) for event in events] == [
        ("task.deleted", "delete_task", parse_id("task", world[name]), parse_id("lead", world["Ada"]))
        for name in ("Print", "Bind", "Prepare")
    ]
    deleted = [json.loads(event["data"]) for event in events]
    assert [(row["title"], row["status"]) for row in deleted] == [
        ("Print", "OPEN"),
        ("Bind", "DONE"),
        ("Prepare", "OPEN"),
    ]
    assert (deleted[2]["notes"], deleted[2]["dueOn"], deleted[2]["recurrence"]) == ("Soon", "2031-05-01", "FREQ=DAILY")
    assert [await world.task(name, "title") for name in ("Prepare", "Print", "Bind")] == [None] * 3
    assert await world.task("Send", "blocked blockedBy { title }") == {"blocked": False, "blockedBy": []}
    await expect_consistent(world.database)


async def test_what_waited_is_recorded(world: World) -> None:
    """Each task that waited for it or for a part of it gets a version, and an event with its blockers before and after;
    a part that waited for another part is deleted with it."""
    for name, parent in (("Prepare", None), ("Print", "Prepare"), ("Bind", "Prepare"), ("Write", None)):
        await task(world, name, parentId=parent and world[parent])
    await task(world, "Send", leadId=world["Ada"])
    await task(world, "Invoice")
    waits = (("Bind", "Print"), ("Send", "Prepare"), ("Send", "Print"), ("Send", "Write"), ("Invoice", "Bind"))
    for waiting, awaited in waits:
        await world.change("addTaskDependency", {"taskId": world[waiting], "blockedById": world[awaited]})
    head = await world.head()
    await world.change("deleteTask", {"taskId": world["Prepare"]})
    released = [event for event in await world.events(head) if event["type"] == "task.updated"]
    assert [(event["record_id"], event["lead_id"], json.loads(event["data"])["changes"]) for event in released] == [
        (
            parse_id("task", world["Send"]),
            parse_id("lead", world["Ada"]),
            {"blockedBy": [[world[name] for name in ("Prepare", "Print", "Write")], [world["Write"]]]},
        ),
        (parse_id("task", world["Invoice"]), None, {"blockedBy": [[world["Bind"]], []]}),
    ]
    assert await world.task("Send", "version blocked") == {"version": 5, "blocked": True}
    assert await world.task("Invoice", "version blocked") == {"version": 3, "blocked": False}
    await expect_consistent(world.database)


async def test_waiting_begins_while_it_is_deleted(world: World) -> None:
    """A task that starts to wait for it at the same time gets an event that it no longer waits, or finds it deleted."""
    await task(world, "Prepare")
    waiting = [await task(world, f"Send {nth}") for nth in range(10)]
    head = await world.head()
    bodies = await asyncio.gather(
        *(world.attempt("addTaskDependency", {"taskId": id, "blockedById": world["Prepare"]}) for id in waiting[:5]),
        world.attempt("deleteTask", {"taskId": world["Prepare"]}),
        *(world.attempt("addTaskDependency", {"taskId": id, "blockedById": world["Prepare"]}) for id in waiting[5:]),
    )
    codes = [[error["code"] for error in body["data"]["result"]["userErrors"]] for body in bodies]
    assert codes.pop(5) == []
    assert all(code in ([], ["NOT_FOUND"]) for code in codes)
    changes = [json.loads(row["data"])["changes"] for row in await world.events(head) if row["type"] == "task.updated"]
    begun, ended = {"blockedBy": [[], [world["Prepare"]]]}, {"blockedBy": [[world["Prepare"]], []]}
    assert (changes.count(begun), changes.count(ended)) == (codes.count([]), codes.count([]))
    await expect_consistent(world.database)


async def test_a_part_is_deleted_alone(world: World) -> None:
    """The parent stays."""
    await task(world, "Print", parentId=await task(world, "Prepare"))
    await world.change("deleteTask", {"taskId": world["Print"]})
    assert await world.task("Prepare", "title subtasks { title }") == {"title": "Prepare", "subtasks": []}


async def test_who_may(world: World) -> None:
    """A task's creator, its assignee and managers may delete it; another rep is refused and shown the task."""
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
    """A task that somebody else has just changed is not deleted unseen."""
    call = {"taskId": await task(world, "Call")}
    await world.change("updateTask", {**call, "title": "Ring"})
    await world.refused("deleteTask", {**call, "expectedVersion": 1}, "CONFLICT", "expectedVersion")


async def test_of_twenty_at_once_one_deletes_it(world: World) -> None:
    """One call deletes the task; the others no longer find it, also while parts are being added."""
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
