"""qualifyLead, disqualifyLead, reopenLead: each step happens once, moves the lead, stamps it, and is told."""

import asyncio

import pytest

from models import Role
from tests.support.consistency import expect_consistent
from tests.support.world import World

SHOW = "lead { stage { name } qualifiedAt disqualifiedAt closedAt lostReason version }"


async def test_qualify_moves_to_the_next_open_stage(world: World) -> None:
    """It is stamped, goes on top of the next column, and both events are told."""
    head = await world.head()
    made = await world.change("qualifyLead", {"leadId": world["Ada"]}, SHOW)
    assert made["lead"]["stage"]["name"] == "Talking"
    assert made["lead"]["qualifiedAt"] is not None
    assert made["lead"]["closedAt"] is None
    assert await world.cards("Talking") == ["Ada", "Dan"]
    assert [event["type"] for event in await world.events(head)] == ["lead.qualified", "lead.stage_changed"]
    await expect_consistent(world.database)


async def test_qualify_is_refused_where_it_makes_no_sense(world: World) -> None:
    """Twice, at the last open stage, and when the lead is closed."""
    await world.change("qualifyLead", {"leadId": world["Ada"]})
    await world.refused("qualifyLead", {"leadId": world["Ada"]}, "ALREADY_QUALIFIED", show=SHOW)
    await world.change("moveLead", {"leadId": world["Bob"], "stageId": world["Offer"]})
    await world.refused("qualifyLead", {"leadId": world["Bob"]}, "NO_NEXT_STAGE")
    await world.refused("qualifyLead", {"leadId": world["Eve"]}, "LEAD_CLOSED")


async def test_twenty_at_once_qualify_once(world: World) -> None:
    """One moves the lead on; the others are told that it was done."""
    bodies = await asyncio.gather(*(world.attempt("qualifyLead", {"leadId": world["Ada"]}) for _ in range(20)))
    codes = [[error["code"] for error in body["data"]["result"]["userErrors"]] for body in bodies]
    assert sorted(codes) == [[]] + [["ALREADY_QUALIFIED"]] * 19
    assert (await world.lead("Ada", "stage { name }"))["stage"]["name"] == "Talking"
    await expect_consistent(world.database)


async def test_disqualify_closes_with_a_reason(world: World) -> None:
    """The lead goes to the LOST stage with its reason; what was said besides is in the event."""
    head = await world.head()
    given = {"leadId": world["Ada"], "reason": "No budget", "notes": "Ask again in spring"}
    made = await world.change("disqualifyLead", given, SHOW)
    assert (made["lead"]["stage"]["name"], made["lead"]["lostReason"]) == ("Lost", "No budget")
    assert made["lead"]["disqualifiedAt"] is not None
    assert made["lead"]["closedAt"] is not None
    told, moved = await world.events(head)
    assert (told["type"], moved["type"]) == ("lead.disqualified", "lead.stage_changed")
    assert '"Ask again in spring"' in told["data"]
    await world.refused("disqualifyLead", {**given, "reason": " "}, "REASON_REQUIRED", "reason")
    await world.refused("disqualifyLead", given, "LEAD_CLOSED")
    await expect_consistent(world.database)


async def test_without_a_lost_stage_a_lead_is_closed_where_it_stands(world: World) -> None:
    """It stays in its column, has no chance any more, and can be reopened there."""
    fay = {"leadId": world["Fay"]}
    made = await world.change("disqualifyLead", {**fay, "reason": "Gone"}, SHOW)
    assert (made["lead"]["stage"]["name"], made["lead"]["lostReason"]) == ("Due", "Gone")
    assert (await world.stages("Renewals", "totals { values { value weightedValue } }"))[0]["totals"]["values"] == [
        {"value": "40.00", "weightedValue": "0.00"}
    ]
    back = await world.change("reopenLead", fay, SHOW)
    assert (back["lead"]["closedAt"], back["lead"]["disqualifiedAt"], back["lead"]["lostReason"]) == (None, None, None)
    await expect_consistent(world.database)


async def test_reopen_goes_back_to_the_last_open_stage(world: World) -> None:
    """Not to the first one; why it was closed stays in its history."""
    ada = {"leadId": world["Ada"]}
    await world.change("moveLead", {**ada, "stageId": world["Offer"]})
    await world.change("moveLead", {**ada, "stageId": world["Won"]})
    await world.change("moveLead", {**ada, "stageId": world["Lost"], "lostReason": "Changed their mind"})
    head = await world.head()
    made = await world.change("reopenLead", ada, SHOW)
    assert made["lead"]["stage"]["name"] == "Offer"
    assert (made["lead"]["closedAt"], made["lead"]["lostReason"]) == (None, None)
    told, _ = await world.events(head)
    assert told["type"] == "lead.reopened"
    assert "Changed their mind" in told["data"]
    await world.refused("reopenLead", ada, "LEAD_OPEN")
    await expect_consistent(world.database)


async def test_reopen_passes_over_a_deleted_stage(world: World) -> None:
    """When the stage it was in last is gone, it goes to the one before."""
    ada = {"leadId": world["Ada"]}
    await world.change("moveLead", {**ada, "stageId": world["Talking"]})
    await world.change("moveLead", {**ada, "stageId": world["Won"]})
    await world.change("deleteStage", {"stageId": world["Talking"], "moveLeadsTo": world["Offer"]})
    made = await world.change("reopenLead", ada, SHOW)
    assert made["lead"]["stage"]["name"] == "New"


async def test_reopen_is_refused_where_the_external_id_is_taken_meanwhile(world: World) -> None:
    """It would go back to another pipeline, where a newer lead has the id."""
    fay = {"leadId": world["Fay"]}
    await world.change("updateLead", {**fay, "externalId": "crm-2"})
    await world.change("moveLead", {**fay, "stageId": world["Lost"], "lostReason": "Price"})
    taken = await world.change(
        "createLead", {"title": "Gil", "stageId": world["Due"], "externalId": "crm-2"}, "lead { id }"
    )
    await world.refused("reopenLead", fay, "EXTERNAL_ID_TAKEN", "leadId")
    await world.change("updateLead", {"leadId": taken["lead"]["id"], "externalId": None})
    made = await world.change("reopenLead", fay, SHOW)
    assert made["lead"]["stage"]["name"] == "Due"
    await expect_consistent(world.database)


@pytest.mark.parametrize("mutation", ["qualifyLead", "disqualifyLead", "reopenLead"])
async def test_a_rep_works_leads(world: World, mutation: str) -> None:
    """Who it belongs to does not matter: a lead is worked on by whoever is there."""
    if mutation == "reopenLead":
        await world.change("disqualifyLead", {"leadId": world["Ada"], "reason": "No"})
    given = {"leadId": world["Ada"]} | ({"reason": "No"} if mutation == "disqualifyLead" else {})
    await world.change(mutation, given, role=Role.REP, subject="rita")
