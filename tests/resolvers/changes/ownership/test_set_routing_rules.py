"""setRoutingRules: who gets the leads of a pipeline that have no owner."""

import json
from typing import Any

import pytest

from tests.support.consistency import expect_consistent
from tests.support.recipes import pool
from tests.support.world import World

SHOW = (
    "pipeline { version routesNewLeads routingRules { name position condition stage { name } member { name } "
    "pool { name } } }"
)


async def test_replaces_the_whole_list(world: World) -> None:
    """The rules have the given order, with canonical conditions, and one event holds both lists."""
    pool_id = await pool(world, "rita")
    head = await world.head()
    condition = {
        "and": [{"customerName": {"equals": "Acme"}}, {"value": {"atLeast": {"amount": "5", "currency": "EUR"}}}]
    }
    rules = [
        {"name": " Big  ones ", "condition": condition, "memberId": world["mia"]},
        {"name": "New", "stageId": world["New"], "poolId": pool_id},
    ]
    given = {"pipelineId": world["Sales"], "rules": rules}
    made = (await world.change("setRoutingRules", given, SHOW))["pipeline"]
    kept = {"and": [condition["and"][0], {"value": {"atLeast": {"amount": "5.00", "currency": "EUR"}}}]}
    first = {
        "name": "Big ones",
        "position": 0,
        "condition": kept,
        "stage": None,
        "member": {"name": "mia"},
        "pool": None,
    }
    second = {"name": "New", "position": 1, "condition": None, "stage": {"name": "New"}, "member": None,
              "pool": {"name": "Inbound"}}  # fmt: skip
    assert made == {"version": 2, "routesNewLeads": False, "routingRules": [first, second]}
    (event,) = await world.events(head)
    assert (event["type"], event["mutation"]) == ("pipeline.updated", "set_routing_rules")
    before, after = json.loads(event["data"])["changes"]["routingRules"]
    assert (before, [rule["memberId"] for rule in after]) == ([], [world["mia"], None])
    again = (await world.change("setRoutingRules", given, SHOW))["pipeline"]
    assert again["version"] == 2
    back = [{**rules[0], "condition": made["routingRules"][0]["condition"]}]
    assert (await world.change("setRoutingRules", {**given, "rules": back}, SHOW))["pipeline"]["routingRules"] == [
        first
    ]
    await expect_consistent(world.database)


def rule(**given: Any) -> dict[str, Any]:
    """A valid rule, except for the given fields."""
    return {"name": "Rule", **given}


async def test_refusals_name_the_rule_and_the_field(world: World, strangers: World) -> None:
    """Each refusal has the path into the list and into the tree, and nothing changes."""
    mia = {"memberId": world["mia"]}
    deep = {"and": [{"score": {"isSet": True}}, {"not": {"title": {"contains": ""}}}]}
    theirs = {"or": [{"stageId": {"in": [world["New"], strangers["New"]]}}]}
    for wrong, code, path in (
        (rule(), "INVALID", "memberId"),
        (rule(**mia, poolId=await pool(world, "rita")), "INVALID", "memberId"),
        (rule(name=" ", **mia), "INVALID", "name"),
        (rule(memberId=world["ian"]), "OWNER_INACTIVE", "memberId"),
        (rule(memberId=strangers["mia"]), "NOT_FOUND", "memberId"),
        (rule(poolId=await pool(strangers, "mia")), "NOT_FOUND", "poolId"),
        (rule(stageId=strangers["New"], **mia), "NOT_FOUND", "stageId"),
        (rule(stageId=world["Due"], **mia), "INVALID", "stageId"),
        (rule(condition=deep, **mia), "INVALID", "condition.and.1.not.title.contains"),
        (rule(condition=theirs, **mia), "NOT_FOUND", "condition.or.0.stageId.in.1"),
        (rule(condition={"ownerId": {"is": world["Ada"]}}, **mia), "WRONG_ID", "condition.ownerId.is"),
        (rule(condition={"title": {"in": ["x" * 200] * 100}}, **mia), "INVALID", "condition"),
    ):
        given = {"pipelineId": world["Sales"], "rules": [rule(**mia), wrong]}
        await world.refused("setRoutingRules", given, code, "rules", "1", *path.split("."))
    too_many = {"pipelineId": world["Sales"], "rules": [rule(**mia)] * 101}
    await world.refused("setRoutingRules", too_many, "INVALID", "rules")


