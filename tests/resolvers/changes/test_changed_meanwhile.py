"""A change locks what it reads: if another change has the lock, it waits, and then sees that change's result."""

import asyncio
from itertools import pairwise
from typing import Any

import orjson
import pytest

from engine.change import transaction as change
from models import organisation_id
from resolvers.changes.ownership import pools as pool_changes
from tests.support.consistency import expect_consistent
from tests.support.mutations import codes, mutation_of, shown
from tests.support.recipes import RECIPES, task
from tests.support.world import World

Step = tuple[str, dict[str, Any]]
"""A mutation and its input."""

WAITING = "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'"


async def one_into_the_other(world: World, *steps: Step) -> list[set[str]]:
    """The codes of changes that each begin when those before have done everything but commit: they wait for the log,
    which is locked, and each waits for those before."""
    database, doing = world.database, []
    async with database.acquire() as log, log.transaction(), asyncio.timeout(20):
        await log.execute("SELECT FROM event_log WHERE org_id = $1 FOR UPDATE", organisation_id(world.organisation))
        for count, (name, given) in enumerate(steps, 1):
            attempt = world.attempt(mutation_of(name), given, shown(name))
            doing.append(asyncio.create_task(attempt))
            while await database.pool.fetchval(WAITING) < count:
                """The change has not come to its lock yet."""
    found = [codes(body) for body in await asyncio.gather(*doing)]
    await expect_consistent(database)
    return found


@pytest.mark.parametrize(
    ("first", "name", "field", "code"),
    [
        ("deleteStage", "moveLead", "stageId", "NOT_FOUND"),
        ("deleteStage", "createLead", "stageId", "NOT_FOUND"),
        ("deleteStage", "convertLead", "stageId", "NOT_FOUND"),
        ("updateMember", "createLead", "ownerId", "OWNER_INACTIVE"),
        ("updateMember", "assignLead", "memberId", "OWNER_INACTIVE"),
        ("updateMember", "assignLeads", "memberId", "OWNER_INACTIVE"),
        ("updateMember", "reassignAll", "toMemberId", "OWNER_INACTIVE"),
        ("updateMember", "scheduleFollowUp", "assigneeId", "OWNER_INACTIVE"),
    ],
)
async def test_what_goes_meanwhile_is_not_named(world: World, first: str, name: str, field: str, code: str) -> None:
    """A stage that is being deleted, or a member who is being deactivated, is refused."""
    given = await RECIPES[name](world)
    if name == "moveLead":
        given = {"leadId": world["Ada"], "stageId": world["Offer"]}
    if name == "convertLead" and field == "stageId":
        more = {"pipelineId": world["Deals"], "name": "Second"}
        await world.change("addStage", more)
    named = {"updateMember": "memberId"}.get(first, field)
    going = {named: given[field]} | ({"active": False} if first == "updateMember" else {})
    if name == "createLead" and first == "deleteStage":
        going["moveLeadsTo"] = world["New"]
    assert await one_into_the_other(world, (first, going), (name, given)) == [set(), {code}]


@pytest.mark.parametrize("name", ["moveLead", "updateLead", "mergeLeads", "deleteLead"])
async def test_leads_are_counted_by_the_odds_of_their_stage(world: World, name: str) -> None:
    """The totals use the probability that the stage has when the lead is written."""
    odds = {"stageId": world["New"], "probability": 90}
    given = await RECIPES[name](world)
    assert await one_into_the_other(world, ("updateStage", odds), (name, given)) == [set(), set()]


async def test_tasks_do_not_come_to_wait_for_each_other(world: World) -> None:
    """Of two dependencies that would close a circle together, the second is refused, though they share no task."""
    a, b, c, d = [await task(world, name) for name in "ABCD"]
    for waiting, awaited in ((b, c), (d, a)):
        await world.change("addTaskDependency", {"taskId": waiting, "blockedById": awaited})
    steps = [("addTaskDependency", {"taskId": a, "blockedById": b}),
             ("addTaskDependency", {"taskId": c, "blockedById": d})]  # fmt: skip
    assert await one_into_the_other(world, *steps) == [set(), {"DEPENDENCY_CYCLE"}]


