"""`funnel`: how far leads got, compared with what plain Python counts."""

import random
from collections.abc import Mapping
from datetime import date, datetime, timedelta
from decimal import Decimal
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from engine.errors import RequestError
from models import organisation_id
from models.rules.ids import parse_id, public_id
from tests.support import lives
from tests.support.analytics.wilson import percent, wilson
from tests.support.lives import live
from tests.support.world import World

FUNNEL = """
query ($id: ID!, $cohort: DateRange!, $counting: FunnelCounting, $by: [FunnelBy!]) {
  funnel(pipelineId: $id, cohort: $cohort, counting: $counting, groupBy: $by) { leads stages { ...counted }
    groups { owner { id } source month leads stages { ...counted } } } }
fragment counted on FunnelStage { stage { id } reached undecided decided rate interval { low high } }
"""

ZONE = ZoneInfo("Pacific/Auckland")
"""Where days begin half a day before those of UTC."""

OF_STAGES = (
    *("createLead", "moveLead", "moveLead", "disqualifyLead", "reopenLead", "qualifyLead", "convertLead"),
    *("mergeLeads", "deleteLead", "updateStage", "deleteStage", "addStage"),
)

EVER = {"from": "2025-01-01", "to": "2034-12-30"}


async def lived(world: World, draw: random.Random, monkeypatch: pytest.MonkeyPatch) -> None:
    """Random changes, of leads that were created at random instants, in an organisation where the day begins early."""
    monkeypatch.setattr(lives, "CHANGES", {name: lives.CHANGES[name] for name in OF_STAGES})
    org_id = organisation_id(world.organisation)
    await world.sql("UPDATE organisation SET time_zone = $2 WHERE id = $1", org_id, ZONE.key)
    for nth in range(12):
        stage = draw.choice(["New", "New", "Talking", "Offer", "Due"])
        await world.change("createLead", {"title": f"Lead {nth}", "stageId": world[stage]})
    await live(world, draw, 90)
    for row in await world.database.pool.fetch("SELECT id FROM lead WHERE org_id = $1 ORDER BY id", org_id):
        created = datetime(2030, 3, draw.randrange(1, 29), draw.randrange(24), tzinfo=ZONE)
        source = draw.choice(["Fair", "Web", None])
        await world.sql("UPDATE lead SET created_at = $2, source = $3 WHERE id = $1", row["id"], created, source)
    for row in await world.database.pool.fetch("SELECT lead_id FROM gone_lead ORDER BY lead_id"):
        created = datetime(2030, draw.choice([3, 4]), draw.randrange(1, 29), draw.randrange(24), tzinfo=ZONE)
        await world.sql("UPDATE gone_lead SET created_at = $2 WHERE lead_id = $1", row["lead_id"], created)


async def stored(world: World, table: str, key: str = "id") -> list[Mapping[str, Any]]:
    """The rows of a table, of one organisation."""
    found = await world.database.pool.fetch(
        f"SELECT * FROM {table} WHERE org_id = $1 ORDER BY {key}", organisation_id(world.organisation)
    )
    return [dict(row) for row in found]


def counts(stages: list[Any], steps: list[Any], pipeline: Any, counting: str) -> set[Any]:
    """The stages for which a lead counts, by the steps of its life."""
    by_id = {stage["id"]: nth for nth, stage in enumerate(stages)}
    found = set()
    for step in steps:
        if step["to_stage_id"] not in by_id:
            continue
        entered = stages[by_id[step["to_stage_id"]]]
        earlier = stages[: by_id[entered["id"]]]
        working = [stage for stage in earlier if stage["kind"] == "OPEN"]
        if counting == "DIRECT":
            came = step["from_stage_id"] == working[-1]["id"] if working else step["from_pipeline_id"] != pipeline
            found |= {entered["id"]} if came else set()
            continue
        found.add(entered["id"])
        if counting == "REACHED" and entered["kind"] != "LOST":
            found |= {stage["id"] for stage in working}
    return found


def groups_of(lead: Mapping[str, Any], by: list[str]) -> tuple[Any, ...]:
    """The owner, source and month of a lead, as far as leads are divided by them."""
    owner = None if lead["owner_id"] is None else {"id": public_id("member", lead["owner_id"])}
    month = f"{lead['created_at'].astimezone(ZONE):%Y-%m}"
    whole = {"OWNER": owner, "SOURCE": lead["source"], "MONTH": month}
    return tuple(whole[name] if name in by else None for name in whole)


