"""qualifyLead: a lead moves to the next open stage of its pipeline and is marked as qualified, once."""

import pytest

from models.rules.ids import parse_id
from tests.support.consistency import expect_consistent
from tests.support.recipes import RECIPES
from tests.support.world import MIA, RITA, World

SHOW = "lead { stage { name } owner { id } qualifiedAt disqualifiedAt closedAt lostReason version }"
TOTALS = "name totals { count values { currency value weightedValue } }"


async def test_a_qualified_lead_is_on_top_of_the_next_open_stage(world: World) -> None:
    """The lead has the instant of its qualification, and both events hold what happened and the stage before."""
    head = await world.head()
    made = await world.change("qualifyLead", {"leadId": world["Ada"]}, SHOW)
    assert made["lead"] == {
        "stage": {"name": "Talking"},
        "owner": None,
        "qualifiedAt": made["lead"]["qualifiedAt"],
        "disqualifiedAt": None,
        "closedAt": None,
        "lostReason": None,
        "version": 2,
    }
    assert made["lead"]["qualifiedAt"] is not None
    assert await world.cards("Talking") == ["Ada", "Dan"]
    assert await world.recorded(head) == [
        ("lead.qualified", "qualify_lead", {}),
        ("lead.stage_changed", "qualify_lead", {}),
    ]
    qualified, moved = await world.events(head)
    new, talking = (parse_id("stage", world[name]) for name in ("New", "Talking"))
    assert (qualified["stage_id"], qualified["from_stage_id"]) == (new, None)
    assert (moved["stage_id"], moved["from_stage_id"]) == (talking, new)
    assert {event["lead_id"] for event in (qualified, moved)} == {parse_id("lead", world["Ada"])}
    await expect_consistent(world.database)


async def test_totals_and_history_follow(world: World) -> None:
    """The lead counts in its new column by its own probability, and its history has one more step."""
    await world.change("qualifyLead", {"leadId": world["Ada"]})
    ada = {"currency": "EUR", "value": "1000.00", "weightedValue": "500.00"}
    bob = {"currency": "USD", "value": "250.50", "weightedValue": "25.05"}
    dan = {"currency": "USD", "value": "80.00", "weightedValue": "24.00"}
    assert (await world.stages("Sales", TOTALS))[:2] == [
        {"name": "New", "totals": {"count": 2, "values": [bob]}},
        {"name": "Talking", "totals": {"count": 2, "values": [ada, dan]}},
    ]
    history = (await world.lead("Ada", "stageHistory { nodes { fromStage { name } toStage { name } } }"))[
        "stageHistory"
    ]
    assert {"fromStage": {"name": "New"}, "toStage": {"name": "Talking"}} in history["nodes"]
    assert len(history["nodes"]) == 2


async def test_stages_where_deals_end_are_passed_over(world: World) -> None:
    """A LOST stage between two open ones is skipped."""
    order = [world[name] for name in ("New", "Lost", "Won", "Offer", "Talking")]
    await world.change("reorderStages", {"pipelineId": world["Sales"], "stageIds": order})
    made = await world.change("qualifyLead", {"leadId": world["Ada"]}, SHOW)
    assert made["lead"]["stage"] == {"name": "Offer"}


async def test_a_lead_is_qualified_once(world: World) -> None:
    """A lead stays qualified after it is lost and reopened; the refusal returns the lead as it is."""
    ada = {"leadId": world["Ada"]}
    await world.change("qualifyLead", ada)
    shown = await world.refused("qualifyLead", ada, "ALREADY_QUALIFIED", show=SHOW)
    assert (shown["lead"]["stage"], shown["lead"]["version"]) == ({"name": "Talking"}, 2)
    await world.change("disqualifyLead", {**ada, "reason": "No budget"})
    await world.refused("qualifyLead", ada, "ALREADY_QUALIFIED")
    await world.change("reopenLead", ada)
    await world.refused("qualifyLead", ada, "ALREADY_QUALIFIED")


