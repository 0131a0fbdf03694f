"""completeTask: a task is completed with its outcome, after its blockers, and the next step is planned with it."""

import asyncio
import json
from typing import Any

import pytest

from tests.support.consistency import expect_consistent
from tests.support.recipes import task
from tests.support.world import MIA, RITA, World

SHOW = """
task { title status outcome completedAt deadline overdue recurrence version }
followUp {
    title dueOn dueAt priority notes assignee { id } lead { title } contact { id } customer { id } parent { id }
}
nextOccurrence { title }
lead { title nextTask { title } }
"""


async def test_is_done_with_its_outcome(world: World) -> None:
    """The event holds each field before and after; the lead has no next task, and none follows."""
    await task(world, "Call", leadId=world["Ada"], dueOn="2020-05-01")
    head = await world.head()
    made = await world.change(
        "completeTask", {"taskId": world["Call"], "outcome": " Wants an offer\n", "expectedVersion": 1}, SHOW, **RITA
    )
    assert made["task"].pop("completedAt") is not None
    assert made == {
        "task": {
            "title": "Call",
            "status": "DONE",
            "outcome": "Wants an offer",
            "deadline": "2020-05-02T00:00:00+00:00",
            "overdue": False,
            "recurrence": None,
            "version": 2,
        },
        "followUp": None,
        "nextOccurrence": None,
        "lead": {"title": "Ada", "nextTask": None},
        "userErrors": [],
    }
    (event,) = await world.events(head)
    assert (event["type"], event["mutation"]) == ("task.completed", "complete_task")
    assert json.loads(event["data"])["changes"] == {"status": ["OPEN", "DONE"], "outcome": [None, "Wants an offer"]}
    await expect_consistent(world.database)


async def test_the_next_step_is_planned_in_the_same_change(world: World) -> None:
    """The next step has the same lead, contact, customer and assignee, and its event follows the completion."""
    links = {"leadId": world["Bob"], "contactId": world["contact of mia"], "customerId": world["Acme"]}
    await task(world, "Call", **links, assigneeId=world["mia"], parentId=await task(world, "Prepare"))
    head = await world.head()
    follow_up = {"title": "Send it", "dueOn": "2031-05-01", "priority": "HIGH", "notes": "By post"}
    made = await world.change("completeTask", {"taskId": world["Call"], "followUp": follow_up}, SHOW, **RITA)
    assert made["followUp"] == {
        "title": "Send it",
        "dueOn": "2031-05-01",
        "dueAt": None,
        "priority": "HIGH",
        "notes": "By post",
        "assignee": {"id": world["mia"]},
        "lead": {"title": "Bob"},
        "contact": {"id": world["contact of mia"]},
        "customer": {"id": world["Acme"]},
        "parent": None,
    }
    assert made["lead"] == {"title": "Bob", "nextTask": {"title": "Send it"}}
    assert [event["type"] for event in await world.events(head)] == ["task.completed", "task.scheduled"]
    await expect_consistent(world.database)


@pytest.mark.parametrize(("noun", "name"), [("contact", "contact of mia"), ("customer", "Acme")])
async def test_what_follows_is_about_the_same_though_that_was_archived(world: World, noun: str, name: str) -> None:
    """The next step and a subtask keep the archived contact or customer; a new task cannot name it."""
    await task(world, "Call", **{f"{noun}Id": world[name]})
    await world.change(f"archive{noun.capitalize()}", {f"{noun}Id": world[name]})
    about = {noun: {"id": world[name]}}
    given = {"title": "Part", "parentId": world["Call"]}
    made = await world.change("createTask", given, f"task {{ id {noun} {{ id }} }}")
    assert made["task"] == {"id": made["task"]["id"], **about}
    await world.change("completeTask", {"taskId": made["task"]["id"]})
    given = {"taskId": world["Call"], "followUp": {"dueOn": "2031-05-01"}}
    made = await world.change("completeTask", given, f"followUp {{ {noun} {{ id }} }}")
    assert made["followUp"] == about
    await world.refused("createTask", {"title": "New", f"{noun}Id": world[name]}, "ARCHIVED", f"{noun}Id")
    await expect_consistent(world.database)


