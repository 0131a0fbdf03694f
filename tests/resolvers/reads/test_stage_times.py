"""How long leads stay in stages, by clocks that people set."""

from datetime import datetime, timedelta
from typing import Any

from models.rules.ids import parse_id
from models.tables.base import utc_now
from tests.support.consistency import expect_consistent
from tests.support.world import World

SHOW = """
    stage { name } stageEnteredAt stageHistory(first: 10) { nodes { toStage { name } occurredAt duration } }
    timeInStage { stage { name } seconds visits }
"""


async def ahead(world: World, name: str, by: timedelta) -> None:
    """Let everything that has happened to a lead have happened later: the clock was set back since."""
    lead_id = parse_id("lead", world[name])
    await world.sql("UPDATE stage_change SET occurred_at = occurred_at + $2 WHERE lead_id = $1", lead_id, by)
    await world.sql("UPDATE event SET occurred_at = occurred_at + $2 WHERE lead_id = $1", lead_id, by)
    await world.sql("UPDATE lead SET stage_entered_at = stage_entered_at + $2 WHERE id = $1", lead_id, by)


def steps(lead: dict[str, Any]) -> list[str]:
    """The stages of a lead's history, in its order."""
    return [node["toStage"]["name"] for node in lead["stageHistory"]["nodes"]]


async def test_the_clock_goes_back_a_day(world: World) -> None:
    """The history stays in the order in which it happened, and no visit is shorter than nothing."""
    await world.change("moveLead", {"leadId": world["Ada"], "stageId": world["Talking"]})
    await ahead(world, "Ada", timedelta(days=1))
    for stage in ("Offer", "New", "Lost"):
        given = {"leadId": world["Ada"], "stageId": world[stage]}
        await world.change("moveLead", given if stage != "Lost" else {**given, "lostReason": "No budget"})
    lead = await world.lead("Ada", SHOW)
    assert steps(lead) == ["New", "Talking", "Offer", "New", "Lost"]
    instants = [datetime.fromisoformat(node["occurredAt"]) for node in lead["stageHistory"]["nodes"]]
    assert instants == sorted(set(instants))
    assert lead["stageEnteredAt"] == lead["stageHistory"]["nodes"][-1]["occurredAt"]
    assert min(node["duration"] for node in lead["stageHistory"]["nodes"]) == 0
    assert {stay["stage"]["name"]: stay["visits"] for stay in lead["timeInStage"]} == {
        "New": 2,
        "Talking": 1,
        "Offer": 1,
        "Lost": 1,
    }
    assert min(stay["seconds"] for stay in lead["timeInStage"]) == 0
    timeline = await world.lead("Ada", "timeline(first: 3) { nodes { ... on Event { changes { field } type } } }")
    assert [node["type"] for node in timeline["timeline"]["nodes"]] == ["LEAD_STAGE_CHANGED"] * 3
    await world.change("reopenLead", {"leadId": world["Ada"]})
    assert (await world.lead("Ada", SHOW))["stage"] == {"name": "New"}, "the open stage that it entered last"
    await expect_consistent(world.database)


async def test_a_deleted_stage_moves_its_leads_on(world: World) -> None:
    """Also a move of many at once is after what was before."""
    await ahead(world, "Ada", timedelta(days=1))
    await world.change("deleteStage", {"stageId": world["New"], "moveLeadsTo": world["Talking"]})
    lead = await world.lead("Ada", SHOW)
    assert steps(lead) == ["New", "Talking"]
    assert datetime.fromisoformat(lead["stageEnteredAt"]) > utc_now()
    assert [node["duration"] for node in lead["stageHistory"]["nodes"]] == [0, 0]
    await expect_consistent(world.database)