async def test_what_was_given_meanwhile_is_not_routed(world: World) -> None:
    """A lead that was assigned by hand keeps its owner."""
    rules = [{"name": "All", "memberId": world["rita"]}]
    await world.change("setRoutingRules", {"pipelineId": world["Sales"], "rules": rules})
    by_hand = ("assignLead", {"leadId": world["Ada"], "memberId": world["mia"]})
    route = ("routeUnassigned", {"pipelineId": world["Sales"]})
    assert await one_into_the_other(world, by_hand, route) == [set(), set()]
    assert (await world.lead("Ada", "owner { id }"))["owner"]["id"] == world["mia"]
    assert (await world.lead("Cleo", "owner { id }"))["owner"]["id"] == world["rita"]


async def test_a_daily_cap_holds_for_two_pipelines_at_once(world: World) -> None:
    """Leads that a member gets in one pipeline count in the other."""
    await world.change("updateMember", {"memberId": world["rita"], "dailyCap": 1})
    given = {"stageId": world["New"], "pipelineId": world["Sales"]}
    for pipeline in ("Sales", "Renewals"):
        rules = [{"name": "All", "memberId": world["rita"]}]
        await world.change("setRoutingRules", {"pipelineId": world[pipeline], "rules": rules})
    steps = [("routeUnassigned", given), ("routeUnassigned", {"pipelineId": world["Renewals"]})]
    await one_into_the_other(world, *steps)
    owners = [(await world.lead(name, "owner { id }"))["owner"] for name in ("Cleo", "Ada", "Fay")]
    assert sum(owner is not None for owner in owners) == 1


@pytest.mark.parametrize(
    ("merge", "name"),
    [
        ("mergeContacts", "createLead"),
        ("mergeContacts", "createTask"),
        ("mergeContacts", "logActivity"),
        ("mergeCustomers", "updateLead"),
        ("mergeCustomers", "convertLead"),
        ("mergeCustomers", "createContact"),
    ],
)
async def test_what_is_merged_meanwhile_is_named_by_its_new_id(world: World, merge: str, name: str) -> None:
    """The named record has been merged by then, and its id stands for the winner."""
    given, both = await RECIPES[name](world), await RECIPES[merge](world)
    if merge == "mergeContacts":
        both = {"winnerId": world["contact of ian"], "loserId": given["contactId"]}
    assert await one_into_the_other(world, (merge, both), (name, given)) == [set(), set()]


@pytest.mark.parametrize("name", ["scheduleFollowUp", "updateTask", "reopenTask", "reassignAll"])
@pytest.mark.parametrize("moves_first", [True, False])
async def test_days_end_where_the_assignee_has_moved_to(world: World, name: str, moves_first: bool) -> None:
    """The result is the same whether the member's zone changes first or the task is assigned first."""
    day = {"dueOn": "2031-05-01", "assigneeId": world["rita"]}
    given: dict[str, Any] = {"leadId": world["Ada"], **day}
    if name == "updateTask":
        given = {"taskId": await task(world, "Call"), **day}
    elif name == "reopenTask":
        given = {"taskId": await task(world, "Call", **day)}
        await world.change("completeTask", given)
    elif name == "reassignAll":
        await task(world, "Call", **(day | {"assigneeId": world["mia"]}))
        given = {"fromMemberId": world["mia"], "toMemberId": world["rita"]}
    steps = [("updateMember", {"memberId": world["rita"], "timeZone": "Asia/Tokyo"}), (name, given)]
    assert await one_into_the_other(world, *(steps if moves_first else reversed(steps))) == [set(), set()]


@pytest.mark.parametrize(
    "meanwhile",
    [
        {"assigneeId": "mia"},
        {"assigneeId": "tester"},
        {"leadId": "Bob"},
        {"dueOn": "2031-06-01"},
        {"assigneeId": "mia", "leadId": "Bob"},
    ],
)
async def test_work_is_handed_over_as_it_is_now(world: World, meanwhile: dict[str, str]) -> None:
    """A task that was reassigned after it was found is not reassigned again."""
    await task(world, "Call", assigneeId=world["rita"], leadId=world["Ada"], dueOn="2031-05-01")
    given = {name: world.ids.get(value, value) for name, value in meanwhile.items()}
    steps = [
        ("updateTask", {"taskId": world["Call"], **given}),
        ("reassignAll", {"fromMemberId": world["rita"], "toMemberId": world["mia"]}),
    ]
    assert await one_into_the_other(world, *steps) == [set(), set()]
    keeps = world["tester"] if meanwhile.get("assigneeId") == "tester" else world["mia"]
    assert (await world.task("Call", "assignee { id }"))["assignee"]["id"] == keeps


