"""reopenLead: a closed lead returns to its last open stage; its history keeps why it was closed."""

import pytest

from tests.support.consistency import expect_consistent
from tests.support.recipes import RECIPES
from tests.support.world import MIA, RITA, World

SHOW = "lead { stage { name } owner { id } qualifiedAt disqualifiedAt closedAt lostReason version }"
TOTALS = "name totals { count values { currency value weightedValue } }"
OPEN = {"disqualifiedAt": None, "closedAt": None, "lostReason": None}


async def test_a_reopened_lead_goes_back_to_the_last_open_stage(world: World) -> None:
    """The lead returns to its last open stage, not the first; the events hold when and why it was closed."""
    ada = {"leadId": world["Ada"]}
    await world.change("moveLead", {"leadId": world["Dan"], "stageId": world["Offer"]})
    await world.change("moveLead", {**ada, "stageId": world["Offer"]})
    await world.change("moveLead", {**ada, "stageId": world["Won"]})
    lost = {**ada, "stageId": world["Lost"], "lostReason": "Changed their mind"}
    closed_at = (await world.change("moveLead", lost, "lead { closedAt }"))["lead"]["closedAt"]
    head = await world.head()
    made = await world.change("reopenLead", ada, SHOW)
    assert made["lead"] == {"stage": {"name": "Offer"}, "owner": None, "qualifiedAt": None, "version": 5, **OPEN}
    assert await world.cards("Offer") == ["Ada", "Dan"]
    assert await world.recorded(head) == [
        ("lead.reopened", "reopen_lead", {"closedAt": closed_at, "reason": "Changed their mind"}),
        ("lead.stage_changed", "reopen_lead", {"changes": {"lostReason": ["Changed their mind", None]}}),
    ]
    await expect_consistent(world.database)


async def test_totals_follow(world: World) -> None:
    """The lead has its own probability again, in the stage it returns to."""
    await world.change("disqualifyLead", {"leadId": world["Ada"], "reason": "No budget"})
    await world.change("reopenLead", {"leadId": world["Ada"]})
    found = {stage["name"]: stage["totals"] for stage in await world.stages("Sales", TOTALS)}
    assert found["Lost"] == {"count": 0, "values": []}
    assert found["New"] == {
        "count": 3,
        "values": [
            {"currency": "EUR", "value": "1000.00", "weightedValue": "500.00"},
            {"currency": "USD", "value": "250.50", "weightedValue": "25.05"},
        ],
    }


async def test_a_lead_that_was_closed_where_it_stands_is_reopened_there(world: World) -> None:
    """The lead keeps its place and enters no stage, and one event records all of it."""
    fay = {"leadId": world["Fay"]}
    given = {**fay, "reason": "Gone"}
    closed_at = (await world.change("disqualifyLead", given, SHOW))["lead"]["closedAt"]
    await world.change("updateStage", {"stageId": world["Due"], "requiredFields": ["SOURCE"]})
    head = await world.head()
    made = await world.change("reopenLead", fay, SHOW)
    assert made["lead"] == {"stage": {"name": "Due"}, "owner": None, "qualifiedAt": None, "version": 3, **OPEN}
    assert (await world.stages("Renewals", TOTALS))[0]["totals"]["values"] == [
        {"currency": "USD", "value": "40.00", "weightedValue": "20.00"}
    ]
    changes = {"lostReason": ["Gone", None]}
    assert await world.recorded(head) == [
        ("lead.reopened", "reopen_lead", {"closedAt": closed_at, "reason": "Gone", "changes": changes})
    ]
    assert len((await world.lead("Fay", "stageHistory { nodes { toStage { name } } }"))["stageHistory"]["nodes"]) == 1
    await expect_consistent(world.database)


async def test_a_deleted_stage_is_passed_over(world: World) -> None:
    """When the last open stage was deleted, the lead returns to the one before it."""
    ada = {"leadId": world["Ada"]}
    await world.change("moveLead", {**ada, "stageId": world["Talking"]})
    await world.change("moveLead", {**ada, "stageId": world["Won"]})
    await world.change("deleteStage", {"stageId": world["Talking"], "moveLeadsTo": world["Offer"]})
    made = await world.change("reopenLead", ada, SHOW)
    assert made["lead"]["stage"]["name"] == "New"


async def test_a_lead_of_a_deleted_pipeline_stays_in_its_new_one(world: World) -> None:
    """Without any stage of the old pipeline, the lead enters the first open stage of its present one."""
    fay = {"leadId": world["Fay"]}
    await world.change("updateLead", {**fay, "externalId": None})
    await world.change("moveLead", {**fay, "stageId": world["Lost"], "lostReason": "Price"})
    await world.change("deletePipeline", {"pipelineId": world["Renewals"]})
    made = await world.change("reopenLead", fay, "lead { stage { name } pipeline { name } }")
    assert made["lead"] == {"stage": {"name": "New"}, "pipeline": {"name": "Sales"}}
    await expect_consistent(world.database)


