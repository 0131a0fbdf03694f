"""Leads are scored again a moment after they, or what they name, have changed."""

import random
from typing import Any

from models import organisation_id
from resolvers.reactions.score import score_named
from tests.support.scoring.rules import group, publish, react, rule, scored
from tests.support.world import World, tables

FAIR = {"source": {"equals": "fair"}}


async def rules(world: World) -> None:
    """Points for a fair, for calls, and for a contact of a name."""
    await publish(
        world,
        group(
            "Fit",
            rule("Fair", 20, condition=FAIR),
            rule("Calls", 5, activities={"types": ["CALL"], "cap": 10}),
            rule("Boss", 40, condition={"contactJobTitle": {"equals": "boss"}}),
        ),
    )


async def test_a_changed_lead_is_scored(world: World) -> None:
    """A field, an activity and a new lead are scored; the event says that an automation did it, and the lead is at the
    version that its change has made."""
    await rules(world)
    await world.change("updateLead", {"leadId": world["Ada"], "source": "fair"})
    call = {"leadId": world["Bob"], "type": "CALL", "subject": "Talked"}
    await world.change("logActivity", call)
    given = {"title": "Gil", "pipelineId": world["Sales"], "source": "fair"}
    world.ids["Gil"] = (await world.change("createLead", given, "lead { id }"))["lead"]["id"]
    head = await world.head()
    await react(world)
    assert [(await scored(world, name))["score"] for name in ("Ada", "Bob", "Gil")] == [20, 5, 20]
    [event] = await world.events(head)
    assert (event["type"], event["actor_kind"], event["actor_id"], event["depth"]) == (
        "scores.changed",
        "AUTOMATION",
        None,
        1,
    )
    assert (await scored(world, "Ada"))["version"] == 2


async def test_leads_of_a_changed_contact_are_scored(world: World) -> None:
    """A test of the contact is met as soon as the contact has changed."""
    await rules(world)
    await world.change("updateContact", {"contactId": world["contact of rita"], "jobTitle": "Boss"})
    await react(world)
    assert [(await scored(world, name))["score"] for name in ("Dan", "Bob")] == [40, 0]


async def test_what_stays_of_a_merge_is_scored(world: World) -> None:
    """A lead that got the activities of another one, and the lead whose contact became another one, are scored."""
    await world.change("updateContact", {"contactId": world["contact of mia"], "jobTitle": "Boss"})
    await world.change("logActivity", {"leadId": world["Bob"], "type": "CALL", "subject": "Talked"})
    await rules(world)
    await react(world)
    given = {"winnerId": world["contact of mia"], "loserId": world["contact of rita"]}
    await world.change("mergeContacts", given)
    await world.change("mergeLeads", {"winnerId": world["Ada"], "loserId": world["Bob"]})
    await react(world)
    assert [(await scored(world, name))["score"] for name in ("Dan", "Ada")] == [40, 5]


async def test_its_own_events_make_it_score_nothing(world: World) -> None:
    """What it has recorded names no lead to score, and scoring the same events again changes nothing."""
    await rules(world)
    await world.change("updateLead", {"leadId": world["Ada"], "source": "fair"})
    await react(world)
    head = await world.head()
    await react(world)
    assert await world.head() == head
    before = await tables(world.database)
    async with world.database.transaction(None) as connection:
        assert not await score_named(connection, organisation_id(world.organisation), await world.events())  # type: ignore[arg-type]
    assert await tables(world.database) == before


async def test_the_order_of_events_makes_no_difference(world: World) -> None:
    """Events in any order and number lead to the scores that the leads have as they are now."""
    await rules(world)
    head = await world.head()
    for name, source in (("Ada", "fair"), ("Bob", "fair"), ("Ada", "web"), ("Cleo", "fair"), ("Bob", "mail")):
        await world.change("updateLead", {"leadId": world[name], "source": source})
    events: list[Any] = await world.events(head)
    for seed in range(5):
        some = random.Random(seed).choices(events, k=4) + events
        random.Random(seed).shuffle(some)
        async with world.database.transaction(None) as connection:
            await score_named(connection, organisation_id(world.organisation), some)
        assert [(await scored(world, name))["score"] for name in ("Ada", "Bob", "Cleo")] == [0, 0, 20]


async def test_pipelines_without_rules_are_left(world: World) -> None:
    """A lead without rules keeps its score, and a closed one, too."""
    await rules(world)
    await world.change("updateLead", {"leadId": world["Fay"], "score": 7})
    await world.change("updateLead", {"leadId": world["Eve"], "source": "fair"})
    await react(world)
    assert [(await world.lead(name, "score"))["score"] for name in ("Fay", "Eve")] == [7, None]
