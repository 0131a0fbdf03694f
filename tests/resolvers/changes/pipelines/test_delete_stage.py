"""deleteStage: the leads move together, each with its own step and event; the stage stays as a tombstone."""

import asyncio
import json

import pytest

from engine.engine import Engine
from models import organisation_id
from models.rules.ids import parse_id
from models.rules.rank import spread
from resolvers.changes import run_sizes
from tests.support.consistency import expect_consistent
from tests.support.sql.counting import Counting
from tests.support.world import World

SHOW = (
    "deletedStageId movedLeads stage { name version deleted }"
    " pipeline { version stages { name position } } targetStage { name totals { count } }"
)


async def test_deletes_an_empty_stage(world: World) -> None:
    """The other stages close the gap, and the history may still name the deleted one."""
    head = await world.head()
    made = await world.change("deleteStage", {"stageId": world["Offer"]}, SHOW)
    assert made["deletedStageId"] == world["Offer"]
    assert made["movedLeads"] == 0
    assert made["targetStage"] is None
    assert made["pipeline"] == {
        "version": 2,
        "stages": [
            {"name": "New", "position": 0},
            {"name": "Talking", "position": 1},
            {"name": "Won", "position": 2},
            {"name": "Lost", "position": 3},
        ],
    }
    found = await world.ask("query($id: ID!) { node(id: $id) { ... on Stage { deleted } } }", {"id": world["Offer"]})
    assert found["node"] == {"deleted": True}
    (event,) = await world.events(head)
    assert (event["type"], json.loads(event["data"])) == (
        "stage.deleted",
        {"name": "Offer", "kind": "OPEN", "probability": 60, "rottenAfterDays": None,
         "forecastCategory": "PIPELINE", "requiredFields": [],
         "movedLeads": 0},
    )  # fmt: skip
    for mutation, given, path in (
        ("deleteStage", {"stageId": world["Offer"]}, "stageId"),
        ("updateStage", {"stageId": world["Offer"], "name": "A"}, "stageId"),
        ("createLead", {"title": "A", "stageId": world["Offer"]}, "stageId"),
        ("moveLead", {"leadId": world["Ada"], "stageId": world["Offer"]}, "stageId"),
        ("deleteStage", {"stageId": world["New"], "moveLeadsTo": world["Offer"]}, "moveLeadsTo"),
    ):
        await world.refused(mutation, given, "NOT_FOUND", path)
    await expect_consistent(world.database)


async def test_its_leads_move_on(world: World) -> None:
    """The leads are at the end of the other stage, in order, each with history, event and version; totals follow."""
    head = await world.head()
    made = await world.change("deleteStage", {"stageId": world["New"], "moveLeadsTo": world["Talking"]}, SHOW)
    assert made["movedLeads"] == 3
    assert made["targetStage"] == {"name": "Talking", "totals": {"count": 4}}
    assert await world.cards("Talking") == ["Dan", "Ada", "Bob", "Cleo"]
    lead = await world.lead("Bob", "version closedAt stageHistory { nodes { fromStage { name } toStage { name } } }")
    assert lead == {
        "version": 2,
        "closedAt": None,
        "stageHistory": {
            "nodes": [
                {"fromStage": None, "toStage": {"name": "New"}},
                {"fromStage": {"name": "New"}, "toStage": {"name": "Talking"}},
            ]
        },
    }
    events = await world.events(head)
    assert [event["type"] for event in events] == ["lead.stage_changed"] * 3 + ["stage.deleted"]
    moved = [world.ids[name] for name in ("Ada", "Bob", "Cleo")]
    assert [f"lead_{event['lead_id']}" for event in events[:3]] == moved
    assert f"member_{events[1]['owner_id']}" == world["rita"]
    assert {f"stage_{event['from_stage_id']}" for event in events[:3]} == {world["New"]}
    assert {f"stage_{event['stage_id']}" for event in events[:3]} == {world["Talking"]}
    await expect_consistent(world.database)