async def test_whose_the_next_step_is(world: World) -> None:
    """The named member; else the first active one of the task's assignee, the lead's owner and the caller."""

    async def follow_up(name: str, given: dict[str, Any], who: dict[str, Any]) -> str | None:
        given = {"taskId": world[name], "followUp": {"dueOn": "2031-05-01", **given}}
        made = await world.change("completeTask", given, SHOW, **who)
        assert made["followUp"]["title"] == "Follow up"
        return made["followUp"]["assignee"] and made["followUp"]["assignee"]["id"]

    for name in ("Named", "Nobody's", "Kept", "Left"):
        await task(world, name, leadId=world["Bob"], assigneeId=world["mia"])
    assert await follow_up("Named", {"assigneeId": world["rita"]}, MIA) == world["rita"]
    assert await follow_up("Nobody's", {"assigneeId": None}, MIA) is None
    assert await follow_up("Kept", {}, RITA) == world["mia"]
    await world.sql("UPDATE member SET active = false WHERE subject = 'mia'")
    assert await follow_up("Left", {}, {}) == world["rita"]
    await world.sql("UPDATE member SET active = false WHERE subject = 'rita'")
    await task(world, "Last", leadId=world["Bob"])
    assert await follow_up("Last", {}, {}) == world["tester"]


@pytest.mark.parametrize(
    ("follow_up", "code", "path"),
    [
        ({}, "INVALID", ("followUp", "dueAt")),
        ({"dueOn": "2031-05-01", "title": " "}, "INVALID", ("followUp", "title")),
        ({"dueOn": "2031-05-01", "priority": None}, "INVALID", ("followUp", "priority")),
        ({"dueOn": "2031-05-01", "recurrence": "FREQ=NEVER"}, "INVALID", ("followUp", "recurrence")),
        ({"dueOn": "2031-05-01", "assigneeId": "ian"}, "OWNER_INACTIVE", ("followUp", "assigneeId")),
    ],
    ids=str,
)
async def test_without_the_next_step_nothing_is_done(
    world: World, follow_up: dict[str, Any], code: str, path: tuple[str, ...]
) -> None:
    """The completion and the follow-up are made together or not at all; the refusal names the follow-up's field."""
    if "assigneeId" in follow_up:
        follow_up = {**follow_up, "assigneeId": world[follow_up["assigneeId"]]}
    given = {"taskId": await task(world, "Call"), "followUp": follow_up}
    await world.refused("completeTask", given, code, *path)


async def test_a_rep_plans_it_for_herself(world: World) -> None:
    """A rep cannot plan it for other members, here as elsewhere: a manager does."""
    follow_up = {"dueOn": "2031-05-01", "assigneeId": world["mia"]}
    given = {"taskId": await task(world, "Call", leadId=world["Ada"]), "followUp": follow_up}
    await world.refused("completeTask", given, "FORBIDDEN", "followUp", "assigneeId", **RITA)
    await world.change("completeTask", given, **MIA)


async def test_what_has_ended_is_not_done_again(world: World) -> None:
    """The refusal returns the task; a stale version is reported first."""
    done = {"taskId": await task(world, "Call")}
    await world.change("completeTask", done)
    shown = await world.refused("completeTask", {**done, "outcome": "?"}, "TASK_CLOSED", "taskId", show=SHOW)
    assert (shown["task"]["title"], shown["task"]["status"]) == ("Call", "DONE")
    shown = await world.refused(
        "completeTask", {**done, "expectedVersion": 1}, "CONFLICT", "expectedVersion", show=SHOW
    )
    assert shown["task"]["version"] == 2
    given_up = {"taskId": await task(world, "Write")}
    await world.change("cancelTask", given_up)
    await world.refused("completeTask", {**given_up, "force": True}, "TASK_CLOSED", "taskId")


