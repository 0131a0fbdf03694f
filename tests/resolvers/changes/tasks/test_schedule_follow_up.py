"""scheduleFollowUp: the next step of a lead, due at an instant or all day, for the member who works on it."""

import asyncio
from typing import Any

import pytest

from tests.support.consistency import expect_consistent
from tests.support.world import MIA, RITA, World

SHOW = (
    "task { title notes status priority dueAt dueOn overdue version assignee { id } lead { title } }"
    " lead { title nextTask { title } version }"
)


async def test_makes_an_open_task_on_the_lead(world: World) -> None:
    """All fields are stored as given, the lead itself does not change, and one event records it."""
    head = await world.head()
    given = {"leadId": world["Ada"], "dueAt": "2031-05-01T09:00:00+02:00", "title": " Call  back ", "notes": "Ask"}
    made = await world.change("scheduleFollowUp", {**given, "priority": "HIGH"}, SHOW, **RITA)
    assert made["task"] == {
        "title": "Call back",
        "notes": "Ask",
        "status": "OPEN",
        "priority": "HIGH",
        "dueAt": "2031-05-01T07:00:00+00:00",
        "dueOn": None,
        "overdue": False,
        "version": 1,
        "assignee": {"id": world["rita"]},
        "lead": {"title": "Ada"},
    }
    assert made["lead"] == {"title": "Ada", "nextTask": {"title": "Call back"}, "version": 1}
    events = await world.events(head)
    assert [(event["type"], event["mutation"]) for event in events] == [("task.scheduled", "schedule_follow_up")]
    await expect_consistent(world.database)


async def test_all_day_on_a_date_by_a_rule(world: World) -> None:
    """A date alone makes it all day, for the lead's owner, with the given title or a default one."""
    given = {"leadId": world["Bob"], "dueOn": "2031-05-01", "recurrence": "FREQ=WEEKLY", "title": None}
    made = await world.change("scheduleFollowUp", given, f"{SHOW} task {{ recurrence }}", **MIA)
    task = made["task"]
    assert (task["title"], task["dueAt"], task["dueOn"], task["recurrence"], task["assignee"]) == (
        "Follow up",
        None,
        "2031-05-01",
        "FREQ=WEEKLY",
        {"id": world["rita"]},
    )
    await expect_consistent(world.database)


@pytest.mark.parametrize(
    ("given", "code", "path"),
    [
        ({}, "INVALID", "dueAt"),
        ({"dueAt": None, "dueOn": None}, "INVALID", "dueAt"),
        ({"dueAt": "2031-05-01T09:00:00Z", "dueOn": "2031-05-01"}, "INVALID", "dueOn"),
        ({"dueOn": "2031-05-01", "title": " "}, "INVALID", "title"),
        ({"dueOn": "2031-05-01", "recurrence": "daily"}, "INVALID", "recurrence"),
        ({"dueOn": "2031-05-01", "assigneeId": "mia"}, "FORBIDDEN", "assigneeId"),
        ({"dueOn": "2031-05-01", "assigneeId": "ian"}, "FORBIDDEN", "assigneeId"),
    ],
    ids=str,
)
async def test_refusals(world: World, given: dict[str, Any], code: str, path: str) -> None:
    """For a rep, each refusal has its code and its field, and nothing is planned."""
    given = {**given, "leadId": world["Ada"]}
    if "assigneeId" in given:
        given["assigneeId"] = world[given["assigneeId"]]
    await world.refused("scheduleFollowUp", given, code, path, **RITA)


async def test_a_converted_lead_is_followed_up_on_its_opportunity(world: World) -> None:
    """The refusal returns the lead, which leads an app to its opportunity; the opportunity takes the task."""
    await world.change("createPipeline", {"name": "Deals", "type": "OPPORTUNITY", "stages": [{"name": "A"}]})
    await world.change("qualifyLead", {"leadId": world["Bob"]})
    made = await world.change("convertLead", {"leadId": world["Bob"]}, "opportunity { id }")
    given = {"leadId": world["Bob"], "dueOn": "2031-05-01"}
    shown = await world.refused("scheduleFollowUp", given, "LEAD_CONVERTED", "leadId", show=SHOW)
    assert shown["lead"]["title"] == "Bob"
    opportunity = {**given, "leadId": made["opportunity"]["id"]}
    planned = await world.change("scheduleFollowUp", opportunity, SHOW)
    assert planned["lead"]["nextTask"] == {"title": "Follow up"}


async def test_planned_while_the_lead_is_converted_it_is_not_left_behind(world: World) -> None:
    """The task is carried over or refused: no open task stays on a converted lead."""
    await world.change("createPipeline", {"name": "Deals", "type": "OPPORTUNITY", "stages": [{"name": "A"}]})
    for name in ("Ada", "Bob", "Cleo"):
        await world.change("qualifyLead", {"leadId": world[name]})
        bodies = await asyncio.gather(
            world.attempt("convertLead", {"leadId": world[name]}),
            *(world.attempt("scheduleFollowUp", {"leadId": world[name], "dueOn": "2031-05-01"}) for _ in range(10)),
        )
        codes = {error["code"] for body in bodies for error in body["data"]["result"]["userErrors"]}
        assert codes <= {"LEAD_CONVERTED"}
        left = await world.lead(name, "convertedAt tasks(filter: {status: OPEN}) { totalCount }")
        assert (left["convertedAt"] is not None, left["tasks"]["totalCount"]) == (True, 0)
    await expect_consistent(world.database)
