"""updateTask: omitted fields stay, null empties, the deadline follows, and the event holds each field before and
after."""

import asyncio
import json
from typing import Any

import pytest

from models.rules.ids import parse_id
from tests.support.consistency import expect_consistent
from tests.support.recipes import task
from tests.support.world import MIA, RITA, World

SHOW = """task {
    title notes priority dueAt dueOn deadline remindAt recurrence assignee { id } lead { title }
    contact { id } customer { id } parent { title } version
}"""


async def test_changes_what_is_given_and_records_it(world: World) -> None:
    """One version and one event, which belongs to the task's new lead; its old lead gets an event that the task has
    left."""
    await task(world, "Prepare")
    given = {
        "taskId": await task(world, "Call", leadId=world["Ada"], dueAt="2031-04-01T09:00:00Z"),
        "title": " Call  again ",
        "notes": "Ask",
        "priority": "HIGH",
        "dueOn": "2031-05-01",
        "remindAt": "2031-05-01T07:00:00Z",
        "assigneeId": world["mia"],
        "leadId": world["Bob"],
        "contactId": world["contact of mia"],
        "customerId": world["Acme"],
        "parentId": world["Prepare"],
        "expectedVersion": 1,
    }
    head = await world.head()
    made = await world.change("updateTask", given, SHOW)
    assert made["task"] == {
        "title": "Call again",
        "notes": "Ask",
        "priority": "HIGH",
        "dueAt": None,
        "dueOn": "2031-05-01",
        "deadline": "2031-05-02T00:00:00+00:00",
        "remindAt": "2031-05-01T07:00:00+00:00",
        "recurrence": None,
        "assignee": {"id": world["mia"]},
        "lead": {"title": "Bob"},
        "contact": {"id": world["contact of mia"]},
        "customer": {"id": world["Acme"]},
        "parent": {"title": "Prepare"},
        "version": 2,
    }
    left, event = await world.events(head)
    assert [(one["type"], one["mutation"]) for one in (left, event)] == [("task.updated", "update_task")] * 2
    assert [one["lead_id"] for one in (left, event)] == [parse_id("lead", world[name]) for name in ("Ada", "Bob")]
    assert json.loads(left["data"])["changes"] == {"leadId": [world["Ada"], world["Bob"]]}
    assert json.loads(event["data"])["changes"] == {
        "title": ["Call", "Call again"],
        "notes": [None, "Ask"],
        "priority": ["NORMAL", "HIGH"],
        "dueAt": ["2031-04-01T09:00:00+00:00", None],
        "dueOn": [None, "2031-05-01"],
        "remindAt": [None, "2031-05-01T07:00:00+00:00"],
        "assigneeId": [world["tester"], world["mia"]],
        "leadId": [world["Ada"], world["Bob"]],
        "contactId": [None, world["contact of mia"]],
        "customerId": [None, world["Acme"]],
        "parentId": [None, world["Prepare"]],
    }
    await expect_consistent(world.database)


async def test_a_lead_records_that_a_task_has_left(world: World) -> None:
    """The old lead's timeline has the event, whether the task moved to another lead or to none; joining is one
    event."""
    await task(world, "Call", leadId=world["Ada"])
    for name, to in (("Ada", "Bob"), ("Bob", None)):
        await world.change("updateTask", {"taskId": world["Call"], "leadId": to and world[to]})
        found = await world.lead(name, "timeline(first: 1) { nodes { type changes { field before after } } }")
        changes = [{"field": "leadId", "before": world[name], "after": to and world[to]}]
        assert found["timeline"]["nodes"] == [{"type": "TASK_UPDATED", "changes": changes}]
    head = await world.head()
    await world.change("updateTask", {"taskId": world["Call"], "leadId": world["Ada"]})
    assert [event["lead_id"] for event in await world.events(head)] == [parse_id("lead", world["Ada"])]
    await expect_consistent(world.database)


