"""addTaskDependency: a task waits until another is done, never in a circle."""

import asyncio
from itertools import permutations

from models.rules.ids import parse_id
from tests.support.consistency import expect_consistent
from tests.support.recipes import task
from tests.support.world import RITA, World

SHOW = """
task { title version blocked blockedBy { title } } blocker { title version blocks { nodes { title } } }
"""


async def wait(world: World, waiting: str, awaited: str) -> None:
    """Make one task wait for another."""
    await world.change("addTaskDependency", {"taskId": world[waiting], "blockedById": world[awaited]})


async def test_lets_a_task_wait(world: World) -> None:
    """Both tasks show the dependency; the one that waits has a version, and an event with its blockers before and
    after."""
    send = {"taskId": await task(world, "Send", leadId=world["Ada"]), "blockedById": await task(world, "Write")}
    head = await world.head()
    made = await world.change("addTaskDependency", {**send, "expectedVersion": 1}, SHOW, **RITA)
    assert made["task"] == {"title": "Send", "version": 2, "blocked": True, "blockedBy": [{"title": "Write"}]}
    assert made["blocker"] == {"title": "Write", "version": 1, "blocks": {"nodes": [{"title": "Send"}]}}
    changes = {"blockedBy": [[], [world["Write"]]]}
    assert await world.recorded(head) == [("task.updated", "add_task_dependency", {"changes": changes})]
    (event,) = await world.events(head)
    assert (event["record_id"], event["lead_id"]) == (parse_id("task", world["Send"]), parse_id("lead", world["Ada"]))
    await expect_consistent(world.database)


async def test_a_second_blocker_joins_the_first(world: World) -> None:
    """The event holds all blockers, in the order of their ids."""
    await task(world, "Send")
    ids = [await task(world, name) for name in ("Write", "Print")]
    await wait(world, "Send", "Print")
    head = await world.head()
    await wait(world, "Send", "Write")
    changes = {"blockedBy": [ids[1:], ids]}
    assert await world.recorded(head) == [("task.updated", "add_task_dependency", {"changes": changes})]


async def test_a_task_that_waits_already_stays_as_it_is(world: World) -> None:
    """The second call leaves no version and no event, also for a task that waits for as many as it may."""
    send = {"taskId": await task(world, "Send"), "blockedById": await task(world, "Write")}
    await world.change("addTaskDependency", send)
    head = await world.head()
    made = await world.change("addTaskDependency", send, SHOW)
    assert (made["task"]["version"], await world.head()) == (2, head)


async def test_a_blocked_task_cannot_be_completed(world: World) -> None:
    """A task can be completed only after all its blockers."""
    send = {"taskId": await task(world, "Send"), "blockedById": await task(world, "Write")}
    await world.change("addTaskDependency", send)
    await world.refused("completeTask", {"taskId": world["Send"]}, "TASK_BLOCKED", "taskId")
    await world.change("completeTask", {"taskId": world["Write"]})
    await world.change("completeTask", {"taskId": world["Send"]})


async def test_what_is_done_blocks_nothing(world: World) -> None:
    """A completed task can still be named as a blocker, and blocks nothing."""
    send = {"taskId": await task(world, "Send"), "blockedById": await task(world, "Write")}
    await world.change("completeTask", {"taskId": world["Write"]})
    made = await world.change("addTaskDependency", send, SHOW)
    assert (made["task"]["blocked"], made["task"]["blockedBy"]) == (False, [{"title": "Write"}])


async def test_refusals(world: World, strangers: World) -> None:
    """Each refusal is at its field; the task is looked up before its blocker."""
    ours, theirs = await task(world, "Send"), await task(strangers, "Send")
    for given, code, field in (
        ({"taskId": theirs, "blockedById": theirs}, "NOT_FOUND", "taskId"),
        ({"taskId": ours, "blockedById": theirs}, "NOT_FOUND", "blockedById"),
        ({"taskId": ours, "blockedById": world["Ada"]}, "WRONG_ID", "blockedById"),
        ({"taskId": ours, "blockedById": ours}, "DEPENDENCY_CYCLE", "blockedById"),
    ):
        await world.refused("addTaskDependency", given, code, field)


async def test_a_conflict_shows_the_task_as_it_is(world: World) -> None:
    """The task's own version counts, not that of its blocker."""
    send = {"taskId": await task(world, "Send"), "blockedById": await task(world, "Write")}
    await world.change("updateTask", {"taskId": world["Write"], "title": "Write it"})
    given = {**send, "expectedVersion": 2}
    shown = await world.refused("addTaskDependency", given, "CONFLICT", "expectedVersion", show=SHOW)
    assert shown["task"] == {"title": "Send", "version": 1, "blocked": False, "blockedBy": []}
    await world.change("addTaskDependency", {**send, "expectedVersion": 1})


async def test_a_task_waits_for_up_to_50_others(world: World) -> None:
    """The 51st is refused; one of the fifty may be named again."""
    await task(world, "Send")
    names = [f"Page {at}" for at in range(51)]
    for name in names:
        await task(world, name)
    for name in names[:50]:
        await wait(world, "Send", name)
    given = {"taskId": world["Send"], "blockedById": world["Page 50"]}
    await world.refused("addTaskDependency", given, "INVALID", "blockedById")
    await world.refused("addTaskDependency", {**given, "expectedVersion": 1}, "CONFLICT", "expectedVersion")
    await wait(world, "Send", "Page 7")


