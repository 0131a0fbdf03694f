"""createTask: on a lead, about a contact or customer, part of another task, or on its own."""

import asyncio
import json
from typing import Any

import pytest

from models.rules.ids import parse_id
from tests.support.consistency import expect_consistent
from tests.support.recipes import task
from tests.support.world import MIA, RITA, World

SHOW = """task {
    id title notes status priority dueAt dueOn deadline overdue remindAt recurrence assignee { id } lead { title }
    contact { id } customer { id } parent { id } creator { id } outcome completedAt version
}"""


async def test_keeps_everything_and_records_it(world: World) -> None:
    """One event holds all fields and belongs to the lead."""
    head = await world.head()
    given = {
        "title": " Send  the offer ",
        "notes": "With the discount\n",
        "priority": "LOW",
        "dueOn": "2031-05-01",
        "remindAt": "2031-04-30T09:00:00+02:00",
        "recurrence": "rrule:byday=mo;freq=weekly",
        "assigneeId": world["mia"],
        "leadId": world["Ada"],
        "contactId": world["contact of rita"],
        "customerId": world["Acme"],
    }
    made = (await world.change("createTask", given, SHOW))["task"]
    assert made == {
        "id": made["id"],
        "title": "Send the offer",
        "notes": "With the discount",
        "status": "OPEN",
        "priority": "LOW",
        "dueAt": None,
        "dueOn": "2031-05-01",
        "deadline": "2031-05-02T00:00:00+00:00",
        "overdue": False,
        "remindAt": "2031-04-30T07:00:00+00:00",
        "recurrence": "FREQ=WEEKLY;BYDAY=MO",
        "assignee": {"id": world["mia"]},
        "lead": {"title": "Ada"},
        "contact": {"id": world["contact of rita"]},
        "customer": {"id": world["Acme"]},
        "parent": None,
        "creator": {"id": world["tester"]},
        "outcome": None,
        "completedAt": None,
        "version": 1,
    }
    (event,) = await world.events(head)
    assert (event["type"], event["mutation"]) == ("task.scheduled", "create_task")
    assert event["record_id"] == parse_id("task", made["id"])
    assert event["lead_id"] == parse_id("lead", world["Ada"])
    recorded = json.loads(event["data"])
    assert {name: recorded[name] for name in ("title", "dueOn", "dueAt", "assigneeId", "leadId", "parentId")} == {
        "title": "Send the offer",
        "dueOn": "2031-05-01",
        "dueAt": None,
        "assigneeId": world["mia"],
        "leadId": world["Ada"],
        "parentId": None,
    }
    await expect_consistent(world.database)


async def test_a_title_is_enough(world: World) -> None:
    """The task then has normal priority, no date and no subject, and is assigned to its creator."""
    made = (await world.change("createTask", {"title": "Tidy up"}, SHOW, **RITA))["task"]
    assert (made["priority"], made["deadline"], made["lead"], made["assignee"]) == (
        "NORMAL",
        None,
        None,
        {"id": world["rita"]},
    )
    await expect_consistent(world.database)


async def test_whose_it_is_when_nobody_is_named(world: World) -> None:
    """The assignee is the lead's owner, or the caller if there is none or an inactive one; null assigns to nobody."""
    bob = {"title": "Call", "leadId": world["Bob"]}
    for given, who, expected in (
        (bob, MIA, "rita"),
        ({"title": "Call", "leadId": world["Ada"]}, MIA, "mia"),
        ({**bob, "assigneeId": None}, MIA, None),
    ):
        made = (await world.change("createTask", given, SHOW, **who))["task"]
        assert made["assignee"] == (expected and {"id": world[expected]})
    await world.sql("UPDATE member SET active = false WHERE subject = 'rita'")
    made = (await world.change("createTask", bob, SHOW, **MIA))["task"]
    assert made["assignee"] == {"id": world["mia"]}


async def test_a_rep_gives_tasks_to_herself_nobody_or_the_owner(world: World) -> None:
    """Only a manager assigns to anybody else, and nobody assigns to a deactivated member."""
    given = {"title": "Call", "leadId": world["Ada"]}
    await world.refused("createTask", {**given, "assigneeId": world["mia"]}, "FORBIDDEN", "assigneeId", **RITA)
    await world.refused("createTask", {**given, "assigneeId": world["ian"]}, "OWNER_INACTIVE", "assigneeId", **MIA)
    for assignee_id in (world["rita"], None):
        await world.change("createTask", {**given, "assigneeId": assignee_id}, **RITA)
    await world.change("updateLead", {"leadId": world["Ada"], "ownerId": world["mia"]})
    await world.change("createTask", {**given, "assigneeId": world["mia"]}, **RITA)
    await world.change("createTask", {**given, "assigneeId": world["rita"]}, **MIA)