async def test_a_lead_that_was_never_open_begins_in_the_first_open_stage(world: World) -> None:
    """Eve was created in a WON stage, as a customer who had already signed."""
    made = await world.change("reopenLead", {"leadId": world["Eve"]}, SHOW)
    assert made["lead"] == {"stage": {"name": "New"}, "owner": None, "qualifiedAt": None, "version": 2, **OPEN}
    assert await world.cards("Won") == []
    await expect_consistent(world.database)


async def test_what_a_lead_was_before_stays(world: World) -> None:
    """When it was qualified and its owner stay."""
    bob = {"leadId": world["Bob"]}
    qualified = (await world.change("qualifyLead", bob, SHOW))["lead"]["qualifiedAt"]
    await world.change("disqualifyLead", {**bob, "reason": "No budget"})
    lead = (await world.change("reopenLead", bob, SHOW, **RITA))["lead"]
    assert lead == {
        "stage": {"name": "Talking"}, "owner": {"id": world["rita"]}, "qualifiedAt": qualified, "version": 4, **OPEN
    }  # fmt: skip


async def test_an_open_lead_cannot_be_reopened(world: World) -> None:
    """Reopening an open lead, also a second time, is refused, and the refusal returns the lead."""
    ada = {"leadId": world["Ada"]}
    shown = await world.refused("reopenLead", ada, "LEAD_OPEN", show=SHOW)
    assert (shown["lead"]["stage"], shown["lead"]["version"]) == ({"name": "New"}, 1)
    await world.change("disqualifyLead", {**ada, "reason": "No budget"})
    await world.change("reopenLead", ada)
    await world.refused("reopenLead", ada, "LEAD_OPEN")


async def test_a_converted_lead_cannot_be_reopened(world: World) -> None:
    """The opportunity takes the lead's place, and can be reopened itself."""
    made = await world.change("convertLead", await RECIPES["convertLead"](world), "opportunity { id }")
    await world.refused("reopenLead", {"leadId": world["Ada"]}, "LEAD_CONVERTED")
    deal = {"leadId": made["opportunity"]["id"]}
    await world.change("disqualifyLead", {**deal, "reason": "No budget"})
    assert (await world.change("reopenLead", deal, SHOW))["lead"]["stage"] == {"name": "Opened"}


async def test_the_stage_asks_for_its_fields(world: World) -> None:
    """A lead that returns enters its stage as any other does, with the required fields."""
    await world.change("disqualifyLead", {"leadId": world["Ada"], "reason": "No budget"})
    await world.change("updateStage", {"stageId": world["New"], "requiredFields": ["SOURCE", "OWNER"]})
    shown = await world.refused("reopenLead", {"leadId": world["Ada"]}, "FIELDS_REQUIRED", show=SHOW)
    assert "“New” requires ownerId, source. " in shown["userErrors"][0]["message"]
    assert (shown["lead"]["stage"], shown["lead"]["lostReason"]) == ({"name": "Lost"}, "No budget")


async def test_a_pipeline_without_an_open_stage_takes_nothing_back(world: World) -> None:
    """The refusal says to move the lead to another pipeline instead."""
    await world.sql("UPDATE stage SET deleted_at = now() WHERE kind = 'OPEN'")
    await world.refused("reopenLead", {"leadId": world["Eve"]}, "NO_NEXT_STAGE")


async def test_an_external_id_that_was_taken_meanwhile_is_refused(world: World) -> None:
    """The lead would return to another pipeline, where a newer lead has the id."""
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


async def test_a_conflict_shows_the_lead_as_it_is(world: World) -> None:
    """A stale version is reported before the rules of the lead."""
    ada = {"leadId": world["Ada"]}
    await world.refused("reopenLead", {**ada, "expectedVersion": 2}, "CONFLICT", "expectedVersion")
    await world.change("disqualifyLead", {**ada, "reason": "No budget"})
    shown = await world.refused("reopenLead", {**ada, "expectedVersion": 1}, "CONFLICT", "expectedVersion", show=SHOW)
    assert (shown["lead"]["stage"], shown["lead"]["version"]) == ({"name": "Lost"}, 2)
    await world.change("reopenLead", {**ada, "expectedVersion": 2})


async def test_a_rep_reopens_the_leads_of_others(world: World) -> None:
    """A rep reopens the lead of another owner, who stays the owner."""
    ada = {"leadId": world["Ada"]}
    await world.change("assignLead", {**ada, "memberId": world["mia"]}, **MIA)
    await world.change("disqualifyLead", {**ada, "reason": "No budget"})
    made = await world.change("reopenLead", ada, SHOW, **RITA)
    assert made["lead"]["owner"] == {"id": world["mia"]}


@pytest.mark.parametrize("name", ["Ada", "Fay"])
async def test_twenty_at_once_reopen_once(world: World, name: str) -> None:
    """One call reopens the lead, whether it returns to another stage or stays in its own."""
    lead = {"leadId": world[name]}
    await world.change("disqualifyLead", {**lead, "reason": "No budget"})
    assert await world.at_once("reopenLead", *[lead] * 20) == {"done": 1, "LEAD_OPEN": 19}
    assert await world.lead(name, "closedAt version") == {"closedAt": None, "version": 3}
    await expect_consistent(world.database)
