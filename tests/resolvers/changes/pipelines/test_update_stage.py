"""updateStage: names, probabilities, and what another kind does to the leads in the stage."""

import asyncio
import json

import pytest

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
async def test_an_empty_stage_gets_another_kind(world: World, kind: str, probability: int) -> None:
    """The probability follows the kind, and back, where the stage keeps its probability unless another is given."""
    head = await world.head()
    made = await world.change("updateStage", {"stageId": world["Offer"], "kind": kind}, SHOW)
    assert (made["stage"]["kind"], made["stage"]["probability"], made["stage"]["terminal"]) == (kind, probability, True)
    made = await world.change("updateStage", {"stageId": world["Offer"], "kind": "OPEN"}, SHOW)
    assert (made["stage"]["kind"], made["stage"]["probability"], made["stage"]["version"]) == ("OPEN", probability, 3)
    assert await world.recorded(head) == [
        ("stage.updated", "update_stage", {"changes": {"kind": ["OPEN", kind], "probability": [60, probability]}}),
        ("stage.updated", "update_stage", {"changes": {"kind": [kind, "OPEN"]}}),
    ]
    made = await world.change("updateStage", {"stageId": world["Lost"], "kind": "OPEN", "probability": 90}, SHOW)
    assert made["stage"]["probability"] == 90
    await expect_consistent(world.database)


@pytest.mark.parametrize(
    ("stage", "kind"), [("New", "WON"), ("New", "LOST"), ("Won", "OPEN"), ("Won", "LOST"), ("Lost", "OPEN")]
)
async def test_a_stage_with_leads_keeps_its_kind(world: World, stage: str, kind: str) -> None:
    """Its leads keep when and why they were closed: the stage is shown as it is, and the message says what to do."""
    given = {"leadId": world["Bob"], "stageId": world["Lost"], "lostReason": "Too dear"}
    await world.change("moveLead", given)
    show = "stage { name version }"
    refused = await world.refused(
        "updateStage", {"stageId": world[stage], "name": "Over", "kind": kind}, "STAGE_NOT_EMPTY", "kind", show=show
    )
    assert refused["stage"] == {"name": stage, "version": 1}
    assert refused["userErrors"][0]["message"] == (
        f"There are leads in this stage, which another kind would close or open. Add a stage of the kind {kind}, and"
        " delete this one with moveLeadsTo."
    )
    await world.change("updateStage", {"stageId": world[stage], "name": "Over"})
    await expect_consistent(world.database)


async def test_a_lead_that_enters_meanwhile_keeps_the_kind(world: World) -> None:
    """Of a move into an empty stage and its change of kind at once, either the change of kind is refused or the lead
    is closed by its move: never is a lead in a WON stage open."""
    for at in range(10):
        made = await world.change("addStage", {"pipelineId": world["Sales"], "name": f"S{at}"}, "stage { id }")
        stage_id = made["stage"]["id"]
        bodies = await asyncio.gather(
            world.attempt("moveLead", {"leadId": world["Ada"], "stageId": stage_id}),
            world.attempt("updateStage", {"stageId": stage_id, "kind": "WON"}),
        )
        moved, changed = ([error["code"] for error in body["data"]["result"]["userErrors"]] for body in bodies)
        assert moved == []
        assert changed in ([], ["STAGE_NOT_EMPTY"])
        assert (await world.lead("Ada", "closedAt"))["closedAt"] is None or changed == []
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
    given = {"name": "Partners", "stages": [{"name": name} for name in "ABC"]}
    made = await world.change("createPipeline", given, "pipeline { stages { id } }")
    ids = [stage["id"] for stage in made["pipeline"]["stages"]]
    bodies = await asyncio.gather(*(world.attempt("updateStage", {"stageId": id, "kind": "WON"}) for id in ids))
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
