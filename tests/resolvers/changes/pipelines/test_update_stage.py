"""updateStage: names, probabilities, and what another kind does to the leads in the stage."""

import asyncio
import json

import pytest

from models.rules.ids import parse_id
from tests.support.consistency import expect_consistent
from tests.support.world import World

SHOW = """stage {
    name kind terminal probability rottenAfterDays version totals { values { currency value weightedValue } }
}"""


async def test_changes_what_is_given_and_keeps_the_rest(world: World) -> None:
    """One event holds what changed, and the stage's leads stay as they are."""
    head = await world.head()
    given = {"stageId": world["Talking"], "name": "In touch", "rottenAfterDays": None}
    made = await world.change("updateStage", given, SHOW)
    assert made["stage"] == {
        "name": "In touch",
        "kind": "OPEN",
        "terminal": False,
        "probability": 30,
        "rottenAfterDays": None,
        "version": 2,
        "totals": {"values": [{"currency": "USD", "value": "80.00", "weightedValue": "24.00"}]},
    }
    (event,) = await world.events(head)
    assert (event["type"], event["mutation"]) == ("stage.updated", "update_stage")
    assert json.loads(event["data"]) == {"changes": {"name": ["Talking", "In touch"], "rottenAfterDays": [14, None]}}
    assert await world.lead("Dan", "version") == {"version": 1}


async def test_what_changes_nothing_leaves_no_trace(world: World) -> None:
    """The same values, or none, leave version and log as they are."""
    head = await world.head()
    same = {"stageId": world["New"], "name": "New", "kind": "OPEN", "probability": 10, "rottenAfterDays": None}
    for given in (same, {"stageId": world["New"]}):
        made = await world.change("updateStage", given, SHOW)
        assert made["stage"]["version"] == 1
    assert await world.head() == head


async def test_another_probability_counts_at_once(world: World) -> None:
    """The totals and the leads without a probability of their own follow."""
    made = await world.change("updateStage", {"stageId": world["New"], "probability": 20}, SHOW)
    assert made["stage"]["totals"]["values"] == [
        {"currency": "EUR", "value": "1000.00", "weightedValue": "500.00"},
        {"currency": "USD", "value": "250.50", "weightedValue": "50.10"},
    ]
    assert await world.lead("Bob", "probability weightedValue") == {"probability": 20, "weightedValue": "50.10"}
    await expect_consistent(world.database)


@pytest.mark.parametrize(("kind", "probability"), [("WON", 100), ("LOST", 0)])
async def test_a_stage_where_deals_end_closes_its_leads(world: World, kind: str, probability: int) -> None:
    """The probability follows the kind, each lead is closed with a new version, and the totals are recounted."""
    head = await world.head()
    made = await world.change("updateStage", {"stageId": world["New"], "kind": kind}, SHOW)
    assert (made["stage"]["kind"], made["stage"]["probability"]) == (kind, probability)
    assert [total["weightedValue"] for total in made["stage"]["totals"]["values"]] == (
        ["1000.00", "250.50"] if kind == "WON" else ["0.00", "0.00"]
    )
    for name in ("Ada", "Bob", "Cleo"):
        lead = await world.lead(name, "closedAt version")
        assert lead["closedAt"] is not None
        assert lead["version"] == 2
    (event,) = await world.events(head)
    assert json.loads(event["data"]) == {"changes": {"kind": ["OPEN", kind], "probability": [10, probability]}}
    await expect_consistent(world.database)


async def test_a_stage_that_opens_opens_its_leads(world: World) -> None:
    """The stage keeps its probability, unless another is given."""
    made = await world.change("updateStage", {"stageId": world["Won"], "kind": "OPEN"}, SHOW)
    assert (made["stage"]["kind"], made["stage"]["probability"]) == ("OPEN", 100)
    assert await world.lead("Eve", "closedAt version") == {"closedAt": None, "version": 2}
    await expect_consistent(world.database)
    made = await world.change("updateStage", {"stageId": world["Lost"], "kind": "OPEN", "probability": 90}, SHOW)
    assert made["stage"]["probability"] == 90


async def test_won_to_lost_closes_anew(world: World) -> None:
    """The leads are closed as of now, because they were not lost when they were won."""
    before = await world.lead("Eve", "closedAt")
    await world.change("updateStage", {"stageId": world["Won"], "kind": "LOST"})
    after = await world.lead("Eve", "closedAt")
    assert after["closedAt"] > before["closedAt"]
    await expect_consistent(world.database)