@pytest.mark.parametrize("name", ["Fay", "Bob"])
async def test_the_last_open_stage_has_no_next_one(world: World, name: str) -> None:
    """The only open stage, and one followed only by WON and LOST, have no next one; the refusal returns the lead."""
    if name == "Bob":
        await world.change("moveLead", {"leadId": world["Bob"], "stageId": world["Offer"]})
    shown = await world.refused("qualifyLead", {"leadId": world[name]}, "NO_NEXT_STAGE", show="lead { title }")
    assert shown["lead"] == {"title": name}


async def test_a_closed_lead_is_not_qualified(world: World) -> None:
    """A lead that is won, lost or disqualified in its stage is refused."""
    await world.change("disqualifyLead", {"leadId": world["Fay"], "reason": "No budget"})
    await world.change("moveLead", {"leadId": world["Dan"], "stageId": world["Lost"], "lostReason": "Price"})
    for name in ("Eve", "Fay", "Dan"):
        shown = await world.refused("qualifyLead", {"leadId": world[name]}, "LEAD_CLOSED", show="lead { title }")
        assert shown["lead"] == {"title": name}


async def test_the_next_stage_asks_for_its_fields(world: World) -> None:
    """The refusal names all missing fields; once they are filled the lead moves on."""
    asked = {"stageId": world["Talking"], "requiredFields": ["SOURCE", "CONTACT", "VALUE"]}
    await world.change("updateStage", asked)
    ada = {"leadId": world["Ada"]}
    shown = await world.refused("qualifyLead", ada, "FIELDS_REQUIRED", show=SHOW)
    assert "“Talking” requires contactId, source. " in shown["userErrors"][0]["message"]
    assert (shown["lead"]["stage"], shown["lead"]["qualifiedAt"]) == ({"name": "New"}, None)
    await world.change("updateLead", {**ada, "source": "Fair", "contactId": world["contact of mia"]})
    made = await world.change("qualifyLead", ada, SHOW)
    assert made["lead"]["stage"] == {"name": "Talking"}


async def test_a_conflict_shows_the_lead_as_it_is(world: World) -> None:
    """A stale version is reported before anything else, also when the lead is already qualified."""
    ada = {"leadId": world["Ada"]}
    stale = {**ada, "expectedVersion": 2}
    shown = await world.refused("qualifyLead", stale, "CONFLICT", "expectedVersion", show=SHOW)
    assert (shown["lead"]["version"], shown["lead"]["qualifiedAt"]) == (1, None)
    await world.change("qualifyLead", {**ada, "expectedVersion": 1})
    await world.refused("qualifyLead", {**ada, "expectedVersion": 1}, "CONFLICT", "expectedVersion")
    await world.refused("qualifyLead", {**ada, "expectedVersion": 2}, "ALREADY_QUALIFIED")


async def test_a_rep_qualifies_the_leads_of_others(world: World) -> None:
    """A rep qualifies the lead of another owner, who stays the owner."""
    await world.change("assignLead", {"leadId": world["Ada"], "memberId": world["mia"]}, **MIA)
    made = await world.change("qualifyLead", {"leadId": world["Ada"]}, SHOW, **RITA)
    assert made["lead"]["owner"] == {"id": world["mia"]}


async def test_twenty_at_once_qualify_once(world: World) -> None:
    """One call moves the lead; the others find it qualified, and no stage is skipped."""
    ada = {"leadId": world["Ada"]}
    assert await world.at_once("qualifyLead", *[ada] * 20) == {"done": 1, "ALREADY_QUALIFIED": 19}
    assert await world.lead("Ada", "stage { name } version") == {"stage": {"name": "Talking"}, "version": 2}
    await expect_consistent(world.database)


async def test_a_converted_lead_stays_as_it_is(world: World) -> None:
    """A converted lead was qualified before it became an opportunity, and is refused."""
    await world.change("convertLead", await RECIPES["convertLead"](world))
    await world.refused("qualifyLead", {"leadId": world["Ada"]}, "ALREADY_QUALIFIED")
