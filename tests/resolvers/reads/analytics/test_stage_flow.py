"""`stageFlow`: from which stage leads went to which, compared with what plain Python counts."""

import random
from collections import Counter
from datetime import date, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from engine.errors import RequestError
from models import organisation_id
from models.rules.ids import parse_id, public_id
from tests.support import lives
from tests.support.lives import live
from tests.support.world import World

FLOW = """
query ($id: ID!, $in: DateRange!) { stageFlow(pipelineId: $id, in: $in) {
    fromStage { id name } toStage { id name } kind count } }
"""

ZONE = ZoneInfo("Pacific/Auckland")
"""Where days begin half a day before those of UTC."""

OF_STAGES = (
    *("createLead", "moveLead", "disqualifyLead", "reopenLead", "qualifyLead", "convertLead"),
    *("mergeLeads", "deleteLead", "updateStage", "deleteStage", "addStage"),
)

Flow = Counter[tuple[str | None, str | None, str]]


async def lived(world: World, draw: random.Random, monkeypatch: pytest.MonkeyPatch) -> None:
    """Random changes at random instants, in an organisation where the day begins early."""
    monkeypatch.setattr(lives, "CHANGES", {name: lives.CHANGES[name] for name in OF_STAGES})
    org_id = organisation_id(world.organisation)
    await world.sql("UPDATE organisation SET time_zone = $2 WHERE id = $1", org_id, ZONE.key)
    stages = [{"name": "Begun"}, {"name": "Signed", "kind": "WON"}]
    await world.change("createPipeline", {"name": "Deals", "type": "OPPORTUNITY", "stages": stages})
    names = ("New", "Talking", "Offer", "Won", "Lost", "Due")
    leads = [public_id("lead", row["id"]) for row in await world.database.pool.fetch("SELECT id FROM lead ORDER BY id")]
    for _ in range(50):
        given = {"leadId": draw.choice(leads), "stageId": world[draw.choice(names)], "lostReason": "Price"}
        await world.attempt("moveLead", given)
    await live(world, draw, 40)
    for table, column in (("stage_change", "occurred_at"), ("lead", "closed_at")):
        condition = f"org_id = $1 AND {column} IS NOT NULL"
        for row in await world.database.pool.fetch(f"SELECT id FROM {table} WHERE {condition} ORDER BY id", org_id):
            at = datetime(2030, 3, draw.randrange(1, 29), draw.randrange(24), tzinfo=ZONE)
            await world.sql(f"UPDATE {table} SET {column} = $2 WHERE id = $1", row["id"], at)
    for row in await world.database.pool.fetch("SELECT lead_id FROM gone_lead ORDER BY lead_id"):
        closed, gone = (datetime(2030, 3, draw.randrange(1, 29), draw.randrange(24), tzinfo=ZONE) for _ in range(2))
        await world.sql(
            "UPDATE gone_lead SET gone_at = $2, closed_at = CASE WHEN closed_at IS NOT NULL THEN $3::timestamptz END"
            " WHERE lead_id = $1", row["lead_id"], gone, closed
        )  # fmt: skip


def kind_of(was: Any, now: Any) -> str:
    """What going from one stage to another means."""
    if was is None:
        return "CAME_IN"
    if now is None:
        return "WENT_OUT"
    if now["kind"] != "OPEN":
        return str(now["kind"])
    if was["kind"] != "OPEN":
        return "REOPENED"
    return "FORWARD" if now["position"] > was["position"] else "BACKWARD"


async def expected(world: World, pipeline: str, days: tuple[str, str]) -> Flow:
    """The flow, counted step by step."""
    org_id, found = organisation_id(world.organisation), {}
    for table in ("stage", "stage_change", "lead", "gone_lead"):
        found[table] = await world.database.pool.fetch(f"SELECT * FROM {table} WHERE org_id = $1", org_id)
    first, last = map(date.fromisoformat, days)
    own = {row["id"]: row for row in found["stage"] if row["pipeline_id"] == parse_id("pipeline", pipeline)}
    counted: Flow = Counter()
    for step in found["stage_change"]:
        was, now = own.get(step["from_stage_id"]), own.get(step["to_stage_id"])
        if (was or now) and first <= step["occurred_at"].astimezone(ZONE).date() <= last:
            ends = (None if stage is None else public_id("stage", stage["id"]) for stage in (was, now))
            counted[(*ends, kind_of(was, now))] += 1  # type: ignore[index]
    for lead in found["lead"]:
        stage = own.get(lead["stage_id"])
        if stage is None or stage["kind"] != "OPEN" or lead["closed_at"] is None:
            continue
        if first <= lead["closed_at"].astimezone(ZONE).date() <= last:
            kind = "CONVERTED" if lead["converted_at"] else "DISQUALIFIED"
            counted[(public_id("stage", stage["id"]), None, kind)] += 1
    for lead in found["gone_lead"]:
        if (stage := own.get(lead["stage_id"])) is None:
            continue
        in_place = lead["closed_at"] is not None and stage["kind"] == "OPEN"
        if first <= lead["closed_at" if in_place else "gone_at"].astimezone(ZONE).date() <= last:
            counted[(public_id("stage", stage["id"]), None, "DISQUALIFIED" if in_place else "REMOVED")] += 1
    return counted


