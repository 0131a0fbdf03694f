"""`events(condition:)`: the events of leads that matched a condition right after them, in a replay and live."""

import asyncio
import random
from contextlib import aclosing
from typing import Any

import orjson
import pytest

from engine.caller import Caller
from engine.engine import Engine
from engine.errors import RequestError
from models import Role
from tests.support.recipes import task
from tests.support.world import World

EVENTS = """
subscription ($after: String, $condition: Condition, $types: [EventType!]) {
    events(after: $after, condition: $condition, types: $types) { type cursor lead { id } } }
"""
MATCHING = "query ($condition: Condition!) { matchingLeads(condition: $condition, first: 50) { nodes { id } } }"

LARGE = {"value": {"atLeast": {"amount": "1000", "currency": "EUR"}}}

Followed = tuple[str, str]
"""The type of an event, and its cursor."""


async def followed(engine: Engine, world: World, after: str, condition: Any, count: int) -> list[Followed]:
    """The events that a replay delivers, up to a last one of a record that has no condition."""
    caller = Caller(world.organisation, "tester", Role.VIEWER)
    given = {"after": after, "condition": condition}
    prepared = engine.documents.prepare(EVENTS)
    async with asyncio.timeout(60), aclosing(engine.subscribe(prepared, given, caller)) as stream:
        found = [orjson.loads((await anext(stream)).body)["data"]["events"] for _ in range(count)]
    return [(event["type"], event["cursor"]) for event in found]


def conditions(world: World) -> list[dict[str, Any]]:
    """Conditions on what events record: amounts, texts, the owner, the stage; each alone and combined."""
    web, offer = {"source": {"equals": "web"}}, {"stageId": {"is": world["Offer"]}}
    mine, named = {"ownerId": {"is": world["mia"]}}, {"title": {"startsWith": "A"}}
    return [
        *(LARGE, web, offer, mine, named, {"ownerId": {"isSet": False}}),
        {"and": [LARGE, {"not": web}]},
        {"or": [{"and": [offer, mine]}, {"and": [named, web]}]},
    ]


async def step(world: World, draw: random.Random) -> None:
    """One random change of one lead."""
    lead = world[draw.choice(["Ada", "Bob"])]
    match draw.randrange(5):
        case 0:
            stage = world[draw.choice(["New", "Talking", "Offer"])]
            await world.attempt("moveLead", {"leadId": lead, "stageId": stage})
        case 1:
            await world.attempt("assignLead", {"leadId": lead, "memberId": world[draw.choice(["mia", "rita"])]})
        case 2:
            given = {"value": draw.choice(["10", "1000", "5000.5"]), "currency": draw.choice(["EUR", "USD"])}
            await world.attempt("updateLead", {"leadId": lead, **given})
        case 3:
            await world.attempt("updateLead", {"leadId": lead, "source": draw.choice(["web", "fair", None])})
        case _:
            await world.attempt("updateLead", {"leadId": lead, "title": draw.choice(["Ada", "Bob", "Ann"])})


@pytest.mark.parametrize("seed", range(3))
async def test_a_replay_finds_what_matched_right_after(engine: Engine, world: World, seed: int) -> None:
    """After random changes, each condition finds the events after which a query found their leads."""
    draw = random.Random(seed)
    asked = conditions(world)
    after = (await world.ask("{ cursor }"))["cursor"]
    expected: list[list[str]] = [[] for _ in asked]
    for _ in range(40):
        head = await world.head()
        await step(world, draw)
        events = await world.events(head)
        assert len(events) <= 1
        if events:
            cursor = (await world.ask("{ cursor }"))["cursor"]
            for condition, cursors in zip(asked, expected, strict=True):
                found = (await world.ask(MATCHING, {"condition": condition}))["matchingLeads"]["nodes"]
                if f"lead_{events[0]['lead_id']}" in {lead["id"] for lead in found}:
                    cursors.append(cursor)
    assert sum(map(bool, expected)) > 5
    for condition, cursors in zip(asked, expected, strict=True):
        found = await followed(engine, world, after, condition, len(cursors))
        assert [cursor for _, cursor in found] == cursors


async def test_live_and_with_types_and_leads_that_are_gone(engine: Engine, world: World) -> None:
    """Events of other records never match, and what is left of a lead that is gone always does; a task's events belong
    to its lead."""
    caller = Caller(world.organisation, "tester", Role.VIEWER)
    after = (await world.ask("{ cursor }"))["cursor"]
    prepared = engine.documents.prepare(EVENTS)
    stream = engine.subscribe(prepared, {"after": after, "condition": LARGE}, caller)
    async with asyncio.timeout(60), aclosing(stream) as frames:
        await world.change("updateLead", {"leadId": world["Ada"], "value": "2000", "currency": "EUR"})
        first = orjson.loads((await anext(frames)).body)["data"]["events"]
        await task(world, "Call", leadId=world["Ada"])
        await task(world, "Write", leadId=world["Bob"])
        await world.change("updateMember", {"memberId": world["mia"], "name": "Mia M."})
        second = orjson.loads((await anext(frames)).body)["data"]["events"]
        await world.change("updateLead", {"leadId": world["Ada"], "value": "20"})
        await world.change("updateLead", {"leadId": world["Ada"], "value": "3000"})
        third = orjson.loads((await anext(frames)).body)["data"]["events"]
        await world.change("deleteLead", {"leadId": world["Bob"]})
        gone = [orjson.loads((await anext(frames)).body)["data"]["events"] for _ in range(2)]
        seen = [first, second, third, *gone]
    assert [event["type"] for event in seen] == [
        "LEAD_UPDATED",
        "TASK_SCHEDULED",
        "LEAD_UPDATED",
        "TASK_DELETED",
        "LEAD_DELETED",
    ]
    given = {"after": after, "condition": LARGE, "types": ["LEAD_DELETED"]}
    async with asyncio.timeout(60), aclosing(engine.subscribe(prepared, given, caller)) as frames:
        event = orjson.loads((await anext(frames)).body)["data"]["events"]
    assert (event["type"], event["lead"]) == ("LEAD_DELETED", None)


@pytest.mark.parametrize(
    ("condition", "path"),
    [
        ({}, ["condition"]),
        ({"and": []}, ["condition", "and"]),
        ({"not": {"score": {"in": [1]}}}, ["condition", "not", "score"]),
    ],
)
async def test_a_wrong_condition_is_refused(engine: Engine, world: World, condition: Any, path: Any) -> None:
    """Before anything is delivered, with its path."""
    caller = Caller(world.organisation, "tester", Role.VIEWER)
    with pytest.raises(RequestError) as refused:
        await anext(engine.subscribe(engine.documents.prepare(EVENTS), {"condition": condition}, caller))
    extensions = refused.value.errors[0].extensions
    assert extensions is not None
    assert (extensions["code"], extensions["path"]) == ("BAD_USER_INPUT", path)
