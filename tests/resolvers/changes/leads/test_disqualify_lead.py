"""disqualifyLead: a lead is closed with a reason, in the LOST stage of its pipeline or in its own stage."""

from typing import Any

import pytest

from models.rules.ids import parse_id
from tests.support.consistency import expect_consistent
from tests.support.recipes import RECIPES, task
from tests.support.world import MIA, RITA, World

SHOW = "lead { stage { name } owner { id } qualifiedAt disqualifiedAt closedAt lostReason version }"
TOTALS = "name totals { count values { currency value weightedValue } }"


async def test_a_disqualified_lead_is_lost_with_its_reason(world: World) -> None:
    """The lead is on top of the LOST stage, the event keeps the notes, and the move records the reason."""
    await world.change("moveLead", {"leadId": world["Dan"], "stageId": world["Lost"], "lostReason": "Price"})
    head = await world.head()
    given = {"leadId": world["Ada"], "reason": "  No \n budget ", "notes": " Ask again\nin spring "}
    lead = (await world.change("disqualifyLead", given, SHOW))["lead"]
    assert lead == {
        "stage": {"name": "Lost"},
        "owner": None,
        "qualifiedAt": None,
        "disqualifiedAt": lead["disqualifiedAt"],
        "closedAt": lead["closedAt"],
        "lostReason": "No budget",
        "version": 2,
    }
    assert None not in (lead["disqualifiedAt"], lead["closedAt"])
    assert await world.cards("Lost") == ["Ada", "Dan"]
    assert await world.recorded(head) == [
        ("lead.disqualified", "disqualify_lead", {"reason": "No budget", "notes": "Ask again\nin spring"}),
        ("lead.stage_changed", "disqualify_lead", {"changes": {"lostReason": [None, "No budget"]}}),
    ]
    moved = (await world.events(head))[1]
    assert moved["from_stage_id"] == parse_id("stage", world["New"])
    assert moved["stage_id"] == parse_id("stage", world["Lost"])
    await expect_consistent(world.database)


async def test_totals_follow(world: World) -> None:
    """A lost lead is worth nothing in the totals, whatever its own probability."""
    await world.change("disqualifyLead", {"leadId": world["Ada"], "reason": "No budget"})
    found = {stage["name"]: stage["totals"] for stage in await world.stages("Sales", TOTALS)}
    assert found["New"] == {"count": 2, "values": [{"currency": "USD", "value": "250.50", "weightedValue": "25.05"}]}
    assert found["Lost"] == {"count": 1, "values": [{"currency": "EUR", "value": "1000.00", "weightedValue": "0.00"}]}


async def test_without_a_lost_stage_a_lead_is_closed_where_it_stands(world: World) -> None:
    """The lead stays in its column and in the totals, without a chance; one event records all of it."""
    head = await world.head()
    made = await world.change("disqualifyLead", {"leadId": world["Fay"], "reason": "Gone"}, SHOW)
    assert (made["lead"]["stage"]["name"], made["lead"]["lostReason"], made["lead"]["version"]) == ("Due", "Gone", 2)
    assert None not in (made["lead"]["closedAt"], made["lead"]["disqualifiedAt"])
    assert (await world.stages("Renewals", TOTALS))[0]["totals"] == {
        "count": 1,
        "values": [{"currency": "USD", "value": "40.00", "weightedValue": "0.00"}],
    }
    changes = {"lostReason": [None, "Gone"]}
    assert await world.recorded(head) == [
        ("lead.disqualified", "disqualify_lead", {"reason": "Gone", "notes": None, "changes": changes})
    ]
    await expect_consistent(world.database)


async def test_the_first_lost_stage_is_taken(world: World) -> None:
    """Of several LOST stages, the first on the board is taken."""
    given = {"pipelineId": world["Sales"], "name": "Spam", "kind": "LOST", "position": 3}
    await world.change("addStage", given)
    made = await world.change("disqualifyLead", {"leadId": world["Ada"], "reason": "No"}, SHOW)
    assert made["lead"]["stage"] == {"name": "Spam"}


async def test_what_a_lead_was_before_stays(world: World) -> None:
    """When it was qualified, its owner and its open tasks stay."""
    bob = {"leadId": world["Bob"]}
    qualified = (await world.change("qualifyLead", bob, SHOW))["lead"]
    await task(world, "Call", **bob, dueOn="2031-01-01")
    lead = (await world.change("disqualifyLead", {**bob, "reason": "No budget"}, SHOW))["lead"]
    assert (lead["qualifiedAt"], lead["owner"]) == (qualified["qualifiedAt"], {"id": world["rita"]})
    assert await world.lead("Bob", "nextTask { title status }") == {"nextTask": {"title": "Call", "status": "OPEN"}}


