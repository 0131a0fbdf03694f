"""All changes of leads and of what they name at once, on the same few: nothing fails, and the result is consistent."""

import asyncio
import random
from collections import Counter
from collections.abc import Callable
from typing import Any

import pytest

from tests.support.consistency import expect_consistent
from tests.support.mutations import mutation_of
from tests.support.recipes import opportunities, task
from tests.support.world import World

Draw = random.Random

LEADS = ("Ada", "Bob", "Cleo", "Dan", "Eve", "Fay")
STAGES = ("New", "Talking", "Offer", "Won", "Lost", "Due")
MEMBERS = ("rita", "mia", "tester")
CONTACTS = ("contact of rita", "contact of mia", "contact of ian")
CUSTOMERS = ("Acme", "Bolt", "Cord")
PEOPLE = ("tester", "tester", "mia", "rita")
"""The callers, each an admin."""


def one(names: tuple[str, ...]) -> Callable[[World, Draw], str]:
    """Draws one of these ids."""
    return lambda world, draw: world[draw.choice(names)]


lead, stage, member, contact, customer = one(LEADS), one(STAGES), one(MEMBERS), one(CONTACTS), one(CUSTOMERS)


def two(names: tuple[str, ...]) -> Callable[[World, Draw], dict[str, str]]:
    """Draws a record that stays and one that is merged into it."""

    def given(world: World, draw: Draw) -> dict[str, str]:
        winner, loser = draw.sample(names, 2)
        return {"winnerId": world[winner], "loserId": world[loser]}

    return given


def some_fields(world: World, draw: Draw) -> dict[str, Any]:
    """Some fields of a lead."""
    return draw.choice(
        (
            {"title": draw.choice("xyz")},
            {"value": str(draw.randrange(100)), "currency": draw.choice(("EUR", "USD"))},
            {"probability": draw.choice((None, 20, 70))},
            {"ownerId": draw.choice((None, member(world, draw)))},
            {"contactId": contact(world, draw), "customerId": customer(world, draw)},
        )
    )


def some_rules(world: World, draw: Draw) -> list[dict[str, Any]]:
    """A rule for leads of one contact, and one for the rest."""
    named = {"contactId": {"is": contact(world, draw)}}
    return [
        {"name": "Theirs", "condition": named, "memberId": member(world, draw)},
        {"name": "All", "poolId": world["Inbound"]},
    ]