async def test_the_last_of_50_is_added_once(world: World) -> None:
    """Of several that are added at once with room for one, one succeeds."""
    await task(world, "Send")
    for at in range(59):
        await task(world, f"Page {at}")
    for at in range(49):
        await wait(world, "Send", f"Page {at}")
    more = [{"taskId": world["Send"], "blockedById": world[f"Page {at}"]} for at in range(49, 59)]
    assert await world.at_once("addTaskDependency", *more) == {"done": 1, "INVALID": 9}
    await expect_consistent(world.database)


async def test_twenty_at_once_add_one_dependency(world: World) -> None:
    """The first changes the task; the others find that it waits already."""
    send = {"taskId": await task(world, "Send"), "blockedById": await task(world, "Write")}
    head = await world.head()
    assert await world.at_once("addTaskDependency", *[send] * 20) == {"done": 20}
    assert (await world.task("Send", "version"), await world.head()) == ({"version": 2}, head + 1)


async def test_a_done_blocker_blocks_no_more_until_it_is_reopened(world: World) -> None:
    """The task shows its blocker in either case."""
    send = {"taskId": await task(world, "Send"), "blockedById": await task(world, "Write")}
    await world.change("addTaskDependency", send)
    await world.change("completeTask", {"taskId": world["Write"]})
    assert await world.task("Send", "blocked blockedBy { status }") == {
        "blocked": False,
        "blockedBy": [{"status": "DONE"}],
    }
    await world.change("reopenTask", {"taskId": world["Write"]})
    assert await world.task("Send", "blocked") == {"blocked": True}


async def test_a_circle_is_refused_and_named(world: World) -> None:
    """The message names the shortest circle, also through the parts of a task, and a task that would wait for
    itself."""
    for name in ("A", "B", "C", "D"):
        await task(world, name)
    for waiting, awaited in (("A", "B"), ("B", "C"), ("C", "D"), ("A", "C")):
        await wait(world, waiting, awaited)
    await task(world, "Part of D", parentId=world["D"])
    for waiting, awaited, circle in (
        ("A", "A", "“A” → “A”"),
        ("C", "A", "“C” → “A” → “C”"),
        ("D", "A", "“D” → “A” → “C” → “D”"),
        ("Part of D", "B", "“Part of D” → “B” → “C” → “D” → “Part of D”"),
        ("Part of D", "D", "“Part of D” → “D” → “Part of D”"),
    ):
        given = {"taskId": world[waiting], "blockedById": world[awaited]}
        shown = await world.refused("addTaskDependency", given, "DEPENDENCY_CYCLE", "blockedById")
        assert f"circle: {circle}. " in shown["userErrors"][0]["message"]
    await expect_consistent(world.database)


async def test_a_part_that_is_waited_for_cannot_wait_for_its_parent(world: World) -> None:
    """A task that waits for another one, however indirectly, cannot become its part."""
    for name in ("Prepare", "Print", "Buy paper"):
        await task(world, name)
    await wait(world, "Print", "Buy paper")
    await wait(world, "Buy paper", "Prepare")
    given = {"taskId": world["Print"], "parentId": world["Prepare"]}
    shown = await world.refused("updateTask", given, "DEPENDENCY_CYCLE", "parentId")
    assert "“Prepare” → “Print” → “Buy paper” → “Prepare”" in shown["userErrors"][0]["message"]
    await world.change("removeTaskDependency", {"taskId": world["Buy paper"], "blockedById": world["Prepare"]})
    await world.change("updateTask", given)
    await expect_consistent(world.database)


async def test_changes_at_once_do_not_close_a_circle(world: World) -> None:
    """Each dependency is right alone: of those added together, one is refused, with two tasks or with more."""
    for size in (2, 3, 5):
        names = [f"{size}-{at}" for at in range(size)]
        for name in names:
            await task(world, name)
        bodies = await asyncio.gather(
            *(
                world.attempt("addTaskDependency", {"taskId": world[name], "blockedById": world[after]})
                for name, after in zip(names, [*names[1:], names[0]], strict=True)
            )
        )
        codes = [error["code"] for body in bodies for error in body["data"]["result"]["userErrors"]]
        assert codes == ["DEPENDENCY_CYCLE"]
        await expect_consistent(world.database)


async def test_becoming_a_part_and_waiting_at_once_do_not_close_a_circle(world: World) -> None:
    """A circle of a part, its parent and tasks between them is not closed from both sides at once."""
    for at in range(5):
        for name in ("Prepare", "Print", "Buy"):
            await task(world, f"{name} {at}")
        await wait(world, f"Print {at}", f"Buy {at}")
        bodies = await asyncio.gather(
            world.attempt("updateTask", {"taskId": world[f"Print {at}"], "parentId": world[f"Prepare {at}"]}),
            world.attempt("addTaskDependency", {"taskId": world[f"Buy {at}"], "blockedById": world[f"Prepare {at}"]}),
        )
        codes = [error["code"] for body in bodies for error in body["data"]["result"]["userErrors"]]
        assert codes == ["DEPENDENCY_CYCLE"]
    await expect_consistent(world.database)


async def test_every_pair_of_four_at_once(world: World) -> None:
    """Of twelve pairs, each both ways, the accepted ones form no circle, and every pair is joined one way."""
    for name in "ABCD":
        await task(world, name)
    pairs = list(permutations("ABCD", 2))
    bodies = await asyncio.gather(
        *(world.attempt("addTaskDependency", {"taskId": world[a], "blockedById": world[b]}) for a, b in pairs)
    )
    refused = [error["code"] for body in bodies for error in body["data"]["result"]["userErrors"]]
    assert refused == ["DEPENDENCY_CYCLE"] * 6
    await expect_consistent(world.database)