async def test_left_out_stays_and_null_empties(world: World) -> None:
    """Each optional field can be emptied, and only that one is."""
    await task(world, "Prepare")
    full = {
        "notes": "Ask",
        "dueOn": "2031-05-01",
        "remindAt": "2031-05-01T07:00:00+00:00",
        "assigneeId": world["rita"],
        "leadId": world["Bob"],
        "contactId": world["contact of mia"],
        "customerId": world["Acme"],
    }
    links = {"assigneeId", "leadId", "contactId", "customerId"}
    show = f"task {{ notes dueOn remindAt {' '.join(f'{name[:-2]} {{ id }}' for name in sorted(links))} }}"
    shown = {name.removesuffix("Id"): {"id": value} if name in links else value for name, value in full.items()}
    await task(world, "Call")
    for name in full:
        await world.change("updateTask", {"taskId": world["Call"], **full})
        made = await world.change("updateTask", {"taskId": world["Call"], name: None}, show)
        assert made["task"] == {**shown, name.removesuffix("Id"): None}
    await expect_consistent(world.database)


async def test_what_changes_nothing_leaves_no_trace(world: World) -> None:
    """The same values, however they are written, or none at all, leave version and log as they are."""
    await task(world, "Call", dueAt="2031-05-01T09:00:00Z", recurrence="FREQ=DAILY", leadId=world["Bob"])
    head = await world.head()
    same = {
        "title": " Call",
        "notes": " ",
        "priority": "NORMAL",
        "dueAt": "2031-05-01T11:00:00+02:00",
        "recurrence": "RRULE:INTERVAL=1;FREQ=DAILY",
        "leadId": world["Bob"],
        "assigneeId": world["rita"],
    }
    for given in ({}, same, {"parentId": None, "remindAt": None}):
        made = await world.change("updateTask", {"taskId": world["Call"], **given}, SHOW)
        assert made["task"]["version"] == 1
    assert await world.head() == head


async def test_an_instant_and_a_day_replace_each_other(world: World) -> None:
    """Sending one replaces the other; null for the one that is set leaves none."""
    call = {"taskId": await task(world, "Call", dueAt="2031-05-01T09:00:00Z")}
    july = "2031-07-01T00:00:00+00:00"
    for given, due_at, due_on, deadline in (
        ({"dueOn": "2031-06-01"}, None, "2031-06-01", "2031-06-02T00:00:00+00:00"),
        ({"dueAt": None}, None, "2031-06-01", "2031-06-02T00:00:00+00:00"),
        ({"dueAt": july, "dueOn": None}, july, None, july),
        ({"dueAt": None}, None, None, None),
    ):
        made = (await world.change("updateTask", {**call, **given}, SHOW))["task"]
        assert (made["dueAt"], made["dueOn"], made["deadline"]) == (due_at, due_on, deadline)
    await expect_consistent(world.database)


async def test_the_deadline_moves_with_the_assignee(world: World) -> None:
    """A day ends in the assignee's time zone."""
    await world.sql("UPDATE member SET time_zone = 'Asia/Tokyo' WHERE subject = 'rita'")
    call = {"taskId": await task(world, "Call", dueOn="2031-05-01")}
    for assignee_id, deadline in (
        (world["rita"], "2031-05-01T15:00:00+00:00"),
        (world["mia"], "2031-05-02T00:00:00+00:00"),
        (world["rita"], "2031-05-01T15:00:00+00:00"),
        (None, "2031-05-02T00:00:00+00:00"),
    ):
        made = await world.change("updateTask", {**call, "assigneeId": assignee_id}, SHOW)
        assert made["task"]["deadline"] == deadline
        await expect_consistent(world.database)


@pytest.mark.parametrize(
    ("given", "code", "path"),
    [
        ({"title": None}, "INVALID", "title"),
        ({"priority": None}, "INVALID", "priority"),
        ({"title": "Ring", "dueOn": None}, "INVALID", "dueOn"),
        ({"title": "Ring", "recurrence": "FREQ=MONTHLY;BYMONTH=2;BYMONTHDAY=30"}, "INVALID", "recurrence"),
        ({"dueAt": "2031-05-01T09:00:00Z", "dueOn": "2031-05-01"}, "INVALID", "dueOn"),
        ({"title": "Ring", "expectedVersion": 2}, "CONFLICT", "expectedVersion"),
    ],
    ids=lambda value: str(value)[:60],
)
async def test_refusals(world: World, given: dict[str, Any], code: str, path: str) -> None:
    """Each refusal has its code, at the field to correct, and nothing changes."""
    await task(world, "Call", dueOn="2031-05-01", recurrence="FREQ=DAILY")
    await world.refused("updateTask", {"taskId": world["Call"], **given}, code, path)