async def test_the_conditions_of_all_rules_are_counted_together(world: World) -> None:
    """A thousand groups and tests are kept, compiled beside what others do, and route a lead; one more is refused."""
    tests = [
        {"not": {"title": {"contains": "nobody"}}},
        *({"description": {"contains": f"x{nth}"}} for nth in range(97)),
    ]
    rules = [rule(memberId=world["mia"], condition={"and": tests})] * 10
    given = {"pipelineId": world["Sales"], "rules": rules}
    assert (await world.change("setRoutingRules", given, SHOW))["pipeline"]["version"] == 2
    await world.change("updatePipeline", {"pipelineId": world["Sales"], "routesNewLeads": True})
    fits = {"pipelineId": world["Sales"], "title": "Fits", "description": " ".join(f"x{nth}" for nth in range(97))}
    made = await world.change("createLead", fits, "lead { owner { name } }")
    assert made["lead"]["owner"] == {"name": "mia"}
    one_more = {**given, "rules": [*rules, rule(memberId=world["mia"], condition=tests[1])]}
    await world.refused("setRoutingRules", one_more, "INVALID", "rules")


@pytest.mark.parametrize("prefix", ["pipeline", "stage", "member", "contact", "customer"])
async def test_what_a_condition_names_must_be_there(world: World, strangers: World, prefix: str) -> None:
    """Another organisation's record is not found, whatever its type; the caller's own is stored."""
    named = {"pipeline": "Sales", "stage": "New", "member": "rita", "contact": "contact of rita", "customer": "Acme"}
    field = "ownerId" if prefix == "member" else f"{prefix}Id"
    for whose, code in ((strangers, "NOT_FOUND"), (world, None)):
        condition = {field: {"is": whose[named[prefix]]}}
        given = {"pipelineId": world["Sales"], "rules": [rule(memberId=world["mia"], condition=condition)]}
        if code:
            await world.refused("setRoutingRules", given, code, "rules", "0", "condition", field, "is")
        else:
            await world.change("setRoutingRules", given)


async def test_a_pipeline_says_whether_new_leads_are_routed(world: World) -> None:
    """The setting is given on creation or later, and the event holds it."""
    stages = [{"name": "Open"}]
    made = await world.change("createPipeline", {"name": "In", "stages": stages, "routesNewLeads": True}, SHOW)
    assert made["pipeline"]["routesNewLeads"] is True
    head = await world.head()
    given = {"pipelineId": world["Sales"], "routesNewLeads": True}
    assert (await world.change("updatePipeline", given, SHOW))["pipeline"]["routesNewLeads"] is True
    (event,) = await world.events(head)
    assert json.loads(event["data"]) == {"changes": {"routesNewLeads": [False, True]}}
    await world.refused("updatePipeline", {**given, "routesNewLeads": None}, "INVALID", "routesNewLeads")


async def test_all_faults_of_conditions_are_found_at_once(world: World, strangers: World) -> None:
    """Each with its path: those of a tree with those of its values, and every record that is not there."""
    wrong = {
        "or": [
            {"and": []},
            {"not": {"title": {"in": ["", "right", "x" * 201]}}},
            {
                "and": [
                    {"value": {"atLeast": {"amount": "1", "currency": "EURO"}}},
                    {"createdAt": {"withinLastDays": -1}},
                ]
            },
            {"ownerId": {"is": world["Ada"]}},
        ]
    }
    given = {"pipelineId": world["Sales"], "rules": [rule(memberId=world["mia"], condition=wrong)]}

    async def found() -> list[tuple[str, str]]:
        errors = (await world.attempt("setRoutingRules", given))["data"]["result"]["userErrors"]
        return [(".".join(error["field"]).removeprefix("rules.0.condition."), error["code"]) for error in errors]

    assert await found() == [
        ("or.0.and", "INVALID"),
        ("or.1.not.title.in.0", "INVALID"),
        ("or.1.not.title.in.2", "INVALID"),
        ("or.2.and.0.value.atLeast.currency", "INVALID"),
        ("or.2.and.1.createdAt.withinLastDays", "INVALID"),
        ("or.3.ownerId.is", "WRONG_ID"),
    ]
    theirs = {"and": [{"ownerId": {"in": [strangers["mia"], world["mia"]]}}, {"stageId": {"is": strangers["New"]}}]}
    given["rules"] = [rule(memberId=world["mia"], condition=theirs)]
    assert await found() == [("and.0.ownerId.in.0", "NOT_FOUND"), ("and.1.stageId.is", "NOT_FOUND")]