STEPS: dict[str, Callable[[World, Draw], dict[str, Any]]] = {
    "createLead": lambda world, draw: {"title": "New", **some_fields(world, draw)},
    "updateLead": lambda world, draw: {"leadId": lead(world, draw), **some_fields(world, draw)},
    "moveLead": lambda world, draw: {"leadId": lead(world, draw), "stageId": stage(world, draw), "lostReason": None},
    "moveLead, losing it": lambda world, draw: {
        "leadId": lead(world, draw),
        "stageId": world["Lost"],
        "lostReason": draw.choice(("Price", "Timing")),
    },
    "qualifyLead": lambda world, draw: {"leadId": lead(world, draw)},
    "disqualifyLead": lambda world, draw: {"leadId": lead(world, draw), "reason": "Price"},
    "reopenLead": lambda world, draw: {"leadId": lead(world, draw)},
    "convertLead": lambda world, draw: {"leadId": world[draw.choice(("Ada", "Bob"))]},
    "convertLead, making a customer": lambda world, draw: {
        "leadId": lead(world, draw),
        "createCustomer": {"name": draw.choice("XY")},
    },
    "deleteLead": lambda world, draw: {"leadId": world["Fay"]},
    "assignLead": lambda world, draw: {"leadId": lead(world, draw), "memberId": member(world, draw)},
    "assignLeads": lambda world, draw: {
        "leadIds": [lead(world, draw) for _ in range(4)],
        "memberId": draw.choice((None, member(world, draw))),
    },
    "reassignAll": lambda world, draw: {"fromMemberId": world["rita"], "toMemberId": world["mia"]},
    "reassignAll, to a pool": lambda world, draw: {"fromMemberId": world["mia"], "toPoolId": world["Inbound"]},
    "routeUnassigned": lambda world, draw: {"pipelineId": world["Sales"]},
    "setRoutingRules": lambda world, draw: {"pipelineId": world["Sales"], "rules": some_rules(world, draw)},
    "updatePool": lambda world, draw: {
        "poolId": world["Inbound"],
        "memberIds": [world[name] for name in draw.sample(("rita", "mia", "tester"), 2)],
    },
    "updateMember": lambda world, draw: {
        "memberId": member(world, draw),
        **draw.choice(
            (
                {"active": False},
                {"active": True},
                {"active": True},
                {"timeZone": draw.choice(("Asia/Tokyo", "Europe/Berlin"))},
                {"capacity": draw.randrange(5)},
            )
        ),
    },
    "updateStage": lambda world, draw: {
        "stageId": stage(world, draw),
        **draw.choice(({"probability": 40}, {"kind": draw.choice(("OPEN", "LOST", "WON"))}, {"name": "Renamed"})),
    },
    "addStage": lambda world, draw: {"pipelineId": world["Sales"], "name": "More", "position": 0},
    "deleteStage": lambda world, draw: {
        "stageId": world[draw.choice(("Talking", "Offer", "Opened"))],
        "moveLeadsTo": stage(world, draw),
    },
    "updatePipeline": lambda world, draw: {"pipelineId": world[draw.choice(("Sales", "Renewals"))], "isDefault": True},
    "updateContact": lambda world, draw: {"contactId": contact(world, draw), "customerId": customer(world, draw)},
    "updateCustomer": lambda world, draw: {"customerId": customer(world, draw), "name": draw.choice("xyz")},
    "archiveContact": lambda world, draw: {"contactId": contact(world, draw)},
    "restoreContact": lambda world, draw: {"contactId": contact(world, draw)},
    "mergeContacts": two(CONTACTS),
    "mergeCustomers": two(CUSTOMERS),
    "mergeLeads": two(("Cleo", "Dan", "Eve")),
    "logActivity": lambda world, draw: {
        "leadId": lead(world, draw),
        "type": "CALL",
        "subject": "Called",
        "contactId": contact(world, draw),
    },
    "createTask": lambda world, draw: {
        "title": "Call",
        "dueOn": "2031-05-01",
        "leadId": lead(world, draw),
        "contactId": contact(world, draw),
        "assigneeId": member(world, draw),
    },
    "updateTask": lambda world, draw: {
        "taskId": world[draw.choice(("Task 0", "Task 1"))],
        "leadId": lead(world, draw),
        "assigneeId": member(world, draw),
    },
    "completeTask": lambda world, draw: {
        "taskId": world[draw.choice(("Task 0", "Task 1"))],
        "followUp": {"dueOn": "2031-05-02"},
    },
}
"""The mutations that are sent, each with an input drawn at random."""


async def prepare(world: World) -> None:
    """A second pipeline to convert leads into, customers, a pool and rules, and a task for each of two leads."""
    await opportunities(world)
    await world.change("addStage", {"pipelineId": world["Deals"], "name": "Second"})
    for name in CUSTOMERS[1:]:
        made = await world.change("createCustomer", {"name": name}, "customer { id }")
        world.ids[name] = made["customer"]["id"]
    given = {"name": "Inbound", "memberIds": [world["rita"], world["mia"]]}
    world.ids["Inbound"] = (await world.change("createPool", given, "pool { id }"))["pool"]["id"]
    await world.change("updatePipeline", {"pipelineId": world["Sales"], "routesNewLeads": True})
    await world.change("setRoutingRules", {"pipelineId": world["Sales"], "rules": some_rules(world, Draw(0))})
    for at, name in enumerate(("Ada", "Bob")):
        about = {"leadId": world[name], "contactId": world["contact of rita"], "customerId": world["Acme"]}
        await task(world, f"Task {at}", **about, assigneeId=world["rita"], dueOn="2031-05-01")


@pytest.mark.parametrize("seed", range(3))
async def test_everything_at_once(world: World, seed: int) -> None:
    """Of two hundred changes at once, each is done or refused, and leads are created and deleted with their events."""
    draw = Draw(seed)
    await prepare(world)
    steps = [
        (mutation_of(name), STEPS[name](world, draw), draw.choice(PEOPLE)) for name in draw.choices(list(STEPS), k=200)
    ]
    bodies = await asyncio.gather(*(world.attempt(name, given, subject=subject) for name, given, subject in steps))
    assert [(step, body["errors"]) for step, body in zip(steps, bodies, strict=True) if "errors" in body] == []
    await expect_consistent(world.database)
    types = Counter(event["type"] for event in await world.events())
    there = await world.database.pool.fetchval("SELECT count(*) FROM lead")
    assert there == types["lead.created"] - types["lead.deleted"] - types["lead.merged"]