async def test_a_conflict_shows_the_task_as_it_is(world: World) -> None:
    """The conflict returns the task, so that the caller can decide again."""
    stale = {"taskId": await task(world, "Call"), "title": "Ring", "expectedVersion": 4}
    shown = await world.refused("updateTask", stale, "CONFLICT", "expectedVersion", show=SHOW)
    assert (shown["task"]["title"], shown["task"]["version"]) == ("Call", 1)


async def test_assignees(world: World) -> None:
    """A rep takes unassigned tasks, gives up her own and assigns to the lead's owner; a manager does the rest."""
    call = {"taskId": await task(world, "Call", leadId=world["Ada"], assigneeId=None)}
    give = {name: {**call, "assigneeId": world[name]} for name in ("rita", "mia", "ian")}
    await world.refused("updateTask", give["ian"], "OWNER_INACTIVE", "assigneeId")
    await world.refused("updateTask", give["mia"], "FORBIDDEN", "assigneeId", **RITA)
    await world.change("updateTask", give["rita"], **RITA)
    await world.refused("updateTask", give["mia"], "FORBIDDEN", "assigneeId", **RITA)
    await world.change("updateLead", {"leadId": world["Ada"], "ownerId": world["mia"]})
    await world.change("updateTask", give["mia"], **RITA)
    for given in (give["rita"], {**call, "assigneeId": None}):
        await world.refused("updateTask", given, "FORBIDDEN", "assigneeId", **RITA)
    made = await world.change("updateTask", {**give["mia"], "title": "Ring"}, SHOW, **RITA)
    assert made["task"]["title"] == "Ring"
    await world.change("updateTask", give["rita"], **MIA)


async def test_two_steps_give_no_task_that_one_could_not(world: World) -> None:
    """A rep cannot give a task to a lead's owner and then move it: what the update leaves must be allowed by itself."""
    for name in ("Ada", "Dan"):
        await world.change("updateLead", {"leadId": world[name], "ownerId": world["mia"]})
    given = {"title": "Call", "leadId": world["Ada"], "assigneeId": world["mia"]}
    call = {"taskId": (await world.change("createTask", given, "task { id }", **RITA))["task"]["id"]}
    refused = "Only a manager can move another member's task to a lead that this member does not own. Ask a manager."
    for lead_id in (None, world["Bob"], world["Cleo"]):
        payload = await world.refused("updateTask", {**call, "leadId": lead_id}, "FORBIDDEN", "leadId", **RITA)
        assert payload["userErrors"][0]["message"] == refused
        both = {**call, "leadId": lead_id, "assigneeId": world["tester"]}
        await world.refused("updateTask", both, "FORBIDDEN", "assigneeId", **RITA)
    for given in ({"leadId": world["Dan"]}, {"leadId": world["Dan"], "assigneeId": world["mia"], "title": "Ring"}):
        made = await world.change("updateTask", {**call, **given}, SHOW, **RITA)
        assert (made["task"]["lead"], made["task"]["assignee"]) == ({"title": "Dan"}, {"id": world["mia"]})
    await world.change("updateTask", {**call, "leadId": None}, **MIA)
    own = {"taskId": await task(world, "Write", leadId=world["Ada"], assigneeId=world["rita"])}
    for lead_id in (world["Cleo"], None):
        await world.change("updateTask", {**own, "leadId": lead_id}, **RITA)
    await expect_consistent(world.database)


