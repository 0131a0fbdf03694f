"""reopenTask: a closed task is open again; its events keep the outcome."""

import asyncio
import json
from datetime import datetime

from tests.support.consistency import expect_consistent
from tests.support.recipes import task
from tests.support.world import RITA, World

SHOW = "task { title status outcome completedAt deadline overdue recurrence version } lead { nextTask { title } }"


async def test_takes_up_what_was_done(world: World) -> None:
    """The task is open, overdue if its day has ended, and without outcome; the event keeps the old one."""
    await task(world, "Call", leadId=world["Ada"], dueOn="2020-05-01")
    done = {"taskId": world["Call"], "outcome": "Reached her"}
    at = (await world.change("completeTask", done, "task { completedAt }"))["task"]["completedAt"]
    head = await world.head()
    made = await world.change("reopenTask", {"taskId": world["Call"], "expectedVersion": 2}, SHOW, **RITA)
    assert made["task"] == {
        "title": "Call",
        "status": "OPEN",
        "outcome": None,
        "completedAt": None,
        "deadline": "2020-05-02T00:00:00+00:00",
        "overdue": True,
        "recurrence": None,
        "version": 3,
    }
    assert made["lead"] == {"nextTask": {"title": "Call"}}
    (event,) = await world.events(head)
    assert (event["type"], event["mutation"]) == ("task.reopened", "reopen_task")
    changes = json.loads(event["data"])["changes"]
    was, now = changes.pop("completedAt")
    assert (datetime.fromisoformat(was), now) == (datetime.fromisoformat(at), None)
    assert changes == {"status": ["DONE", "OPEN"], "outcome": ["Reached her", None]}
    await expect_consistent(world.database)


async def test_its_day_is_that_of_where_the_assignee_lives_now(world: World) -> None:
    """If the assignee's time zone changed while the task was closed, its deadline follows the new one."""
    call = {"taskId": await task(world, "Call", dueOn="2031-05-01", assigneeId=world["rita"])}
    await world.change("cancelTask", call)
    await world.sql("UPDATE member SET time_zone = 'Asia/Tokyo' WHERE subject = 'rita'")
    assert (await world.change("reopenTask", call, SHOW))["task"]["deadline"] == "2031-05-01T15:00:00+00:00"
    await expect_consistent(world.database)


async def test_what_repeats_goes_on_or_has_gone_on(world: World) -> None:
    """Cancelled and reopened, it still repeats; completed, its rule has passed to the next one, so it repeats no
    more."""
    call = {"taskId": await task(world, "Call", dueOn="2031-05-01", recurrence="FREQ=DAILY")}
    await world.change("cancelTask", call)
    assert (await world.change("reopenTask", call, SHOW))["task"]["recurrence"] == "FREQ=DAILY"
    for following in ({"dueOn": "2031-05-02"}, None):
        made = await world.change("completeTask", call, "nextOccurrence { dueOn }")
        assert made["nextOccurrence"] == following
        await world.change("reopenTask", call)


async def test_refusals(world: World) -> None:
    """An open task and a stale version are refused, and both refusals return the task as it is."""
    call = {"taskId": await task(world, "Call")}
    assert (await world.refused("reopenTask", call, "TASK_OPEN", "taskId", show=SHOW))["task"]["title"] == "Call"
    await world.change("completeTask", call)
    stale = {**call, "expectedVersion": 1}
    assert (await world.refused("reopenTask", stale, "CONFLICT", "expectedVersion", show=SHOW))["task"]["version"] == 2


async def test_a_part_of_what_has_ended_stays_ended(world: World) -> None:
    """The parent is reopened first: a closed task has no open parts, unless it was forced."""
    prepare = {"taskId": await task(world, "Prepare")}
    printing = {"taskId": await task(world, "Print", parentId=world["Prepare"])}
    await world.change("cancelTask", prepare)
    shown = await world.refused("reopenTask", printing, "TASK_CLOSED", "taskId", show=SHOW)
    assert "“Prepare”" in shown["userErrors"][0]["message"]
    await world.change("reopenTask", prepare)
    assert await world.task("Print", "status") == {"status": "CANCELLED"}
    await world.change("reopenTask", printing)
    await world.refused("completeTask", prepare, "SUBTASKS_OPEN", "taskId")


async def test_a_part_is_not_reopened_under_a_parent_that_is_completed_meanwhile(world: World) -> None:
    """Of reopening the part and completing the parent at once, one is refused."""
    for at in range(10):
        parent = {"taskId": await task(world, f"Prepare {at}")}
        part = {"taskId": await task(world, f"Print {at}", parentId=parent["taskId"])}
        await world.change("completeTask", part)
        bodies = await asyncio.gather(world.attempt("completeTask", parent), world.attempt("reopenTask", part))
        codes = [error["code"] for body in bodies for error in body["data"]["result"]["userErrors"]]
        assert codes in (["SUBTASKS_OPEN"], ["TASK_CLOSED"])


async def test_not_on_a_lead_that_was_converted_since(world: World) -> None:
    """The opportunity has the open tasks now; the refusal returns the task."""
    await world.change("createPipeline", {"name": "Deals", "type": "OPPORTUNITY", "stages": [{"name": "A"}]})
    call = {"taskId": await task(world, "Call", leadId=world["Bob"])}
    await world.change("completeTask", call)
    await world.change("qualifyLead", {"leadId": world["Bob"]})
    await world.change("convertLead", {"leadId": world["Bob"]})
    assert (await world.refused("reopenTask", call, "LEAD_CONVERTED", "taskId", show=SHOW))["task"]["title"] == "Call"


async def test_of_twenty_at_once_one_reopens_it(world: World) -> None:
    """One call reopens the task; the others are refused because it is open."""
    call = {"taskId": await task(world, "Call")}
    await world.change("completeTask", call)
    bodies = await asyncio.gather(*(world.attempt("reopenTask", call) for _ in range(20)))
    codes = [[error["code"] for error in body["data"]["result"]["userErrors"]] for body in bodies]
    assert sorted(codes) == [[]] + [["TASK_OPEN"]] * 19
    await expect_consistent(world.database)