async def test_a_task_that_comes_meanwhile_is_handed_over_or_stays(world: World) -> None:
    """The lead is locked with its task, though it was not among those found."""
    called = await task(world, "Call", assigneeId=world["mia"], leadId=world["Bob"])
    steps = [
        ("updateTask", {"taskId": called, "assigneeId": world["rita"]}),
        ("reassignAll", {"fromMemberId": world["rita"], "toMemberId": world["tester"]}),
    ]
    assert await one_into_the_other(world, *steps) == [set(), set()]


@pytest.mark.parametrize("name", ["assignLead", "moveLead"])
@pytest.mark.parametrize("merge", ["mergeContacts", "mergeCustomers"])
@pytest.mark.parametrize("merges_first", [True, False])
async def test_a_merge_reports_leads_as_they_are_now(world: World, name: str, merge: str, merges_first: bool) -> None:
    """The events of a merge hold a lead's owner and stage at that time, also for its tasks and activities."""
    made = await world.change("createCustomer", {"name": "Bolt"}, "customer { id }")
    loser = {"contactId": world["contact of rita"], "customerId": made["customer"]["id"]}
    await world.change("updateLead", {"leadId": world["Dan"], **loser})
    await task(world, "Call", leadId=world["Ada"], **loser)
    about = {"leadId": world["Bob"], "type": "CALL", "subject": "First", "contactId": loser["contactId"]}
    await world.change("logActivity", about)
    given = {"winnerId": world["contact of mia"], "loserId": loser["contactId"]}
    if merge == "mergeCustomers":
        given = {"winnerId": world["Acme"], "loserId": loser["customerId"]}
    steps: list[Step] = [(merge, given)]
    for lead in ("Dan", "Ada", "Bob"):
        more = {"memberId": world["mia"]} if name == "assignLead" else {"stageId": world["Offer"]}
        steps.insert(1 if merges_first else 0, (name, {"leadId": world[lead], **more}))
    assert await one_into_the_other(world, *steps) == [set()] * 4


async def test_leads_that_move_on_together_are_reported_with_their_owners(world: World) -> None:
    """The event of a lead that is assigned meanwhile holds the new owner."""
    await world.change("moveLead", {"leadId": world["Bob"], "stageId": world["Lost"], "lostReason": "Price"})
    assigned = ("assignLead", {"leadId": world["Bob"], "memberId": world["mia"]})
    deleted = ("deleteStage", {"stageId": world["Lost"], "moveLeadsTo": world["New"]})
    assert await one_into_the_other(world, assigned, deleted) == [set(), set()]


@pytest.mark.parametrize(
    ("noun", "name"),
    [
        ("contact", "createLead"),
        ("contact", "updateLead"),
        ("contact", "logActivity"),
        ("customer", "createContact"),
        ("customer", "createTask"),
    ],
)
async def test_what_is_archived_meanwhile_is_not_named(world: World, noun: str, name: str) -> None:
    """A contact or a customer that is being archived cannot be named anew."""
    given = await RECIPES[name](world)
    archived = ("archiveContact" if noun == "contact" else "archiveCustomer", {f"{noun}Id": given[f"{noun}Id"]})
    assert await one_into_the_other(world, archived, (name, given)) == [set(), {"ARCHIVED"}]


@pytest.mark.parametrize(
    ("rename", "name"),
    [
        ("updateContact", "createLead"),
        ("updateContact", "updateLead"),
        ("mergeContacts", "createLead"),
        ("updateCustomer", "createLead"),
        ("updateCustomer", "updateLead"),
        ("updateCustomer", "convertLead"),
        ("mergeCustomers", "updateLead"),
    ],
)
@pytest.mark.parametrize("renamed_first", [True, False])
async def test_a_lead_is_found_by_what_it_names_under_its_new_name(
    world: World, monkeypatch: pytest.MonkeyPatch, rename: str, name: str, renamed_first: bool
) -> None:
    """A contact or a customer is renamed, or filled by a merge, while a lead comes to name it: the lead has its new
    words, whichever begins first."""
    monkeypatch.setattr(change, "ATTEMPTS", 1)  # a deadlock is an error
    noun = "contact" if "Contact" in rename else "customer"
    named = {"contactId": world["contact of mia"]} if noun == "contact" else {"customerId": world["Acme"]}
    given = {**await RECIPES[name](world), **named}
    steps: list[Step] = [(rename, {**named, "name": "Renamed", "phone": "123"})]
    if rename.startswith("merge"):
        filled = {"name": "Other", "phone": "0987654"}
        made = await world.change(f"create{noun.capitalize()}", filled, f"{noun} {{ id }}")
        steps = [(rename, {"winnerId": named[f"{noun}Id"], "loserId": made[noun]["id"]})]
    steps.insert(1 if renamed_first else 0, (name, given))
    assert await one_into_the_other(world, *steps) == [set(), set()]