@pytest.mark.parametrize(
    ("given", "code", "field"),
    [
        ({"reason": ""}, "REASON_REQUIRED", "reason"),
        ({"reason": " \n\t"}, "REASON_REQUIRED", "reason"),
        ({"reason": "x" * 301}, "INVALID", "reason"),
        ({"reason": "a\0b"}, "INVALID", "reason"),
        ({"reason": "No", "notes": "x" * 20_001}, "INVALID", "notes"),
        ({"reason": "No", "notes": "\ud800"}, "INVALID", "notes"),
    ],
    ids=lambda value: str(value)[:40].encode("ascii", "backslashreplace").decode(),
)
async def test_refuses_a_reason_that_says_nothing(world: World, given: dict[str, Any], code: str, field: str) -> None:
    """Each refusal is at its field."""
    await world.refused("disqualifyLead", {"leadId": world["Ada"], **given}, code, field)


async def test_the_limits_themselves_fit(world: World) -> None:
    """A reason of 300 characters and notes of 20,000 are accepted; blank notes are null."""
    head = await world.head()
    long = {"reason": "x" * 300, "notes": "y" * 20_000}
    await world.change("disqualifyLead", {"leadId": world["Ada"], **long})
    await world.change("disqualifyLead", {"leadId": world["Bob"], "reason": "No", "notes": " "})
    data = [one[2] for one in await world.recorded(head) if one[0] == "lead.disqualified"]
    assert data == [long, {"reason": "No", "notes": None}]


async def test_the_lost_stage_asks_for_its_fields(world: World) -> None:
    """A lead that is closed in its own stage enters none, so no fields are required."""
    await world.change("updateStage", {"stageId": world["Lost"], "requiredFields": ["SOURCE", "OWNER"]})
    await world.change("updateStage", {"stageId": world["Due"], "requiredFields": ["SOURCE"]})
    given = {"leadId": world["Ada"], "reason": "No budget"}
    shown = await world.refused("disqualifyLead", given, "FIELDS_REQUIRED", show=SHOW)
    assert "“Lost” requires ownerId, source. " in shown["userErrors"][0]["message"]
    assert (shown["lead"]["stage"], shown["lead"]["lostReason"]) == ({"name": "New"}, None)
    await world.change("disqualifyLead", {"leadId": world["Fay"], "reason": "No budget"})


async def test_a_closed_lead_is_not_disqualified(world: World) -> None:
    """A lead that is won, lost, disqualified in its stage or converted is refused, and the refusal returns it."""
    await world.change("convertLead", await RECIPES["convertLead"](world))
    await world.change("disqualifyLead", {"leadId": world["Fay"], "reason": "No budget"})
    await world.change("disqualifyLead", {"leadId": world["Dan"], "reason": "No budget"})
    for name in ("Ada", "Dan", "Eve", "Fay"):
        given = {"leadId": world[name], "reason": "Price"}
        shown = await world.refused("disqualifyLead", given, "LEAD_CLOSED", show="lead { title lostReason }")
        assert shown["lead"] == {"title": name, "lostReason": "No budget" if name in ("Dan", "Fay") else None}


async def test_a_conflict_shows_the_lead_as_it_is(world: World) -> None:
    """A stale version is reported before the rules of the lead."""
    given = {"leadId": world["Eve"], "reason": "No budget", "expectedVersion": 2}
    shown = await world.refused("disqualifyLead", given, "CONFLICT", "expectedVersion", show=SHOW)
    assert (shown["lead"]["version"], shown["lead"]["disqualifiedAt"]) == (1, None)
    await world.change("disqualifyLead", {"leadId": world["Ada"], "reason": "No budget", "expectedVersion": 1})


async def test_a_rep_disqualifies_the_leads_of_others(world: World) -> None:
    """A rep disqualifies the lead of another owner, who stays the owner."""
    await world.change("assignLead", {"leadId": world["Ada"], "memberId": world["mia"]}, **MIA)
    made = await world.change("disqualifyLead", {"leadId": world["Ada"], "reason": "No"}, SHOW, **RITA)
    assert made["lead"]["owner"] == {"id": world["mia"]}


@pytest.mark.parametrize("name", ["Ada", "Fay"])
async def test_twenty_at_once_close_once(world: World, name: str) -> None:
    """The first reason stays, whether the lead moves or is closed in its stage."""
    reasons = [{"leadId": world[name], "reason": f"Reason {nth}"} for nth in range(20)]
    head = await world.head()
    assert await world.at_once("disqualifyLead", *reasons) == {"done": 1, "LEAD_CLOSED": 19}
    kept = await world.lead(name, "lostReason version")
    assert kept == {"lostReason": (await world.recorded(head))[0][2]["reason"], "version": 2}
    await expect_consistent(world.database)
