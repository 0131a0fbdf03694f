"""Repeating tasks: completing one creates the next, in its assignee's time zone, until the rule ends."""

import asyncio
import json
from typing import Any

from models.rules.ids import parse_id
from tests.support.consistency import expect_consistent
from tests.support.recipes import task
from tests.support.world import MIA, RITA, World

SHOW = """
task { recurrence }
nextOccurrence {
    id title notes status priority dueAt dueOn deadline remindAt recurrence assignee { id } lead { title }
    contact { id } customer { id } creator { id } version
}
"""


async def complete(world: World, task_id: str, **who: Any) -> Any:
    """Complete a task; returns the next occurrence or None."""
    made = await world.change("completeTask", {"taskId": task_id}, SHOW, **who)
    assert made["task"]["recurrence"] is None
    return made["nextOccurrence"]


async def test_the_next_is_like_the_one_before(world: World) -> None:
    """The next task has the same subject, assignee and creator, and is recorded as scheduled, with the task it
    repeats."""
    links = {"leadId": world["Bob"], "contactId": world["contact of mia"], "customerId": world["Acme"]}
    given = {"notes": "Ask", "priority": "HIGH", "assigneeId": world["rita"], "remindAt": "2031-05-01T07:00:00Z"}
    await task(world, "Call", **links, **given, dueOn="2031-05-01", recurrence="FREQ=WEEKLY;COUNT=3")
    head = await world.head()
    following = await complete(world, world["Call"], **MIA)
    assert following == {
        "id": following["id"],
        "title": "Call",
        "notes": "Ask",
        "status": "OPEN",
        "priority": "HIGH",
        "dueAt": None,
        "dueOn": "2031-05-08",
        "deadline": "2031-05-09T00:00:00+00:00",
        "remindAt": "2031-05-08T07:00:00+00:00",
        "recurrence": "FREQ=WEEKLY;COUNT=2",
        "assignee": {"id": world["rita"]},
        "lead": {"title": "Bob"},
        "contact": {"id": world["contact of mia"]},
        "customer": {"id": world["Acme"]},
        "creator": {"id": world["tester"]},
        "version": 1,
    }
    completed, scheduled = await world.events(head)
    assert json.loads(completed["data"])["changes"]["recurrence"] == ["FREQ=WEEKLY;COUNT=3", None]
    assert (scheduled["type"], scheduled["record_id"]) == ("task.scheduled", parse_id("task", following["id"]))
    recorded = json.loads(scheduled["data"])
    assert (recorded["repeats"], recorded["dueOn"], recorded["title"]) == (world["Call"], "2031-05-08", "Call")
    await expect_consistent(world.database)


async def test_until_its_rule_ends(world: World) -> None:
    """COUNT and UNTIL include the first and the last; afterwards nothing follows."""
    for rule, days in (
        ("FREQ=DAILY;COUNT=3", ["2031-05-02", "2031-05-03"]),
        ("FREQ=WEEKLY;UNTIL=20310515;BYDAY=TH", ["2031-05-08", "2031-05-15"]),
        ("FREQ=MONTHLY;BYMONTHDAY=-1;COUNT=4", ["2031-05-31", "2031-06-30", "2031-07-31"]),
        ("FREQ=DAILY;COUNT=1", []),
    ):
        task_id, found = await task(world, rule, dueOn="2031-05-01", recurrence=rule), []
        while (following := await complete(world, task_id)) is not None:
            found.append(following["dueOn"])
            task_id = following["id"]
        assert found == days
    await expect_consistent(world.database)


