"""Members who are no longer active get nothing new, wherever an owner or an assignee is copied or chosen."""

import pytest

from models.rules.ids import parse_id
from tests.support.consistency import expect_consistent
from tests.support.recipes import opportunities, pool
from tests.support.world import World


@pytest.fixture
async def left(world: World) -> World:
    """Rita, who owns the qualified Ada with an open task, is deactivated; there is a pipeline for deals."""
    await opportunities(world)
    ada = {"leadId": world["Ada"]}
    await world.change("qualifyLead", ada)
    await world.change("updateLead", {**ada, "ownerId": world["rita"]})
    made = await world.change("scheduleFollowUp", {**ada, "dueOn": "2031-01-01"}, "task { id assignee { id } }")
    assert made["task"]["assignee"] == {"id": world["rita"]}
    world.ids["call"] = made["task"]["id"]
    await world.change("updateMember", {"memberId": world["rita"], "active": False})
    return world


async def test_an_opportunity_is_nobodys(left: World) -> None:
    """The opportunity has no owner, as its events say; the lead, which is closed, keeps the one it had."""
    world = left
    head = await world.head()
    made = await world.change(
        "convertLead", {"leadId": world["Ada"]}, "lead { owner { id } } opportunity { id owner { id } }"
    )
    assert made["opportunity"]["owner"] is None
    assert made["lead"]["owner"] == {"id": world["rita"]}
    rita = parse_id("member", world["rita"])
    assert [(event["type"], event["owner_id"]) for event in await world.events(head)] == [
        ("lead.converted", rita),
        ("lead.created", None),
        ("task.updated", None),
    ]
    await expect_consistent(world.database)


async def test_an_opportunity_is_routed(left: World) -> None:
    """Where the pipeline routes new leads, an opportunity whose owner has left goes to whom its rules name."""
    world = left
    await world.change("updatePipeline", {"pipelineId": world["Deals"], "routesNewLeads": True})
    rule = {"name": "All", "poolId": await pool(world, "mia")}
    await world.change("setRoutingRules", {"pipelineId": world["Deals"], "rules": [rule]})
    head = await world.head()
    made = await world.change("convertLead", {"leadId": world["Ada"]}, "opportunity { owner { id } }")
    assert made["opportunity"]["owner"] == {"id": world["mia"]}
    assert [type for type, _, _ in await world.recorded(head)] == [
        "lead.converted",
        "lead.created",
        "task.updated",
        "lead.assigned",
    ]
    await expect_consistent(world.database)


async def test_a_stage_that_requires_an_owner_refuses_it(left: World) -> None:
    """The owner who has left is none, also for what a stage requires."""
    world = left
    await world.change("updateStage", {"stageId": world["Opened"], "requiredFields": ["OWNER"]})
    await world.refused("convertLead", {"leadId": world["Ada"]}, "FIELDS_REQUIRED", "stageId")
    await world.change("assignLead", {"leadId": world["Ada"], "memberId": world["mia"]})
    made = await world.change("convertLead", {"leadId": world["Ada"]}, "opportunity { owner { id } }")
    assert made["opportunity"]["owner"] == {"id": world["mia"]}


async def test_tasks_are_for_the_caller(left: World) -> None:
    """A new task and a follow-up of a lead whose owner has left, or of a task of theirs, are the caller's."""
    world = left
    shown = "task { assignee { id } }"
    ada = {"leadId": world["Ada"]}
    made = await world.change("createTask", {**ada, "title": "Write"}, shown)
    assert made["task"]["assignee"] == {"id": world["tester"]}
    made = await world.change("scheduleFollowUp", {**ada, "dueOn": "2031-01-02"}, shown)
    assert made["task"]["assignee"] == {"id": world["tester"]}
    given = {"taskId": world["call"], "followUp": {"dueOn": "2031-01-03"}}
    made = await world.change("completeTask", given, "followUp { assignee { id } }")
    assert made["followUp"]["assignee"] == {"id": world["tester"]}
    await expect_consistent(world.database)


async def test_a_merge_takes_no_owner_who_left(left: World) -> None:
    """The lead that stays has no owner after a merge with a lead whose owner has left."""
    world = left
    made = await world.change(
        "mergeLeads", {"winnerId": world["Cleo"], "loserId": world["Ada"]}, "filledFields lead { owner { id } }"
    )
    assert made["lead"]["owner"] is None
    assert "ownerId" not in made["filledFields"]
    await expect_consistent(world.database)


FOUND = "query($f: LeadFilter) { leads(filter: $f) { nodes { title } } }"


@pytest.mark.parametrize(
    ("filter", "titles"),
    [
        ({"ownerInactive": True}, {"Ada", "Bob"}),
        ({"ownerInactive": False, "closed": False}, {"Cleo", "Dan", "Fay"}),
        ({"ownerInactive": True, "unowned": True}, set()),
    ],
)
async def test_leads_of_owners_who_left_are_found(left: World, filter: dict[str, bool], titles: set[str]) -> None:
    """A lead without an owner has none who left."""
    found = await left.ask(FOUND, {"f": filter})
    assert {lead["title"] for lead in found["leads"]["nodes"]} == titles


async def test_leads_of_owners_who_left_are_routed(left: World) -> None:
    """Only when asked, and by rules that distinguish them from leads without an owner; closed ones stay as they are."""
    world = left
    rules = [
        {"name": "Left", "memberId": world["mia"], "condition": {"ownerInactive": {"is": True}}},
        {"name": "Others", "memberId": world["tester"]},
    ]
    await world.change("setRoutingRules", {"pipelineId": world["Sales"], "rules": rules})
    await world.change("moveLead", {"leadId": world["Bob"], "stageId": world["Won"]})
    show = "routed { lead { title } owner { id } rule { name } } unrouted { reason }"
    sales = {"pipelineId": world["Sales"], "dryRun": True}
    made = await world.change("routeUnassigned", sales, show)
    assert {one["lead"]["title"]: one["rule"]["name"] for one in made["routed"]} == {"Cleo": "Others", "Dan": "Others"}
    head = await world.head()
    made = await world.change("routeUnassigned", {"pipelineId": world["Sales"], "inactiveOwners": True}, show)
    by_title = {one["lead"]["title"]: one for one in made["routed"]}
    assert {title: one["rule"]["name"] for title, one in by_title.items()} == {
        "Ada": "Left", "Cleo": "Others", "Dan": "Others",
    }  # fmt: skip
    assert by_title["Ada"]["owner"] == {"id": world["mia"]}
    (event,) = [data for _, _, data in await world.recorded(head) if data["from"] is not None]
    assert event == {"from": world["rita"], "to": world["mia"], "rule": "Left", "poolId": None}
    assert await world.lead("Bob", "owner { id }") == {"owner": {"id": world["rita"]}}
    await expect_consistent(world.database)