async def test_a_disqualified_lead_is_not_reopened(world: World) -> None:
    """When the LOST stage opens, a disqualified lead stays closed with its reason, and worth nothing."""
    await world.change("disqualifyLead", {"leadId": world["Ada"], "reason": "No budget"})
    await world.change("updateStage", {"stageId": world["Lost"], "kind": "OPEN", "probability": 50})
    lead = await world.lead("Ada", "closedAt lostReason disqualifiedAt weightedValue")
    assert lead["closedAt"] is not None
    assert lead["disqualifiedAt"] is not None
    assert (lead["lostReason"], lead["weightedValue"]) == ("No budget", "0.00")
    await expect_consistent(world.database)


async def test_leads_that_are_lost_no_more_say_so(world: World) -> None:
    """Each lead that loses its lost reason has an event that holds it, also in its timeline."""
    await world.change("moveLead", {"leadId": world["Bob"], "stageId": world["Lost"], "lostReason": "Too dear"})
    await world.change("moveLead", {"leadId": world["Ada"], "stageId": world["Lost"], "lostReason": "No budget"})
    head = await world.head()
    await world.change("updateStage", {"stageId": world["Lost"], "kind": "OPEN", "probability": 5})
    updated = [event for event in await world.events(head) if event["type"] == "lead.updated"]
    assert {(event["lead_id"], event["data"]) for event in updated} == {
        (parse_id("lead", world["Bob"]), '{"changes": {"lostReason": ["Too dear", null]}}'),
        (parse_id("lead", world["Ada"]), '{"changes": {"lostReason": ["No budget", null]}}'),
    }
    shown = await world.lead("Ada", "lostReason timeline(first: 1) { nodes { type changes { field before after } } }")
    assert shown["lostReason"] is None
    assert shown["timeline"]["nodes"] == [
        {"type": "LEAD_UPDATED", "changes": [{"field": "lostReason", "before": "No budget", "after": None}]}
    ]
    await expect_consistent(world.database)


async def test_refusals(world: World) -> None:
    """Each refusal has its code and field, and a conflict returns the stage as it is."""
    new, won = {"stageId": world["New"]}, {"stageId": world["Won"]}
    for given, code, path in (
        ({**new, "name": None}, "INVALID", "name"),
        ({**new, "name": "\n"}, "INVALID", "name"),
        ({**new, "kind": None}, "INVALID", "kind"),
        ({**new, "probability": None}, "INVALID", "probability"),
        ({**new, "probability": -5}, "INVALID", "probability"),
        ({**new, "rottenAfterDays": 0}, "INVALID", "rottenAfterDays"),
        ({**new, "kind": "WON", "probability": 99}, "PROBABILITY_CONTRADICTS_KIND", "probability"),
        ({**new, "kind": "LOST", "probability": 10}, "PROBABILITY_CONTRADICTS_KIND", "probability"),
        ({**won, "probability": 90}, "PROBABILITY_CONTRADICTS_KIND", "probability"),
    ):
        await world.refused("updateStage", given, code, path)
    stale = {**new, "name": "Other", "expectedVersion": 3}
    shown = await world.refused("updateStage", stale, "CONFLICT", "expectedVersion", show="stage { name version }")
    assert shown["stage"] == {"name": "New", "version": 1}


async def test_the_last_open_stage_stays_open(world: World) -> None:
    """Of two that are closed at once, one stays open."""
    shown = await world.refused(
        "updateStage", {"stageId": world["Due"], "kind": "LOST"}, "LAST_OPEN_STAGE", "kind", show="stage { kind }"
    )
    assert shown["stage"] == {"kind": "OPEN"}
    bodies = await asyncio.gather(
        *(world.attempt("updateStage", {"stageId": world[name], "kind": "WON"}) for name in ("New", "Talking", "Offer"))
    )
    codes = [[error["code"] for error in body["data"]["result"]["userErrors"]] for body in bodies]
    assert sorted(codes) == [[], [], ["LAST_OPEN_STAGE"]]
    await expect_consistent(world.database)


async def test_one_of_twenty_with_the_same_version_wins(world: World) -> None:
    """One update is made; the others get a conflict."""
    bodies = await asyncio.gather(
        *(
            world.attempt("updateStage", {"stageId": world["New"], "probability": at, "expectedVersion": 1})
            for at in range(30, 50)
        )
    )
    codes = [[error["code"] for error in body["data"]["result"]["userErrors"]] for body in bodies]
    assert sorted(codes) == [[]] + [["CONFLICT"]] * 19
    await expect_consistent(world.database)