async def test_leads_may_go_to_another_pipeline(world: World) -> None:
    """The events hold both pipelines; an external id that is taken in the other one refuses the whole change."""
    given = {"stageId": world["New"], "moveLeadsTo": world["Done"]}
    await world.refused("deleteStage", given, "EXTERNAL_ID_TAKEN", "moveLeadsTo")
    await world.change("updateLead", {"leadId": world["Ada"], "externalId": None})
    head = await world.head()
    await world.change("deleteStage", given)
    assert await world.cards("Done") == ["Ada", "Bob", "Cleo"]
    events = await world.events(head)
    assert f"pipeline_{events[0]['from_pipeline_id']}" == world["Sales"]
    assert f"pipeline_{events[0]['pipeline_id']}" == world["Renewals"]
    lead = await world.lead("Ada", "closedAt weightedValue pipeline { name }")
    assert lead["closedAt"] is not None
    assert (lead["weightedValue"], lead["pipeline"]["name"]) == ("1000.00", "Renewals")
    await expect_consistent(world.database)


async def test_leads_of_a_won_stage_open_again(world: World) -> None:
    """Leads that move from WON to an open stage are open again."""
    await world.change("deleteStage", {"stageId": world["Won"], "moveLeadsTo": world["Offer"]})
    assert await world.lead("Eve", "closedAt weightedValue") == {"closedAt": None, "weightedValue": "300.00"}
    await expect_consistent(world.database)


async def test_lost_leads_keep_why_and_when(world: World) -> None:
    """A move from one LOST stage to another is no new loss, and one to an open stage does not reopen the
    disqualified."""
    await world.change("disqualifyLead", {"leadId": world["Ada"], "reason": "No budget"})
    made = await world.change(
        "addStage", {"pipelineId": world["Sales"], "name": "Dead", "kind": "LOST"}, "stage { id }"
    )
    world.ids["Dead"] = made["stage"]["id"]
    before = await world.lead("Ada", "closedAt disqualifiedAt lostReason")
    assert before["lostReason"] == "No budget"
    await world.change("deleteStage", {"stageId": world["Lost"], "moveLeadsTo": world["Dead"]})
    assert await world.lead("Ada", "closedAt disqualifiedAt lostReason") == before
    await world.change("deleteStage", {"stageId": world["Dead"], "moveLeadsTo": world["New"]})
    assert await world.lead("Ada", "closedAt disqualifiedAt lostReason") == before
    await expect_consistent(world.database)


@pytest.mark.parametrize("target", ["New", "Won"])
async def test_what_is_lost_no_more_says_so(world: World, target: str) -> None:
    """The stage change of a lead that loses its lost reason holds that reason; other leads' events do not."""
    await world.change("moveLead", {"leadId": world["Bob"], "stageId": world["Lost"], "lostReason": "Too dear"})
    await world.change("disqualifyLead", {"leadId": world["Ada"], "reason": "No budget"})
    head = await world.head()
    await world.change("deleteStage", {"stageId": world["Lost"], "moveLeadsTo": world[target]})
    moved = [event for event in await world.events(head) if event["type"] == "lead.stage_changed"]
    recorded = {event["lead_id"]: json.loads(event["data"]) for event in moved}
    kept = {} if target == "New" else {"changes": {"lostReason": ["No budget", None]}}
    forgotten = {"changes": {"lostReason": ["Too dear", None]}}
    assert recorded == {parse_id("lead", world["Ada"]): kept, parse_id("lead", world["Bob"]): forgotten}
    assert (await world.lead("Bob", "lostReason"))["lostReason"] is None
    assert (await world.lead("Ada", "lostReason"))["lostReason"] == ("No budget" if target == "New" else None)
    await expect_consistent(world.database)


