"""removeTaskDependency: a task no longer waits for another."""

import asyncio

from models.rules.ids import parse_id
from tests.support.consistency import expect_consistent
from tests.support.recipes import task
from tests.support.world import RITA, World

SHOW = """
task { title version blocked blockedBy { title } } blocker { title version blocks { nodes { title } } }
"""


async def waiting(world: World) -> dict[str, str]:
    """A task of Ada that waits for another one: the input that ends that."""
    given = {"taskId": await task(world, "Send", leadId=world["Ada"]), "blockedById": await task(world, "Write")}
    await world.change("addTaskDependency", given)
    return given


async def test_a_task_no_longer_waits(world: World) -> None:
    """Both tasks show the change; the one that waited has a version, and an event with its blockers before and
    after."""
    send = await waiting(world)
    head = await world.head()
    made = await world.change("removeTaskDependency", {**send, "expectedVersion": 2}, SHOW, **RITA)
    assert made["task"] == {"title": "Send", "version": 3, "blocked": False, "blockedBy": []}
    assert made["blocker"] == {"title": "Write", "version": 1, "blocks": {"nodes": []}}
    changes = {"blockedBy": [[world["Write"]], []]}
    assert await world.recorded(head) == [("task.updated", "remove_task_dependency", {"changes": changes})]
    (event,) = await world.events(head)
    assert (event["record_id"], event["lead_id"]) == (parse_id("task", world["Send"]), parse_id("lead", world["Ada"]))
    await expect_consistent(world.database)


async def test_the_other_blockers_stay(world: World) -> None:
    """The task is blocked until all of the others are completed."""
    send = await waiting(world)
    other = {"taskId": send["taskId"], "blockedById": await task(world, "Print")}
    await world.change("addTaskDependency", other)
    head = await world.head()
    made = await world.change("removeTaskDependency", send, SHOW)
    assert (made["task"]["blocked"], made["task"]["blockedBy"]) == (True, [{"title": "Print"}])
    changes = {"blockedBy": [[world["Write"], world["Print"]], [world["Print"]]]}
    assert await world.recorded(head) == [("task.updated", "remove_task_dependency", {"changes": changes})]


async def test_a_task_that_does_not_wait_stays_as_it_is(world: World) -> None:
    """The task does not change, even if the other one waits for it."""
    send = await waiting(world)
    back = {"taskId": send["blockedById"], "blockedById": send["taskId"]}
    head = await world.head()
    made = await world.change("removeTaskDependency", back, SHOW)
    assert (made["task"]["version"], await world.head()) == (1, head)
    assert await world.task("Send", "blocked") == {"blocked": True}


async def test_what_blocked_it_alone_lets_it_be_completed(world: World) -> None:
    """The two tasks can then wait the other way round."""
    send = await waiting(world)
    await world.refused("completeTask", {"taskId": send["taskId"]}, "TASK_BLOCKED", "taskId")
    back = {"taskId": send["blockedById"], "blockedById": send["taskId"]}
    await world.refused("addTaskDependency", back, "DEPENDENCY_CYCLE", "blockedById")
    await world.change("removeTaskDependency", send)
    await world.change("addTaskDependency", back)
    await world.change("completeTask", {"taskId": send["taskId"]})
    await expect_consistent(world.database)


async def test_a_task_that_is_done_can_be_released(world: World) -> None:
    """A completed task's blockers are only a record, and can be removed."""
    send = await waiting(world)
    for name in ("Write", "Send"):
        await world.change("completeTask", {"taskId": world[name]})
    made = await world.change("removeTaskDependency", send, SHOW)
    assert made["task"]["blockedBy"] == []


async def test_refusals(world: World, strangers: World) -> None:
    """Each refusal is at its field; the task is looked up before its blocker."""
    ours, theirs = await waiting(world), await waiting(strangers)
    for given, code, field in (
        (theirs, "NOT_FOUND", "taskId"),
        ({**ours, "blockedById": theirs["blockedById"]}, "NOT_FOUND", "blockedById"),
        ({**ours, "taskId": world["Ada"]}, "WRONG_ID", "taskId"),
        ({**ours, "expectedVersion": 1}, "CONFLICT", "expectedVersion"),
    ):
        await world.refused("removeTaskDependency", given, code, field)


async def test_a_deleted_blocker_is_not_found(world: World) -> None:
    """The task stopped waiting when its blocker was deleted."""
    send = await waiting(world)
    await world.change("deleteTask", {"taskId": send["blockedById"]})
    await world.refused("removeTaskDependency", send, "NOT_FOUND", "blockedById")
    assert await world.task("Send", "blocked blockedBy { id }") == {"blocked": False, "blockedBy": []}


async def test_a_conflict_shows_the_task_as_it_is(world: World) -> None:
    """The conflict returns the task, so that the caller can decide again."""
    given = {**await waiting(world), "expectedVersion": 1}
    shown = await world.refused("removeTaskDependency", given, "CONFLICT", "expectedVersion", show=SHOW)
    assert shown["task"] == {"title": "Send", "version": 2, "blocked": True, "blockedBy": [{"title": "Write"}]}


async def test_twenty_at_once_remove_one_dependency(world: World) -> None:
    """The first changes the task; the others find that it does not wait."""
    send = await waiting(world)
    head = await world.head()
    assert await world.at_once("removeTaskDependency", *[send] * 20) == {"done": 20}
    assert (await world.task("Send", "version"), await world.head()) == ({"version": 3}, head + 1)


async def test_added_and_removed_at_once(world: World) -> None:
    """The events lead from each set of blockers to the next."""
    send = await waiting(world)
    head = await world.head()
    for _ in range(3):
        added = world.at_once("addTaskDependency", *[send] * 5)
        removed = world.at_once("removeTaskDependency", *[send] * 5)
        assert [dict(found) for found in await asyncio.gather(added, removed)] == [{"done": 5}] * 2
    steps = [data["changes"]["blockedBy"] for _, _, data in await world.recorded(head)]
    assert [step[0] for step in steps] == [[world["Write"]], *(step[1] for step in steps[:-1])]
    blocked = bool(steps[-1][1]) if steps else True
    assert await world.task("Send", "blocked") == {"blocked": blocked}
    await expect_consistent(world.database)
