"""The subscription `events`: everything that happens, each with its own type and what was changed."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import aclosing, asynccontextmanager
from typing import Any

import orjson
import pytest
from graphql import GraphQLInterfaceType

from engine.caller import Caller
from engine.engine import Engine
from models import Role
from models.event_types import EventType
from schema.api import graphql_schema
from tests.support.mutations import PERSONAL, mutation_of
from tests.support.recipes import RECIPES
from tests.support.world import World

EVENTS = """
subscription ($after: String, $types: [EventType!], $leadId: ID, $pipelineId: ID, $ownerId: ID) {
  events(after: $after, types: $types, leadId: $leadId, pipelineId: $pipelineId, ownerId: $ownerId) {
    __typename eventId cursor type mutation actor { name } lead { title } recordId changes { field before after }
    ... on StageChanged { fromStage { name } toStage { name } }
    ... on LeadAssigned { fromOwner { name } toOwner { name } }
    ... on LeadDisqualified { reason notes }
    ... on LeadConverted { opportunity { title } }
    ... on LeadDeleted { title }
    ... on TaskEvent { task { title } }
    ... on RecordChanged { record { __typename id } }
  }
}
"""


@asynccontextmanager
async def listening(world: World, engine: Engine, **variables: Any) -> AsyncIterator[Any]:
    """A running subscription; the function it yields takes the next `count` events."""
    variables.setdefault("after", (await world.ask("{ cursor }"))["cursor"])
    caller = Caller(world.organisation, "tester", Role.VIEWER)
    async with aclosing(engine.subscribe(engine.documents.prepare(EVENTS), variables, caller)) as stream:

        async def take(count: int) -> list[dict[str, Any]]:
            async with asyncio.timeout(20):
                return [orjson.loads((await anext(stream)).body)["data"]["events"] for _ in range(count)]

        yield take


@pytest.mark.parametrize("name", RECIPES)
async def test_every_mutation_is_sent(world: World, engine: Engine, name: str) -> None:
    """Each event of each mutation arrives in order, with its actor and its mutation."""
    given = await RECIPES[name](world)
    head = await world.head()
    async with listening(world, engine) as take:
        await world.change(mutation_of(name), given)
        stored = await world.events(head)
        delivered = await take(len(stored))
    assert [event["eventId"] for event in delivered] == [f"event_{event['id']}" for event in stored]
    personal = mutation_of(name) in PERSONAL
    assert {event["mutation"] for event in delivered} == (set() if personal else {mutation_of(name)})
    assert {event["actor"]["name"] for event in delivered} == (set() if personal else {"tester"})
    assert [event["type"] for event in delivered] == [EventType(event["type"]).name for event in stored]


async def test_who_follows_an_owner_hears_of_leads_that_go(world: World, engine: Engine) -> None:
    """What is assigned to Rita and taken from her is sent, live and in a replay; what Mia then does with it is not."""
    after = (await world.ask("{ cursor }"))["cursor"]
    async with listening(world, engine, ownerId=world["rita"]) as live:
        await world.change("assignLead", {"leadId": world["Ada"], "memberId": world["rita"]})
        await world.change("assignLead", {"leadId": world["Ada"], "memberId": world["mia"]})
        await world.change("assignLead", {"leadId": world["Ada"], "memberId": None})
        await world.change("updateLead", {"leadId": world["Bob"], "title": "Bob Ltd"})
        delivered = await live(3)
    assert [(event["type"], event["toOwner"]) for event in delivered if "toOwner" in event] == [
        ("LEAD_ASSIGNED", {"name": "rita"}),
        ("LEAD_ASSIGNED", {"name": "mia"}),
    ]
    assert delivered[2]["type"] == "LEAD_UPDATED"
    async with listening(world, engine, ownerId=world["rita"], after=after) as later:
        assert await later(3) == delivered


async def test_a_change_is_sent_field_by_field(world: World, engine: Engine) -> None:
    """The event holds what each field was before and what it is now: text as it is, null as null."""
    async with listening(world, engine) as take:
        await world.change("updateLead", {"leadId": world["Ada"], "title": "Ada Ltd", "value": "5", "source": "Fair"})
        (event,) = await take(1)
    assert event["__typename"] == "LeadUpdated"
    assert event["lead"] == {"title": "Ada Ltd"}
    assert sorted(event["changes"], key=lambda change: change["field"]) == [
        {"field": "source", "before": None, "after": "Fair"},
        {"field": "title", "before": "Ada", "after": "Ada Ltd"},
        {"field": "value", "before": "1000.00", "after": "5.00"},
    ]


async def test_a_story_is_sent_by_its_types(world: World, engine: Engine) -> None:
    """Each step of a lead's life is an event of its own type, with fields of its own."""
    lead = {"leadId": world["Ada"]}
    async with listening(world, engine, leadId=world["Ada"]) as take:
        await world.change("assignLead", {**lead, "memberId": world["mia"]})
        await world.change("scheduleFollowUp", {**lead, "title": "Call", "dueOn": "2031-01-01"})
        await world.change("moveLead", {**lead, "stageId": world["Talking"]})
        await world.change("disqualifyLead", {**lead, "reason": "No budget"})
        delivered = await take(5)
        await world.change("reopenLead", lead)
        await take(2)
        await world.change("deleteLead", lead)
        gone, deleted = await take(2)
    assigned, scheduled, moved, disqualified, lost = delivered
    assert (assigned["__typename"], assigned["fromOwner"], assigned["toOwner"]) == (
        "LeadAssigned",
        None,
        {"name": "mia"},
    )
    assert (scheduled["__typename"], scheduled["task"]) == ("TaskScheduled", {"title": "Call"})
    assert (moved["fromStage"]["name"], moved["toStage"]["name"]) == ("New", "Talking")
    assert (disqualified["__typename"], disqualified["reason"]) == ("LeadDisqualified", "No budget")
    assert (lost["__typename"], lost["toStage"]["name"]) == ("StageChanged", "Lost")
    assert (gone["__typename"], gone["recordId"].split("_")[0]) == ("TaskDeleted", "task")
    assert (deleted["__typename"], deleted["title"], deleted["lead"]) == ("LeadDeleted", "Ada", None)
    assert deleted["recordId"] == world["Ada"]