@pytest.mark.parametrize("stage", ["New", "Won"])
async def test_leads_are_lost_for_a_reason(world: World, stage: str) -> None:
    """A LOST stage closes the leads, for the reason that must be given; each event has it."""
    given = {"stageId": world[stage], "moveLeadsTo": world["Lost"]}
    shown = await world.refused("deleteStage", given, "REASON_REQUIRED", "lostReason", show=SHOW)
    assert shown["stage"]["name"] == stage
    for why, code in (("  ", "REASON_REQUIRED"), ("a\0b", "INVALID"), ("x" * 301, "INVALID")):
        await world.refused("deleteStage", {**given, "lostReason": why}, code, "lostReason")
    other = {"stageId": world[stage], "moveLeadsTo": world["Talking"], "lostReason": "Too dear"}
    await world.refused("deleteStage", other, "INVALID", "lostReason")
    await world.change("setLostReasons", {"reasons": ["Too dear"]})
    await world.refused("deleteStage", {**given, "lostReason": "Rain"}, "REASON_UNKNOWN", "lostReason")
    head = await world.head()
    await world.change("deleteStage", {**given, "lostReason": "too dear"})
    moved = [event for event in await world.events(head) if event["type"] == "lead.stage_changed"]
    assert {event["data"] for event in moved} == {'{"changes": {"lostReason": [null, "Too dear"]}}'}
    for name in ("Ada", "Bob", "Cleo") if stage == "New" else ("Eve",):
        assert await world.lead(name, "lostReason stage { name }") == {
            "lostReason": "Too dear",
            "stage": {"name": "Lost"},
        }
    await expect_consistent(world.database)


async def test_those_that_were_lost_before_keep_their_reason(world: World) -> None:
    """They need none, and one that is given for the others does not replace it."""
    made = await world.change(
        "createPipeline",
        {"name": "Short", "type": "LEAD", "stages": [{"name": "Only"}, {"name": "More"}]},
        "pipeline { stages { id } }",
    )
    only, more = (stage["id"] for stage in made["pipeline"]["stages"])
    for name, stage in (("Uma", only), ("Vic", more), ("Wim", more)):
        lead = await world.change("createLead", {"title": name, "stageId": stage}, "lead { id }")
        world.ids[name] = lead["lead"]["id"]
    for name in ("Uma", "Vic"):  # there is no lost stage, so they are disqualified where they stand
        await world.change("disqualifyLead", {"leadId": world[name], "reason": "No budget"})
    await world.refused("deleteStage", {"stageId": more, "moveLeadsTo": world["Lost"]}, "REASON_REQUIRED", "lostReason")
    await world.change("deleteStage", {"stageId": more, "moveLeadsTo": world["Lost"], "lostReason": "Too dear"})
    for name, why in (("Vic", "No budget"), ("Wim", "Too dear")):
        assert (await world.lead(name, "lostReason"))["lostReason"] == why
    await world.change("deleteStage", {"stageId": world["Offer"], "moveLeadsTo": world["Lost"]})  # it has no leads
    await expect_consistent(world.database)


async def test_refusals(world: World) -> None:
    """Each refusal has its code and field, and returns the stage where that helps to decide again."""
    shown = await world.refused("deleteStage", {"stageId": world["New"]}, "STAGE_NOT_EMPTY", "moveLeadsTo", show=SHOW)
    assert shown["stage"] == {"name": "New", "version": 1, "deleted": False}
    assert shown["deletedStageId"] is None
    await world.refused("deleteStage", {"stageId": world["New"], "moveLeadsTo": None}, "STAGE_NOT_EMPTY", "moveLeadsTo")
    same = {"stageId": world["New"], "moveLeadsTo": world["New"]}
    await world.refused("deleteStage", same, "INVALID", "moveLeadsTo")
    stale = {"stageId": world["Offer"], "expectedVersion": 2}
    shown = await world.refused("deleteStage", stale, "CONFLICT", "expectedVersion", show=SHOW)
    assert shown["stage"]["name"] == "Offer"
    last = {"stageId": world["Due"], "moveLeadsTo": world["New"]}
    await world.refused("deleteStage", last, "LAST_OPEN_STAGE", "stageId")