async def test_nine_stays_nine_where_the_assignee_lives(world: World) -> None:
    """Clocks change in Berlin on 30 March 2031; it does not matter who completes a task; unassigned tasks use the
    organisation's zone."""
    await world.sql("UPDATE organisation SET time_zone = 'America/New_York'")
    await world.sql("UPDATE member SET time_zone = 'Europe/Berlin' WHERE subject = 'rita'")
    daily = {"dueAt": "2031-03-29T08:00:00Z", "recurrence": "FREQ=DAILY"}
    for assignee_id, expected in ((world["rita"], "2031-03-30T07:00:00+00:00"), (None, "2031-03-30T08:00:00+00:00")):
        following = await complete(world, await task(world, "Call", assigneeId=assignee_id, **daily), **MIA)
        assert (following["dueAt"], following["deadline"]) == (expected, expected)
    weekly = {"dueOn": "2031-03-24", "recurrence": "FREQ=WEEKLY", "assigneeId": world["rita"]}
    following = await complete(world, await task(world, "Write", **weekly), **RITA)
    assert (following["dueOn"], following["deadline"]) == ("2031-03-31", "2031-03-31T22:00:00+00:00")
    await expect_consistent(world.database)


async def test_is_nobodys_when_its_assignee_has_left(world: World) -> None:
    """A task whose assignee is deactivated recurs unassigned, in the organisation's time zone."""
    await world.sql("UPDATE member SET time_zone = 'Asia/Tokyo' WHERE subject = 'rita'")
    await task(world, "Call", dueOn="2031-05-01", recurrence="FREQ=DAILY", assigneeId=world["rita"])
    await world.sql("UPDATE member SET active = false WHERE subject = 'rita'")
    following = await complete(world, world["Call"])
    assert (following["assignee"], following["deadline"]) == (None, "2031-05-03T00:00:00+00:00")
    await expect_consistent(world.database)


async def test_what_was_late_does_not_come_again_in_the_past(world: World) -> None:
    """The next of a task on every leap day since 2020 is in the future."""
    await task(world, "Count the stock", dueOn="2020-02-29", recurrence="FREQ=YEARLY")
    following = await complete(world, world["Count the stock"])
    assert following["dueOn"][4:] == "-02-29"
    assert following["dueOn"] > "2026"


async def test_a_rule_can_be_given_changed_and_taken_away(world: World) -> None:
    """The next one follows the rule as it is at the completion."""
    call = {"taskId": await task(world, "Call", dueOn="2031-05-01")}
    await world.change("updateTask", {**call, "recurrence": "FREQ=DAILY"})
    await world.change("updateTask", {**call, "recurrence": "FREQ=WEEKLY;BYDAY=TU"})
    following = await complete(world, world["Call"])
    assert following["dueOn"] == "2031-05-06"
    await world.change("updateTask", {"taskId": following["id"], "recurrence": None})
    assert await complete(world, following["id"]) is None


async def test_a_parent_repeats_without_its_parts(world: World) -> None:
    """The parts belong to the completed task."""
    await task(world, "Report", dueOn="2031-05-01", recurrence="FREQ=MONTHLY")
    await world.change("completeTask", {"taskId": await task(world, "Collect", parentId=world["Report"])})
    following = await complete(world, world["Report"])
    world.ids["Next"] = following["id"]
    assert await world.task("Next", "subtasks { title } parent { title }") == {"subtasks": [], "parent": None}


async def test_a_chain_goes_on_once_however_many_complete_it(world: World) -> None:
    """Three rounds of twenty at once give three completions and three occurrences, a day apart."""
    task_id = await task(world, "Call", dueOn="2031-05-01", recurrence="FREQ=DAILY")
    for day in ("2031-05-02", "2031-05-03", "2031-05-04"):
        bodies = await asyncio.gather(
            *(world.attempt("completeTask", {"taskId": task_id}, SHOW) for _ in range(10)),
            *(
                world.attempt("completeTasks", {"taskIds": [task_id]}, "nextOccurrences { id dueOn }")
                for _ in range(10)
            ),
        )
        payloads = [body["data"]["result"] for body in bodies]
        found = [payload["nextOccurrence"] for payload in payloads[:10] if payload["nextOccurrence"]]
        found += [following for payload in payloads[10:] for following in payload["nextOccurrences"]]
        assert [following["dueOn"] for following in found] == [day]
        task_id = found[0]["id"]
    assert await world.database.pool.fetchval("SELECT count(*) FROM task") == 4
    await expect_consistent(world.database)