async def test_a_parent_waits_for_its_open_parts(world: World) -> None:
    """The message names up to five open parts; closed parts do not count; with `force`, the open parts stay open."""
    await task(world, "Prepare")
    for at in range(8):
        await task(world, f"Part {at}", parentId=world["Prepare"])
    await world.change("completeTask", {"taskId": world["Part 0"]})
    await world.change("cancelTask", {"taskId": world["Part 1"]})
    prepare = {"taskId": world["Prepare"]}
    shown = await world.refused("completeTask", prepare, "SUBTASKS_OPEN", "taskId", show=SHOW)
    assert shown["task"]["title"] == "Prepare"
    named = ", ".join(f"“Part {at}”" for at in range(2, 7))
    assert f"{named} and 1 more" in shown["userErrors"][0]["message"]
    await world.change("completeTask", {**prepare, "force": True})
    assert await world.task("Part 2", "status") == {"status": "OPEN"}
    await expect_consistent(world.database)


async def test_a_parent_can_be_done_after_its_parts(world: World) -> None:
    """No force is needed once all parts are completed or cancelled."""
    for name in ("Print", "Bind"):
        await task(world, name, parentId=world.ids.get("Prepare") or await task(world, "Prepare"))
    await world.change("completeTask", {"taskId": world["Print"]})
    await world.refused("completeTask", {"taskId": world["Prepare"]}, "SUBTASKS_OPEN", "taskId")
    await world.change("cancelTask", {"taskId": world["Bind"]})
    await world.change("completeTask", {"taskId": world["Prepare"]})


async def test_a_blocked_task_waits(world: World) -> None:
    """The task waits for every open blocker, and `blocked` says so; with `force`, it is completed."""
    for name in ("Write", "Check", "Send", "Archive"):
        await task(world, name)
    for name in ("Write", "Check"):
        await world.change("addTaskDependency", {"taskId": world["Send"], "blockedById": world[name]})
    await world.change("addTaskDependency", {"taskId": world["Archive"], "blockedById": world["Send"]})
    shown = await world.refused("completeTask", {"taskId": world["Send"]}, "TASK_BLOCKED", "taskId", show=SHOW)
    assert "“Write”, “Check”" in shown["userErrors"][0]["message"]
    await world.change("completeTask", {"taskId": world["Archive"], "force": True})
    await world.change("completeTask", {"taskId": world["Write"]})
    assert await world.task("Send", "blocked") == {"blocked": True}
    await world.change("cancelTask", {"taskId": world["Check"]})
    assert await world.task("Send", "blocked") == {"blocked": False}
    await world.change("completeTask", {"taskId": world["Send"]})
    await expect_consistent(world.database)


async def test_of_twenty_at_once_one_completes_it(world: World) -> None:
    """There is one completion, one next occurrence and one follow-up; the others are refused as already completed."""
    await task(world, "Call", leadId=world["Ada"], dueOn="2031-05-01", recurrence="FREQ=DAILY")
    head = await world.head()
    given = {"taskId": world["Call"], "followUp": {"title": "Write", "dueOn": "2031-05-01"}}
    bodies = await asyncio.gather(*(world.attempt("completeTask", given, SHOW) for _ in range(20)))
    codes = [[error["code"] for error in body["data"]["result"]["userErrors"]] for body in bodies]
    assert sorted(codes) == [[]] + [["TASK_CLOSED"]] * 19
    assert [event["type"] for event in await world.events(head)] == ["task.completed"] + ["task.scheduled"] * 2
    tasks = (await world.lead("Ada", "tasks { nodes { title status } }"))["tasks"]["nodes"]
    assert sorted((row["title"], row["status"]) for row in tasks) == [
        ("Call", "DONE"),
        ("Call", "OPEN"),
        ("Write", "OPEN"),
    ]
    await expect_consistent(world.database)


async def test_a_part_that_is_added_meanwhile_is_not_lost(world: World) -> None:
    """Either the parent waits for the part, or the part is refused because the parent is completed."""
    for at in range(10):
        parent_id = await task(world, f"Prepare {at}")
        bodies = await asyncio.gather(
            world.attempt("completeTask", {"taskId": parent_id}),
            world.attempt("createTask", {"title": "Part", "parentId": parent_id}),
        )
        codes = [error["code"] for body in bodies for error in body["data"]["result"]["userErrors"]]
        assert codes in (["SUBTASKS_OPEN"], ["TASK_CLOSED"])
    await expect_consistent(world.database)