async def test_one_open_stage_is_left_by_a_race(world: World) -> None:
    """Of all open stages deleted at once, the last stays."""
    bodies = await asyncio.gather(
        *(
            world.attempt("deleteStage", {"stageId": world[name], "moveLeadsTo": world["Lost"], "lostReason": "Over"})
            for name in ("New", "Talking", "Offer")
        )
    )
    codes = [[error["code"] for error in body["data"]["result"]["userErrors"]] for body in bodies]
    assert sorted(codes) == [[], [], ["LAST_OPEN_STAGE"]]
    await expect_consistent(world.database)


async def test_twenty_deleting_at_once_move_each_lead_once(world: World) -> None:
    """One deletion succeeds, and the others no longer find the stage."""
    head = await world.head()
    given = {"stageId": world["New"], "moveLeadsTo": world["Talking"]}
    bodies = await asyncio.gather(*(world.attempt("deleteStage", given) for _ in range(20)))
    codes = [[error["code"] for error in body["data"]["result"]["userErrors"]] for body in bodies]
    assert sorted(codes) == [[]] + [["NOT_FOUND"]] * 19
    assert len(await world.events(head)) == 4
    await expect_consistent(world.database)


async def test_two_stages_swept_into_each_other(world: World) -> None:
    """One is deleted first, and the other's target is then not found: no deadlock, and no lead is lost."""
    bodies = await asyncio.gather(
        world.attempt("deleteStage", {"stageId": world["New"], "moveLeadsTo": world["Talking"]}),
        world.attempt("deleteStage", {"stageId": world["Talking"], "moveLeadsTo": world["New"]}),
    )
    codes = [[error["code"] for error in body["data"]["result"]["userErrors"]] for body in bodies]
    assert sorted(codes) == [[], ["NOT_FOUND"]]
    await expect_consistent(world.database)


async def test_ten_thousand_leads_move_at_once(world: World, engine: Engine, monkeypatch: pytest.MonkeyPatch) -> None:
    """The leads keep their order and have an event each, with a fixed number of statements, not one per lead."""
    count = 10_000
    monkeypatch.setattr(run_sizes, "AT_ONCE", count)
    org_id, stage = organisation_id("demo"), parse_id("stage", world["Offer"])
    await world.sql(
        """
        WITH made AS (
            INSERT INTO lead (org_id, id, pipeline_id, stage_id, rank, title, value, currency, stage_entered_at)
            SELECT $1, gen_random_uuid(), $2, $3, card.rank, 'Card ' || card.nth, card.nth, 'USD', now()
            FROM unnest($4::text[]) WITH ORDINALITY AS card (rank, nth) RETURNING *
        )
        INSERT INTO stage_total (org_id, stage_id, currency, leads, value, weighted)
        SELECT org_id, stage_id, currency, count(*), sum(value), sum(value) * 60 FROM made GROUP BY 1, 2, 3
        """,
        org_id,
        parse_id("pipeline", world["Sales"]),
        stage,
        spread(count),
    )
    await world.sql("ANALYZE")
    head = await world.head()
    engine.database = counting = Counting(world.database.pool, world.database.spare, world.database.url)
    made = await world.change("deleteStage", {"stageId": world["Offer"], "moveLeadsTo": world["Talking"]}, "movedLeads")
    assert len(counting.sent) < 20
    assert made["movedLeads"] == count
    titles = await world.database.pool.fetch(
        "SELECT title FROM lead WHERE org_id = $1 AND stage_id = $2 ORDER BY rank, id",
        org_id,
        parse_id("stage", world["Talking"]),
    )
    assert [row["title"] for row in titles] == ["Dan", *(f"Card {nth}" for nth in range(1, count + 1))]
    events = await world.events(head)
    assert [event["type"] for event in events] == ["lead.stage_changed"] * count + ["stage.deleted"]
    totals = "totals { count values { value weightedValue } }"
    assert (await world.stages("Sales", totals))[1]["totals"] == {
        "count": count + 1,
        "values": [{"value": "50005080.00", "weightedValue": "15001524.00"}],
    }
