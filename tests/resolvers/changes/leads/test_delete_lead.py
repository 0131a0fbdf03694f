"""deleteLead: history and tasks are deleted as well; the event keeps the fields."""

import asyncio
import json

from models import Role
from models.rules.ids import parse_id, public_id
from tests.support.consistency import expect_consistent
from tests.support.world import World

SHOW = "deletedLeadId lead { title version } stage { name totals { count values { currency value } } }"


async def test_deletes_a_lead_and_what_is_its_own(world: World) -> None:
    """The totals follow, each deleted record has an event with its fields, and earlier events stay."""
    ada = {"leadId": world["Ada"]}
    task = (await world.change("createTask", {**ada, "title": "Call"}, "task { id }"))["task"]["id"]
    logged = await world.change("logActivity", {**ada, "type": "NOTE", "subject": "Nice"}, "activity { id }")
    head = await world.head()
    made = await world.change("deleteLead", {"leadId": world["Ada"]}, SHOW)
    assert made == {
        "deletedLeadId": world["Ada"],
        "lead": None,
        "stage": {"name": "New", "totals": {"count": 2, "values": [{"currency": "USD", "value": "250.50"}]}},
        "userErrors": [],
    }
    assert await world.lead("Ada", "id") is None
    left = await world.database.pool.fetchrow(
        """
        SELECT (SELECT count(*) FROM task), (SELECT count(*) FROM activity),
            (SELECT count(*) FROM stage_change WHERE lead_id = $1), (SELECT count(*) FROM event WHERE lead_id = $1)
        """,
        parse_id("lead", world["Ada"]),
    )
    assert tuple(left) == (0, 0, 1, 6)
    activity_gone, task_gone, event = await world.events(head)
    assert (activity_gone["type"], task_gone["type"]) == ("activity.deleted", "task.deleted")
    assert activity_gone["record_id"] == parse_id("activity", logged["activity"]["id"])
    assert json.loads(activity_gone["data"])["subject"] == "Nice"
    assert task_gone["record_id"] == parse_id("task", task)
    assert {"title": "Call", "status": "OPEN"}.items() <= json.loads(task_gone["data"]).items()
    assert (event["type"], event["mutation"]) == ("lead.deleted", "delete_lead")
    assert json.loads(event["data"]) == {
        "title": "Ada",
        "description": None,
        "contactId": None,
        "customerId": None,
        "ownerId": None,
        "value": "1000.00",
        "currency": "EUR",
        "probability": 50,
        "expectedCloseDate": None,
        "score": None,
        "source": None,
        "externalId": "crm-1",
    }
    await expect_consistent(world.database)


async def test_what_waited_for_its_tasks_is_recorded(world: World) -> None:
    """A task elsewhere gets a version, and an event with its blockers before and after."""
    ids = {}
    for name, lead in (("Write", "Ada"), ("Print", "Ada"), ("Send", "Bob"), ("Bind", None)):
        given = {"title": name, "leadId": lead and world[lead]}
        ids[name] = (await world.change("createTask", given, "task { id }"))["task"]["id"]
    for waiting, awaited in (("Print", "Write"), ("Send", "Print"), ("Send", "Bind"), ("Send", "Write")):
        await world.change("addTaskDependency", {"taskId": ids[waiting], "blockedById": ids[awaited]})
    head = await world.head()
    await world.change("deleteLead", {"leadId": world["Ada"]})
    *gone, deleted, released = await world.events(head)
    assert [public_id("task", event["record_id"]) for event in gone] == [ids["Write"], ids["Print"]]
    assert (deleted["type"], released["type"]) == ("lead.deleted", "task.updated")
    assert (released["record_id"], released["lead_id"]) == (
        parse_id("task", ids["Send"]),
        parse_id("lead", world["Bob"]),
    )
    before = sorted(ids[name] for name in ("Print", "Bind", "Write"))
    assert json.loads(released["data"])["changes"] == {"blockedBy": [before, [ids["Bind"]]]}
    await expect_consistent(world.database)