async def test_only_what_is_asked_for_arrives(world: World, engine: Engine) -> None:
    """Filters by type, lead, pipeline and owner each exclude all other events."""
    async with (
        listening(world, engine, types=["LEAD_ASSIGNED", "CONTACT_CREATED"]) as of_types,
        listening(world, engine, leadId=world["Bob"]) as of_lead,
        listening(world, engine, pipelineId=world["Renewals"]) as of_pipeline,
        listening(world, engine, ownerId=world["mia"]) as of_owner,
    ):
        await world.change("updateLead", {"leadId": world["Ada"], "title": "Ada Ltd"})
        await world.change("assignLead", {"leadId": world["Bob"], "memberId": world["mia"]})
        await world.change("createContact", {"name": "Zed"})
        await world.change("updateLead", {"leadId": world["Fay"], "title": "Fay Ltd"})
        await world.change("updateLead", {"leadId": world["Bob"], "title": "Bob Ltd"})
        assert [event["type"] for event in await of_types(2)] == ["LEAD_ASSIGNED", "CONTACT_CREATED"]
        assert [event["type"] for event in await of_lead(2)] == ["LEAD_ASSIGNED", "LEAD_UPDATED"]
        assert [event["lead"]["title"] for event in await of_pipeline(1)] == ["Fay Ltd"]
        assert [event["type"] for event in await of_owner(2)] == ["LEAD_ASSIGNED", "LEAD_UPDATED"]


async def test_other_records_are_named(world: World, engine: Engine) -> None:
    """An event without a type of its own names the record that was changed, and how."""
    async with listening(world, engine) as take:
        made = await world.change("createContact", {"name": "Zed"}, "contact { id }")
        order = [world[name] for name in ("Talking", "New", "Offer", "Won", "Lost")]
        await world.change("reorderStages", {"pipelineId": world["Sales"], "stageIds": order})
        contact, reordered = await take(2)
    assert contact["__typename"] == "RecordChanged"
    assert contact["record"] == {"__typename": "Contact", "id": made["contact"]["id"]}
    assert reordered["record"] == {"__typename": "Pipeline", "id": world["Sales"]}


def test_every_type_of_event_is_published() -> None:
    """Each type of event is published, and all types share the fields of the interface."""
    with pytest.raises(ValueError, match=r"lead\.vanished"):
        EventType("lead.vanished")
    interface = graphql_schema.type_map["Event"]
    assert isinstance(interface, GraphQLInterfaceType)
    for type_ in graphql_schema.get_implementations(interface).objects:
        assert set(interface.fields) <= set(type_.fields)


@pytest.mark.parametrize("followed", ["Ada", "Bob"])
async def test_who_follows_a_lead_follows_it_through_a_merge(world: World, engine: Engine, followed: str) -> None:
    """The follower gets the events of the lead that is merged away and of the lead that stays, live and from a
    cursor."""
    start = (await world.ask("{ cursor }"))["cursor"]
    types = ["LEAD_UPDATED", "LEAD_MERGED"]
    await world.change("updateLead", {"leadId": world["Dan"], "title": "Dan & sons"})
    await world.change("updateLead", {"leadId": world["Ada"], "score": 1})
    async with listening(world, engine, leadId=world[followed], types=types) as take:
        await world.change("mergeLeads", {"winnerId": world["Bob"], "loserId": world["Ada"]})
        await world.change("updateLead", {"leadId": world["Dan"], "score": 2})
        await world.change("updateLead", {"leadId": world["Ada"], "title": "Bob & Ada"})
        live = await take(3)
        assert [event["type"] for event in live] == ["LEAD_MERGED", "LEAD_UPDATED", "LEAD_UPDATED"]
        assert {event["lead"]["title"] for event in live[2:]} == {"Bob & Ada"}
    async with listening(world, engine, leadId=world[followed], types=types, after=start) as take:
        first, *rest = await take(4)
        assert first["changes"] == [{"field": "score", "before": None, "after": "1"}]
        assert [event["cursor"] for event in rest] == [event["cursor"] for event in live]