async def expected(world: World, pipeline: str, first: str, last: str, counting: str, by: list[str]) -> Any:
    """The funnel, counted lead by lead."""
    pipeline_id = parse_id("pipeline", pipeline)
    stages = [one for one in await stored(world, "stage") if one["pipeline_id"] == pipeline_id]
    stages = sorted((one for one in stages if one["deleted_at"] is None), key=lambda one: one["position"])
    steps = await stored(world, "stage_change")
    days = (date.fromisoformat(first), date.fromisoformat(last))
    cohorts: list[tuple[tuple[Any, ...], tuple[bool, set[Any]]]] = []
    gone = [{**lead, "id": lead["lead_id"]} for lead in await stored(world, "gone_lead", "lead_id")]
    for lead in [*await stored(world, "lead"), *gone]:
        mine = [step for step in steps if step["lead_id"] == lead["id"]]
        created = lead["created_at"].astimezone(ZONE).date()
        if days[0] <= created <= days[1] and pipeline_id in {step["to_pipeline_id"] for step in mine}:
            is_open = lead["closed_at"] is None and lead["pipeline_id"] == pipeline_id and "gone_at" not in lead
            cohorts.append((groups_of(lead, by), (is_open, counts(stages, mine, pipeline_id, counting))))
    keys = [key for nth, (key, _) in enumerate(cohorts) if key not in [other for other, _ in cohorts[:nth]]]
    groups = [
        {
            **dict(zip(("owner", "source", "month"), key, strict=True)),
            **whole(stages, [lead for other, lead in cohorts if other == key]),
        }
        for key in keys
    ]
    shown = {**whole(stages, [lead for _, lead in cohorts]), "groups": groups if by else []}
    return in_order(shown)


def in_order(funnel: Any) -> Any:
    """A funnel with its groups in one order."""
    return {**funnel, "groups": sorted(funnel["groups"], key=str)}


def whole(stages: list[Any], cohort: list[tuple[bool, set[Any]]]) -> dict[str, Any]:
    """What is said of some leads, each of which is open or not, and counts for some stages."""
    shown = []
    for stage in stages:
        reached = sum(stage["id"] in been for _, been in cohort)
        undecided = sum(is_open and stage["id"] not in been for is_open, been in cohort)
        decided = len(cohort) - undecided
        rate = percent(Decimal(reached) / decided) if decided else None
        part = {"reached": reached, "undecided": undecided, "decided": decided, "rate": rate}
        shown.append({"stage": {"id": public_id("stage", stage["id"])}, **part, "interval": wilson(reached, decided)})
    return {"leads": len(cohort), "stages": shown}