async def flow(world: World, pipeline: str, during: Any, name: str) -> Flow:
    """What the API says; each pair of stages once."""
    shown = (await world.ask(FLOW, {"id": world[pipeline], "in": during}))["stageFlow"]
    found: Flow = Counter()
    for one in shown:
        ends = (None if stage is None else stage[name] for stage in (one["fromStage"], one["toStage"]))
        found[(*ends, one["kind"])] = one["count"]  # type: ignore[index]
    assert len(found) == len(shown)
    return found


@pytest.mark.parametrize("seed", range(4))
async def test_every_step_is_counted_once(world: World, seed: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """After random lives, for any days: what plain Python counts, step by step."""
    draw = random.Random(seed)
    await lived(world, draw, monkeypatch)
    kinds = set()
    for pipeline in ("Sales", "Sales", "Sales", "Renewals", "Empty"):
        first, last = sorted(f"2030-03-{draw.randrange(1, 29):02}" for _ in range(2))
        for days in ((first, last), ("2030-03-01", "2030-03-31")):
            found = await flow(world, pipeline, {"from": days[0], "to": days[1]}, "id")
            assert found == await expected(world, world[pipeline], days)
            kinds |= {kind for _, _, kind in found}
    assert len(kinds) > 4
    assert "REMOVED" in kinds


async def test_forward_backward_and_out(world: World) -> None:
    """Each way of leaving a stage, in the order of the stages; and a lead that went twice counts twice."""
    await world.change("createPipeline", {"name": "Deals", "type": "OPPORTUNITY", "stages": [{"name": "Begun"}]})
    for name, stage in (
        *(("Bob", "Talking"), ("Bob", "New"), ("Bob", "Talking"), ("Bob", "Offer"), ("Bob", "Won"), ("Bob", "Talking")),
        *(("Cleo", "Due"), ("Fay", "Offer")),
    ):
        given = {"leadId": world[name], "stageId": world[stage]}
        if name == "Fay":
            await world.change("updateLead", {"leadId": world["Fay"], "externalId": None})
        await world.change("moveLead", given)
    await world.change("moveLead", {"leadId": world["Fay"], "stageId": world["Lost"], "lostReason": "Price"})
    await world.change("qualifyLead", {"leadId": world["Ada"]})
    await world.change("convertLead", {"leadId": world["Ada"]})
    for name in ("Dan", "Cleo"):
        await world.change("disqualifyLead", {"leadId": world[name], "reason": "No budget"})
    lately = {"from": (date.today() - timedelta(days=2)).isoformat()}
    found = await flow(world, "Sales", lately, "name")
    assert list(found.items()) == [
        ((None, "New", "CAME_IN"), 3),
        ((None, "Talking", "CAME_IN"), 1),
        ((None, "Offer", "CAME_IN"), 1),
        ((None, "Won", "CAME_IN"), 1),
        (("New", "Talking", "FORWARD"), 3),
        (("New", None, "WENT_OUT"), 1),
        (("Talking", "New", "BACKWARD"), 1),
        (("Talking", "Offer", "FORWARD"), 1),
        (("Talking", "Lost", "LOST"), 1),
        (("Talking", None, "CONVERTED"), 1),
        (("Offer", "Won", "WON"), 1),
        (("Offer", "Lost", "LOST"), 1),
        (("Won", "Talking", "REOPENED"), 1),
    ]
    found = await flow(world, "Renewals", lately, "name")
    assert list(found.items()) == [
        ((None, "Due", "CAME_IN"), 2),
        (("Due", None, "DISQUALIFIED"), 1),
        (("Due", None, "WENT_OUT"), 1),
    ]


async def test_what_is_wrong_is_refused(world: World, strangers: World) -> None:
    """Days the wrong way round; a pipeline of strangers is as none."""
    given = {"id": world["Sales"], "in": {"from": "2030-01-02", "to": "2030-01-01"}}
    with pytest.raises(RequestError) as found:
        await world.api(FLOW, given, organisation=world.organisation)
    assert [error.message for error in found.value.errors] == [
        "in.from: this day is after the last one. Send the earlier day as `from`."
    ]
    given = {"id": strangers["Sales"], "in": {"from": "2030-01-01", "to": "2030-01-01"}}
    assert await world.ask(FLOW, given) == {"stageFlow": []}
