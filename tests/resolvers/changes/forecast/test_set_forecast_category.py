"""setForecastCategory: how firmly a forecast counts on a deal, chosen instead of what its stage says."""

import json

import pytest

from tests.support.world import RITA, World

SHOW = "lead { forecastCategory ownForecastCategory version }"


async def test_a_lead_has_the_category_of_its_stage(world: World) -> None:
    """It follows the stage, and how the lead ended."""
    await world.change("updateStage", {"stageId": world["Offer"], "forecastCategory": "BEST_CASE"})
    found = {}
    for stage, more in (("Talking", {}), ("Offer", {}), ("Won", {}), ("Lost", {"lostReason": "Price"})):
        await world.change("moveLead", {"leadId": world["Ada"], "stageId": world[stage], **more})
        found[stage] = await world.lead("Ada", "forecastCategory ownForecastCategory")
    assert {stage: lead["forecastCategory"] for stage, lead in found.items()} == {
        "Talking": "PIPELINE",
        "Offer": "BEST_CASE",
        "Won": "CLOSED",
        "Lost": "OMITTED",
    }
    assert {lead["ownForecastCategory"] for lead in found.values()} == {None}
    kinds = await world.stages("Sales", "kind forecastCategory")
    assert {stage["kind"]: stage["forecastCategory"] for stage in kinds[2:]} == {
        "OPEN": "BEST_CASE",
        "WON": "CLOSED",
        "LOST": "OMITTED",
    }


async def test_a_choice_stays_through_moves_until_it_is_cleared(world: World) -> None:
    """Stages, also of another pipeline, and a reopening change nothing about it; each event says who chose what."""
    bob = {"leadId": world["Bob"]}
    head = await world.head()
    made = await world.change("setForecastCategory", {**bob, "category": "COMMIT"}, SHOW, **RITA)
    assert made["lead"] == {"forecastCategory": "COMMIT", "ownForecastCategory": "COMMIT", "version": 2}
    [event] = await world.events(head)
    assert (event["type"], event["mutation"]) == ("lead.updated", "set_forecast_category")
    assert f"member_{event['actor_id']}" == world["rita"]
    assert json.loads(event["data"]) == {"changes": {"forecastCategory": [None, "COMMIT"]}}
    for stage in ("Talking", "Due", "Won", "Offer"):
        await world.change("moveLead", {**bob, "stageId": world[stage]})
        assert (await world.lead("Bob", "ownForecastCategory"))["ownForecastCategory"] == "COMMIT"
    await world.change("disqualifyLead", {**bob, "reason": "Price"})
    assert (await world.lead("Bob", "forecastCategory"))["forecastCategory"] == "OMITTED"
    await world.change("reopenLead", bob)
    assert (await world.lead("Bob", "forecastCategory"))["forecastCategory"] == "COMMIT"
    made = await world.change("setForecastCategory", {**bob, "category": None}, SHOW)
    assert (made["lead"]["forecastCategory"], made["lead"]["ownForecastCategory"]) == ("PIPELINE", None)


async def test_what_changes_nothing_leaves_no_trace(world: World) -> None:
    """The category that it has, or none again, is no event."""
    ada = {"leadId": world["Ada"]}
    await world.change("setForecastCategory", {**ada, "category": "OMITTED"})
    head = await world.head()
    await world.change("setForecastCategory", {**ada, "category": "OMITTED"})
    await world.change("setForecastCategory", {"leadId": world["Bob"]})
    assert await world.head() == head


@pytest.mark.parametrize(
    ("lead", "category", "code", "field"),
    [("Ada", "CLOSED", "INVALID", "category"), ("Eve", "COMMIT", "LEAD_CLOSED", "leadId")],
)
async def test_how_a_lead_ended_is_not_chosen(world: World, lead: str, category: str, code: str, field: str) -> None:
    """CLOSED is what winning makes of a deal, and what is closed counts by how it ended."""
    await world.refused("setForecastCategory", {"leadId": world[lead], "category": category}, code, field)


@pytest.mark.parametrize(
    ("mutation", "path"),
    [("updateStage", ["forecastCategory"]), ("createPipeline", ["stages", "0", "forecastCategory"])],
)
async def test_a_stage_is_not_closed_by_its_category(world: World, mutation: str, path: list[str]) -> None:
    """The kind of a stage decides what is won."""
    stage = {"name": "New", "forecastCategory": "CLOSED"}
    given = {
        "updateStage": {"stageId": world["New"], "forecastCategory": "CLOSED"},
        "createPipeline": {"name": "More", "stages": [stage]},
    }
    await world.refused(mutation, given[mutation], "INVALID", *path)


async def test_an_opportunity_begins_with_the_category_of_its_stage(world: World) -> None:
    """A choice is about the lead, as its probability is."""
    stages = [{"name": "Opened", "forecastCategory": "BEST_CASE"}]
    await world.change("createPipeline", {"name": "Deals", "type": "OPPORTUNITY", "stages": stages})
    await world.change("setForecastCategory", {"leadId": world["Ada"], "category": "COMMIT"})
    await world.change("qualifyLead", {"leadId": world["Ada"]})
    show = "opportunity { forecastCategory ownForecastCategory } lead { forecastCategory }"
    made = await world.change("convertLead", {"leadId": world["Ada"]}, show)
    assert made["opportunity"] == {"forecastCategory": "BEST_CASE", "ownForecastCategory": None}
    assert made["lead"] == {"forecastCategory": "OMITTED"}