async def test_parts_of_its_tasks_that_are_no_steps_of_it_stay(world: World) -> None:
    """Such parts lose their parent, with an event each; what waits for them keeps waiting, and their own parts are
    deleted."""
    ids = {}
    for name, given in (
        ("Write", {"leadId": world["Ada"]}),
        ("Draft", {"parentId": "Write"}),
        ("Print", {"parentId": "Write", "leadId": world["Bob"]}),
        ("Bind", {"parentId": "Write", "leadId": None}),
        ("Send", {"leadId": world["Bob"]}),
    ):
        given = {key: ids.get(value, value) for key, value in given.items()}
        ids[name] = (await world.change("createTask", {"title": name, **given}, "task { id }"))["task"]["id"]
    await world.change("addTaskDependency", {"taskId": ids["Send"], "blockedById": ids["Print"]})
    head = await world.head()
    await world.change("deleteLead", {"leadId": world["Ada"]})
    *gone, deleted, first, second = await world.events(head)
    orphaned = [first, second]
    assert [public_id("task", event["record_id"]) for event in gone] == [ids["Write"], ids["Draft"]]
    assert deleted["type"] == "lead.deleted"
    assert [(event["type"], public_id("task", event["record_id"])) for event in orphaned] == [
        ("task.updated", id) for id in sorted((ids["Print"], ids["Bind"]))
    ]
    assert [json.loads(event["data"])["changes"] for event in orphaned] == [{"parentId": [ids["Write"], None]}] * 2
    assert {event["lead_id"] for event in orphaned} == {parse_id("lead", world["Bob"]), None}
    asked = "{ tasks(orderBy: {field: CREATED_AT, direction: ASC}) { nodes { title parent { id } version blocked } } }"
    assert (await world.ask(asked))["tasks"]["nodes"] == [
        {"title": "Print", "parent": None, "version": 2, "blocked": False},
        {"title": "Bind", "parent": None, "version": 2, "blocked": False},
        {"title": "Send", "parent": None, "version": 2, "blocked": True},
    ]
    await expect_consistent(world.database)


async def test_its_external_id_is_free_again(world: World) -> None:
    """Another lead may take the external id."""
    await world.change("deleteLead", {"leadId": world["Ada"]})
    await world.change("createLead", {"title": "A", "externalId": "crm-1"})


async def test_refuses_another_version(world: World) -> None:
    """The conflict returns the lead as it is."""
    stale = {"leadId": world["Ada"], "expectedVersion": 9}
    shown = await world.refused("deleteLead", stale, "CONFLICT", "expectedVersion", show=SHOW)
    assert shown["lead"] == {"title": "Ada", "version": 1}
    assert shown["deletedLeadId"] is None


async def test_refuses_what_was_converted_and_what_it_became(world: World) -> None:
    """Neither a converted lead nor its opportunity is deleted, because each refers to the other."""
    await world.change("createPipeline", {"name": "Deals", "type": "OPPORTUNITY", "stages": [{"name": "A"}]})
    await world.change("qualifyLead", {"leadId": world["Bob"]})
    made = await world.change("convertLead", {"leadId": world["Bob"]}, "opportunity { id }")
    for id in (world["Bob"], made["opportunity"]["id"]):
        shown = await world.refused("deleteLead", {"leadId": id}, "LEAD_CONVERTED", "leadId", show=SHOW)
        assert shown["lead"]["title"] == "Bob"


async def test_a_rep_may_not(world: World) -> None:
    """Deleting a lead requires the role manager, also for the owner."""
    body = await world.attempt("deleteLead", {"leadId": world["Bob"]}, subject="rita", role=Role.REP)
    assert [error["extensions"]["code"] for error in body["errors"]] == ["FORBIDDEN"]
    await world.change("deleteLead", {"leadId": world["Bob"]}, subject="mia", role=Role.MANAGER)


async def test_of_twenty_at_once_one_deletes(world: World) -> None:
    """The other deletions no longer find the lead, and neither do late moves and updates."""
    head = await world.head()
    ada = {"leadId": world["Ada"]}
    bodies = await asyncio.gather(
        *(world.attempt("deleteLead", ada) for _ in range(10)),
        *(world.attempt("moveLead", {**ada, "stageId": world["Offer"]}) for _ in range(5)),
        *(world.attempt("updateLead", {**ada, "score": at}) for at in range(5)),
    )
    codes = [[error["code"] for error in body["data"]["result"]["userErrors"]] for body in bodies]
    assert sorted(codes[:10]) == [[]] + [["NOT_FOUND"]] * 9
    assert {code for found in codes[10:] for code in found} <= {"NOT_FOUND"}
    assert [event["type"] for event in await world.events(head)].count("lead.deleted") == 1
    await expect_consistent(world.database)