async def test_a_day_is_over_where_the_assignee_lives(world: World) -> None:
    """The same day ends 26 hours apart; a task of nobody follows the organisation's time zone."""
    await world.sql("UPDATE organisation SET time_zone = 'America/New_York'")
    await world.sql("UPDATE member SET time_zone = 'Pacific/Kiritimati' WHERE subject = 'rita'")
    await world.sql("UPDATE member SET time_zone = 'Etc/GMT+12' WHERE subject = 'mia'")
    for assignee_id, ends in (
        (world["rita"], "2031-05-01T10:00:00+00:00"),
        (world["mia"], "2031-05-02T12:00:00+00:00"),
        (None, "2031-05-02T04:00:00+00:00"),
    ):
        given = {"title": "Call", "dueOn": "2031-05-01", "assigneeId": assignee_id}
        assert (await world.change("createTask", given, SHOW))["task"]["deadline"] == ends
    await expect_consistent(world.database)


async def test_a_subtask_is_about_the_same_as_its_parent(world: World) -> None:
    """What it is about can be set otherwise; its parent lists it among its parts."""
    links = {"leadId": world["Bob"], "contactId": world["contact of mia"], "customerId": world["Acme"]}
    await task(world, "Prepare", **links)
    made = (await world.change("createTask", {"title": "Print", "parentId": world["Prepare"]}, SHOW))["task"]
    assert (made["lead"], made["contact"], made["customer"], made["assignee"]) == (
        {"title": "Bob"},
        {"id": world["contact of mia"]},
        {"id": world["Acme"]},
        {"id": world["rita"]},
    )
    other = {"title": "Bind", "parentId": world["Prepare"], "leadId": None, "contactId": None}
    made = (await world.change("createTask", other, SHOW))["task"]
    assert (made["lead"], made["contact"], made["customer"]) == (None, None, {"id": world["Acme"]})
    assert await world.task("Prepare", "subtasks { title parent { title } }") == {
        "subtasks": [{"title": title, "parent": {"title": "Prepare"}} for title in ("Print", "Bind")]
    }
    await expect_consistent(world.database)


async def test_subtasks_go_one_level_deep(world: World) -> None:
    """A subtask has no parts of its own and does not repeat, and a closed task gets no parts."""
    await task(world, "Print", parentId=await task(world, "Prepare"))
    part = {"title": "Part", "parentId": world["Prepare"]}
    await world.refused("createTask", {**part, "parentId": world["Print"]}, "SUBTASKS_TOO_DEEP", "parentId")
    daily = {"recurrence": "FREQ=DAILY", "dueOn": "2031-05-01"}
    await world.refused("createTask", {**part, **daily}, "INVALID", "recurrence")
    await world.change("completeTask", {"taskId": world["Prepare"], "force": True})
    await world.refused("createTask", part, "TASK_CLOSED", "parentId")


async def test_a_task_has_up_to_100_parts(world: World) -> None:
    """The 101st is refused, also when many are created at once."""
    given = {"title": "Part", "parentId": await task(world, "Prepare")}
    for _ in range(6):
        await asyncio.gather(*(world.change("createTask", given) for _ in range(15)))
    bodies = await asyncio.gather(*(world.attempt("createTask", given) for _ in range(15)))
    codes = [error["code"] for body in bodies for error in body["data"]["result"]["userErrors"]]
    assert codes == ["INVALID"] * 5
    await world.refused("createTask", given, "INVALID", "parentId")


@pytest.mark.parametrize(
    ("given", "path"),
    [
        ({"title": " "}, "title"),
        ({"title": "x" * 301}, "title"),
        ({"notes": "x" * 20_001}, "notes"),
        ({"priority": None}, "priority"),
        ({"dueAt": "2031-05-01T09:00:00Z", "dueOn": "2031-05-01"}, "dueOn"),
        ({"dueOn": "1066-10-14"}, "dueOn"),
        ({"dueAt": "9999-10-14T00:00:00Z"}, "dueAt"),
        ({"remindAt": "1066-10-14T00:00:00Z"}, "remindAt"),
        ({"recurrence": "FREQ=DAILY"}, "recurrence"),
        ({"recurrence": "FREQ=HOURLY", "dueOn": "2031-05-01"}, "recurrence"),
        ({"recurrence": "FREQ=MONTHLY;BYMONTHDAY=30;BYMONTH=2", "dueOn": "2031-05-01"}, "recurrence"),
    ],
    ids=lambda value: str(value)[:60],
)
async def test_refusals(world: World, given: dict[str, Any], path: str) -> None:
    """Each refusal is at its field, and nothing is created."""
    await world.refused("createTask", {"title": "Call", **given}, "INVALID", path)


async def test_a_converted_lead_gets_no_more_tasks(world: World) -> None:
    """Tasks belong to its opportunity, and the refusal returns nothing."""
    await world.change("createPipeline", {"name": "Deals", "type": "OPPORTUNITY", "stages": [{"name": "A"}]})
    await world.change("qualifyLead", {"leadId": world["Bob"]})
    await world.change("convertLead", {"leadId": world["Bob"]})
    await world.refused("createTask", {"title": "Call", "leadId": world["Bob"]}, "LEAD_CONVERTED", "leadId")