async def test_an_assignee_who_has_left_may_stay(world: World) -> None:
    """The other fields can still be changed, so that a form can be sent back as it was."""
    call = {"taskId": await task(world, "Call", assigneeId=world["rita"])}
    await world.sql("UPDATE member SET active = false WHERE subject = 'rita'")
    made = await world.change("updateTask", {**call, "assigneeId": world["rita"], "dueOn": "2031-05-01"}, SHOW)
    assert made["task"]["dueOn"] == "2031-05-01"


async def test_a_parent_may_be_chosen_later(world: World) -> None:
    """The parent is an open top-level task that neither waits for the task nor repeats; null removes the parent."""
    for name in ("Prepare", "Print", "Send"):
        await task(world, name)
    prepare, send = {"taskId": world["Prepare"]}, {"taskId": world["Send"]}
    made = await world.change("updateTask", {"taskId": world["Print"], "parentId": world["Prepare"]}, SHOW)
    assert made["task"]["parent"] == {"title": "Prepare"}
    for given in (
        {**send, "parentId": world["Print"]},
        {**prepare, "parentId": world["Send"]},
        {**send, "parentId": world["Send"]},
    ):
        await world.refused("updateTask", given, "SUBTASKS_TOO_DEEP", "parentId")
    await world.change("updateTask", {"taskId": world["Print"], "parentId": None})
    await world.change("updateTask", {**prepare, "parentId": world["Send"]})
    await world.change("updateTask", {**prepare, "parentId": None, "dueOn": "2031-05-01", "recurrence": "FREQ=DAILY"})
    await world.refused("updateTask", {**prepare, "parentId": world["Send"]}, "INVALID", "parentId")
    await world.change("completeTask", send)
    await world.refused("updateTask", {"taskId": world["Print"], "parentId": send["taskId"]}, "TASK_CLOSED", "parentId")
    await expect_consistent(world.database)


async def test_two_cannot_become_parts_of_each_other(world: World) -> None:
    """Of two changes at once that would close the circle, one is refused."""
    for round_ in range(5):
        one, two = await task(world, f"One {round_}"), await task(world, f"Two {round_}")
        bodies = await asyncio.gather(
            world.attempt("updateTask", {"taskId": one, "parentId": two}),
            world.attempt("updateTask", {"taskId": two, "parentId": one}),
        )
        codes = [error["code"] for body in bodies for error in body["data"]["result"]["userErrors"]]
        assert codes == ["SUBTASKS_TOO_DEEP"]
    await expect_consistent(world.database)


async def test_a_task_does_not_go_to_a_converted_lead(world: World) -> None:
    """A task that closed before the conversion stays there, and its notes can still be changed."""
    await world.change("createPipeline", {"name": "Deals", "type": "OPPORTUNITY", "stages": [{"name": "A"}]})
    await world.change("completeTask", {"taskId": await task(world, "Call", leadId=world["Bob"])})
    await world.change("qualifyLead", {"leadId": world["Bob"]})
    await world.change("convertLead", {"leadId": world["Bob"]})
    moved = {"taskId": await task(world, "Write"), "leadId": world["Bob"]}
    await world.refused("updateTask", moved, "LEAD_CONVERTED", "leadId")
    made = await world.change(
        "updateTask", {"taskId": world["Call"], "leadId": world["Bob"], "notes": "Went well"}, SHOW
    )
    assert (made["task"]["notes"], made["task"]["lead"]) == ("Went well", {"title": "Bob"})


async def test_one_of_twenty_with_the_same_version_wins(world: World) -> None:
    """With a version one update wins; without a version all are made, one after the other."""
    call = {"taskId": await task(world, "Call")}
    bodies = await asyncio.gather(
        *(world.attempt("updateTask", {**call, "title": str(at), "expectedVersion": 1}) for at in range(20))
    )
    codes = [[error["code"] for error in body["data"]["result"]["userErrors"]] for body in bodies]
    assert sorted(codes) == [[]] + [["CONFLICT"]] * 19
    await asyncio.gather(*(world.change("updateTask", {**call, "title": f"Call {at}"}) for at in range(20)))
    assert await world.task("Call", "version") == {"version": 22}
    await expect_consistent(world.database)