@pytest.mark.parametrize("seed", range(4))
async def test_every_lead_is_counted_once(world: World, seed: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """After random lives, in each way of counting and for any days: what plain Python counts, lead by lead."""
    draw = random.Random(seed)
    await lived(world, draw, monkeypatch)
    undecided = partly = divided = 0
    for pipeline in ("Sales", "Sales", "Renewals", "Empty"):
        for counting in ("REACHED", "ENTERED", "DIRECT"):
            first, last = sorted(f"2030-03-{draw.randrange(1, 29):02}" for _ in range(2))
            for cohort in ({"from": first, "to": last}, EVER):
                by = draw.sample(["OWNER", "SOURCE", "MONTH"], draw.randrange(4))
                given = {"id": world[pipeline], "cohort": cohort, "counting": counting, "by": by}
                found = in_order((await world.ask(FUNNEL, given))["funnel"])
                assert found == await expected(world, world[pipeline], cohort["from"], cohort["to"], counting, by)
                assert sum(group["leads"] for group in found["groups"]) == (found["leads"] if by else 0)
                divided += len(found["groups"]) > 1
                for stage in found["stages"]:
                    assert stage["undecided"] + stage["decided"] == found["leads"]
                    undecided += stage["undecided"] > 0
                    partly += 0 < stage["reached"] < stage["decided"]
    assert undecided > 5
    assert partly > 5
    assert divided > 0
    assert await stored(world, "gone_lead", "lead_id")


async def reached(world: World, counting: str | None = None) -> dict[str, tuple[int, int, str | None]]:
    """What is reached and undecided of each stage, and the rate, for leads of all times."""
    query = """query ($id: ID!, $cohort: DateRange!, $counting: FunnelCounting! = REACHED) {
        funnel(pipelineId: $id, cohort: $cohort, counting: $counting) {
          stages { stage { name } reached undecided rate } } }"""
    given = {"id": world["Sales"], "cohort": {"from": (date.today() - timedelta(days=300)).isoformat()}}
    shown = await world.ask(query, given | ({"counting": counting} if counting else {}))
    stages = shown["funnel"]["stages"]
    return {one["stage"]["name"]: (one["reached"], one["undecided"], one["rate"]) for one in stages}


async def test_who_skips_a_stage_has_passed_it(world: World) -> None:
    """Bob went straight to the offer and was lost there, Cleo was lost at once; Eve was created as won."""
    await world.change("moveLead", {"leadId": world["Bob"], "stageId": world["Offer"]})
    for name in ("Bob", "Cleo"):
        await world.change("moveLead", {"leadId": world[name], "stageId": world["Lost"], "lostReason": "Price"})
    assert await reached(world) == {
        "New": (5, 0, "100.00"),
        "Talking": (3, 1, "75.00"),
        "Offer": (2, 2, "66.67"),
        "Won": (1, 2, "33.33"),
        "Lost": (2, 2, "66.67"),
    }
    assert await reached(world, "ENTERED") == {
        "New": (3, 1, "75.00"),
        "Talking": (1, 1, "25.00"),
        "Offer": (1, 2, "33.33"),
        "Won": (1, 2, "33.33"),
        "Lost": (2, 2, "66.67"),
    }
    assert await reached(world, "DIRECT") == {
        "New": (3, 1, "75.00"),
        "Talking": (0, 2, "0.00"),
        "Offer": (0, 2, "0.00"),
        "Won": (0, 2, "0.00"),
        "Lost": (1, 2, "33.33"),
    }


async def test_nothing_is_known_of_no_leads(world: World) -> None:
    """No rate, and everything is possible."""
    shown = (await world.ask(FUNNEL, {"id": world["Empty"], "cohort": EVER, "counting": "REACHED"}))["funnel"]
    (stage,) = shown["stages"]
    assert (shown["leads"], stage["rate"], stage["interval"]) == (0, None, {"low": "0.00", "high": "100.00"})


WRONG: Mapping[str, tuple[dict[str, str], str]] = {
    "no first day": (
        {"to": "2030-01-01"},
        "cohort.from: send the first day; it may be up to ten years before the last one.",
    ),
    "the wrong way round": (
        {"from": "2030-01-02", "to": "2030-01-01"},
        "cohort.from: this day is after the last one. Send the earlier day as `from`.",
    ),
    "until today, from later": (
        {"from": (date.today() + timedelta(days=3)).isoformat()},
        "cohort.from: this day is after the last one. Send the earlier day as `from`.",
    ),
    "too many": (
        {"from": "2020-01-01", "to": "2030-01-01"},
        "cohort.from: these are more than ten years. Ask for up to 3,653 days at once.",
    ),
}


@pytest.mark.parametrize("wrong", WRONG)
async def test_days_that_cannot_be_reported(world: World, wrong: str) -> None:
    """A message says what to send."""
    cohort, message = WRONG[wrong]
    with pytest.raises(RequestError) as found:
        await world.api(
            FUNNEL,
            {"id": world["Sales"], "cohort": cohort, "counting": "REACHED"},
            organisation=world.organisation,
        )
    assert [error.message for error in found.value.errors] == [message]


async def test_ten_years_are_not_too_many(world: World) -> None:
    """The longest time that can be asked for."""
    last = date.today() + timedelta(days=1)
    cohort = {"from": (last - timedelta(days=3652)).isoformat(), "to": last.isoformat()}
    given = {"id": world["Sales"], "cohort": cohort, "counting": "REACHED"}
    assert (await world.ask(FUNNEL, given))["funnel"]["leads"] == 5


async def test_pipelines_of_strangers_are_not_found(world: World, strangers: World) -> None:
    """As if there were none."""
    given = {"id": strangers["Sales"], "cohort": EVER, "counting": "REACHED"}
    assert await world.ask(FUNNEL, given) == {"funnel": None}