async def test_two_leads_are_converted_for_one_customer(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """Both fill it from their contacts, one after the other."""
    monkeypatch.setattr(change, "ATTEMPTS", 1)  # a deadlock is an error
    given = await RECIPES["convertLead"](world)
    await world.change("qualifyLead", {"leadId": world["Bob"]})
    steps: list[Step] = []
    for lead, contact in (("Ada", "contact of rita"), ("Bob", "contact of mia")):
        await world.change("updateLead", {"leadId": world[lead], "contactId": world[contact]})
        steps.append(("convertLead", {**given, "leadId": world[lead]}))
    assert await one_into_the_other(world, *steps) == [set(), set()]


async def test_a_task_is_not_done_before_what_is_reopened_meanwhile(world: World) -> None:
    """The task's blocker was completed when the caller looked, and is open again when the change runs."""
    waiting, awaited = await task(world, "Send"), await task(world, "Write")
    await world.change("addTaskDependency", {"taskId": waiting, "blockedById": awaited})
    await world.change("completeTask", {"taskId": awaited})
    steps = [("reopenTask", {"taskId": awaited}), ("completeTask", {"taskId": waiting})]
    assert await one_into_the_other(world, *steps) == [set(), {"TASK_BLOCKED"}]


async def test_a_merge_does_not_hand_over_to_who_is_leaving(world: World) -> None:
    """The lead that stays does not get the other's owner if that member is deactivated meanwhile."""
    leaves = ("updateMember", {"memberId": world["rita"], "active": False})
    merge = ("mergeLeads", {"winnerId": world["Ada"], "loserId": world["Bob"]})
    assert await one_into_the_other(world, leaves, merge) == [set(), set()]
    assert (await world.lead("Ada", "owner { id }"))["owner"] is None


async def test_rules_do_not_name_what_is_merged_meanwhile(world: World) -> None:
    """A condition that names a merged contact names the winner."""
    loser, winner = world["contact of rita"], world["contact of mia"]
    rule = {"name": "Hers", "condition": {"contactId": {"is": loser}}, "memberId": world["rita"]}
    steps = [
        ("mergeContacts", {"winnerId": winner, "loserId": loser}),
        ("setRoutingRules", {"pipelineId": world["Sales"], "rules": [rule]}),
    ]
    assert await one_into_the_other(world, *steps) == [set(), set()]
    kept = await world.database.pool.fetchval("SELECT condition::text FROM routing_rule")
    assert winner in kept
    assert loser not in kept


async def test_no_more_pools_are_made_than_there_may_be(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """The last one that fits is created once, though two are sent at once."""
    monkeypatch.setattr(pool_changes, "MOST_POOLS", 1)
    given = {"name": "Inbound", "memberIds": [world["rita"]]}
    assert await one_into_the_other(world, ("createPool", given), ("createPool", given)) == [set(), {"INVALID"}]


@pytest.mark.parametrize("first", ["deletePipeline", "deleteStage"])
async def test_a_conversion_begins_in_the_pipeline_that_is_default_by_then(world: World, first: str) -> None:
    """A conversion without pipeline and stage is not refused because the default pipeline is being deleted."""
    given = {"leadId": (await RECIPES["convertLead"](world))["leadId"]}
    more = {"name": "More", "type": "OPPORTUNITY", "stages": [{"name": "Begun"}]}
    await world.change("createPipeline", more)
    await world.change("addStage", {"pipelineId": world["Deals"], "name": "Second"})
    going = {"pipelineId": world["Deals"]} if first == "deletePipeline" else {"stageId": world["Opened"]}
    assert await one_into_the_other(world, (first, going), ("convertLead", given)) == [set(), set()]


@pytest.mark.parametrize("merges_first", [True, False])
async def test_rules_are_changed_and_merged_into_in_turn(world: World, merges_first: bool) -> None:
    """Each change of rules, by hand or by a merge, has an event that begins where the one before ended."""
    loser, winner = world["contact of rita"], world["contact of mia"]
    rule = {"name": "Hers", "condition": {"contactId": {"is": loser}}, "memberId": world["rita"]}
    await world.change("setRoutingRules", {"pipelineId": world["Sales"], "rules": [rule]})
    steps: list[Step] = [
        ("mergeContacts", {"winnerId": winner, "loserId": loser}),
        ("setRoutingRules", {"pipelineId": world["Sales"], "rules": [rule, {"name": "All", "memberId": world["mia"]}]}),
    ]
    assert await one_into_the_other(world, *(steps if merges_first else reversed(steps))) == [set(), set()]
    data = [orjson.loads(event["data"]) for event in await world.events() if event["type"] == "pipeline.updated"]
    recorded = [one["changes"]["routingRules"] for one in data if "routingRules" in one["changes"]]
    assert len(recorded) == 3
    assert all(before[1] == after[0] for before, after in pairwise(recorded))
    assert loser not in str(recorded[-1][1])
    assert winner in str(recorded[-1][1])


@pytest.mark.parametrize("routed", [False, True])
async def test_who_is_given_a_lead_may_be_leaving(world: World, monkeypatch: pytest.MonkeyPatch, routed: bool) -> None:
    """A lead is assigned to a member while she is deactivated: neither waits for a lock that the other has."""
    monkeypatch.setattr(change, "ATTEMPTS", 1)  # a deadlock is an error
    held, given, caller = "pipeline", {"title": "Gil", "stageId": world["New"], "ownerId": world["rita"]}, "tester"
    if routed:
        pool = {"name": "Inbound", "memberIds": [world["rita"], world["tester"]]}
        made = await world.change("createPool", pool, "pool { id }")
        rules = [{"name": "All", "poolId": made["pool"]["id"]}]
        await world.change("setRoutingRules", {"pipelineId": world["Sales"], "rules": rules})
        await world.change("updatePipeline", {"pipelineId": world["Sales"], "routesNewLeads": True})
        held, given, caller = "pool", {"title": "Gil", "stageId": world["New"]}, "rita"
    leaves = {"memberId": world["rita"], "active": False}
    database, doing = world.database, []
    async with database.acquire() as other, other.transaction(), asyncio.timeout(20):
        await other.execute(f"SELECT FROM {held} WHERE org_id = $1 FOR UPDATE", organisation_id(world.organisation))
        for count, (name, fields, subject) in enumerate(
            (("createLead", given, caller), ("updateMember", leaves, "tester")), 1
        ):
            doing.append(asyncio.create_task(world.attempt(name, fields, subject=subject)))
            while not doing[-1].done() and await database.pool.fetchval(WAITING) < count:
                """The change has not come to its lock yet."""
    assert [codes(body) for body in await asyncio.gather(*doing)] == [set(), set()]
    await expect_consistent(database)


@pytest.mark.parametrize("deleted_first", [True, False])
async def test_a_pipeline_is_deleted_empty(world: World, deleted_first: bool) -> None:
    """A lead that enters a pipeline during its deletion finds it deleted, or keeps it from being deleted."""
    stages = [{"name": "Only"}]
    made = await world.change("createPipeline", {"name": "Empty", "stages": stages}, "pipeline { id stages { id } }")
    pipeline = made["pipeline"]
    delete = ("deletePipeline", {"pipelineId": pipeline["id"]})
    create = ("createLead", {"title": "Late", "stageId": pipeline["stages"][0]["id"]})
    if deleted_first:
        assert await one_into_the_other(world, delete, create) == [set(), {"NOT_FOUND"}]
    else:
        assert await one_into_the_other(world, create, delete) == [set(), {"PIPELINE_NOT_EMPTY"}]


@pytest.mark.parametrize("name", ["createTask", "updateTask", "scheduleFollowUp"])
async def test_tasks_wait_for_a_lead_that_moves(world: World, name: str) -> None:
    """The event of a task holds the stage that its lead has entered."""
    given = {"leadId": world["Ada"], "title": "Call", "dueOn": "2031-05-01"}
    if name == "updateTask":
        given = {"taskId": await task(world, "Call"), "leadId": world["Ada"]}
    move = ("moveLead", {"leadId": world["Ada"], "stageId": world["Talking"]})
    assert await one_into_the_other(world, move, (name, given)) == [set(), set()]
