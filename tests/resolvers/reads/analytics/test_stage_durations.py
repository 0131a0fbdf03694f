"""`stageDurations`: percentiles that count those who are still there, compared with a product limit in fractions."""

import random
from collections import Counter, defaultdict
from datetime import date, datetime, timedelta
from fractions import Fraction
from typing import Any

import pytest

from engine.errors import RequestError
from models import organisation_id
from models.rules.ids import parse_id, public_id
from models.tables.base import utc_now
from tests.support.world import World

DURATIONS = """
query ($id: ID!, $in: DateRange) { stageDurations(pipelineId: $id, in: $in) {
    stage { name } p50 p75 p90 finished ongoing removed } }
"""

HOUR = timedelta(hours=1)

Visit = tuple[str, datetime, int, str]
"""A stage, when a lead entered it, how many seconds it stayed, and how the visit is counted."""


async def rows(world: World, table: str, order: str) -> list[Any]:
    """The rows of a table, of one organisation."""
    statement = f"SELECT * FROM {table} WHERE org_id = $1 ORDER BY {order}"
    return await world.database.pool.fetch(statement, organisation_id(world.organisation))  # type: ignore[no-any-return]


async def lived(world: World, draw: random.Random) -> None:
    """Leads that went to and fro, stayed for whole hours, and are where they are since half an hour more: so it makes
    no difference how long the test takes."""
    for nth in range(30):
        stage = world[draw.choice(["New", "New", "Talking", "Due"])]
        made = await world.change("createLead", {"title": f"Lead {nth}", "stageId": stage}, "lead { id }")
        for _ in range(draw.randrange(5)):
            to = world[draw.choice(["New", "Talking", "Talking", "Offer", "Due", "Lost", "Won"])]
            given = {"leadId": made["lead"]["id"], "stageId": to, "lostReason": "Price"}
            await world.attempt("moveLead", given)
    steps = defaultdict(list)
    for step in await rows(world, "stage_change", "occurred_at DESC, id DESC"):
        steps[step["lead_id"]].append(step["id"])
    for lead in await rows(world, "lead", "id"):
        at = utc_now() - draw.randrange(60) * HOUR - timedelta(minutes=30)
        closed = draw.choice([None, at - HOUR, at + timedelta(minutes=20)])
        await world.sql("UPDATE lead SET closed_at = coalesce($2, closed_at) WHERE id = $1", lead["id"], closed)
        for id in steps[lead["id"]]:
            await world.sql("UPDATE stage_change SET occurred_at = $2 WHERE id = $1", id, at)
            at -= draw.randrange(1, 30) * HOUR
        if draw.random() < 0.3:
            await world.change("deleteLead", {"leadId": public_id("lead", lead["id"])})
    await world.sql("UPDATE gone_lead SET gone_at = $1", utc_now() - timedelta(minutes=5))


async def visits(world: World) -> list[Visit]:
    """The visits to open stages, read from the history of each lead."""
    stages = {row["id"]: row for row in await rows(world, "stage", "id")}
    closed = {row["id"]: row["closed_at"] for row in await rows(world, "lead", "id")}
    gone = {row["lead_id"]: row for row in await rows(world, "gone_lead", "lead_id")}
    closed |= {id: row["closed_at"] for id, row in gone.items()}
    found: list[Visit] = []
    following: dict[Any, datetime] = {}
    for step in await rows(world, "stage_change", "occurred_at DESC, id DESC"):
        entered, stage = step["occurred_at"], stages[step["to_stage_id"]]
        ended = following.get(step["lead_id"])
        is_last, following[step["lead_id"]] = ended is None, entered
        if is_last:
            ended = closed[step["lead_id"]]
        if stage["kind"] == "OPEN" and not (is_last and ended is not None and ended <= entered):
            until = gone[step["lead_id"]]["gone_at"] if step["lead_id"] in gone else utc_now()
            seconds = ((ended or until) - entered).total_seconds()
            how = "finished" if ended else "removed" if step["lead_id"] in gone else "ongoing"
            found.append((stage["name"], entered, int(seconds), how))
    return found


def within(visits: list[Visit], percent: int) -> int | None:
    """The first duration at which so many percent have left, by the product-limit estimate."""
    survival = Fraction(1)
    for seconds in sorted({seconds for _, _, seconds, how in visits if how == "finished"}):
        at_risk = sum(stayed >= seconds for _, _, stayed, _ in visits)
        survival *= 1 - Fraction(sum(how == "finished" and stayed == seconds for _, _, stayed, how in visits), at_risk)
        if survival <= 1 - Fraction(percent, 100):
            return seconds
    return None


def expected(name: str, visits: list[Visit]) -> dict[str, Any]:
    """What is said of a stage."""
    mine = [visit for visit in visits if visit[0] == name]
    counts = {name: sum(how == name for *_, how in mine) for name in ("finished", "ongoing", "removed")}
    percents = {f"p{percent}": within(mine, percent) for percent in (50, 75, 90)}
    return {"stage": {"name": name}, **percents, **counts}


@pytest.mark.parametrize("seed", range(5))
async def test_those_who_are_still_there_count(world: World, seed: int) -> None:
    """After random lives, of all visits and of those that began on some days: what plain Python finds."""
    draw = random.Random(seed)
    await lived(world, draw)
    all_visits = await visits(world)
    (first, _), *others = Counter(entered.date() for _, entered, *_ in all_visits).most_common()
    assert others
    known = censored = 0
    for pipeline, names in (("Sales", ("New", "Talking", "Offer")), ("Renewals", ("Due",)), ("Empty", ("Open",))):
        for during in (None, {"from": first.isoformat(), "to": first.isoformat()}):
            shown = await world.ask(DURATIONS, {"id": world[pipeline], "in": during})
            some = [visit for visit in all_visits if during is None or visit[1].date() == first]
            assert shown["stageDurations"] == [expected(name, some) for name in names]
            known += sum(one["p50"] is not None for one in shown["stageDurations"])
            censored += sum(one["ongoing"] > 0 < one["finished"] for one in shown["stageDurations"])
    assert known > 0
    assert censored > 1


async def durations(world: World, *visits: tuple[int, bool]) -> dict[str, Any]:
    """What is said of the stage Open after visits of so many hours, and whether they are over."""
    for nth, (hours, is_over) in enumerate(visits):
        given = {"title": f"Lead {nth}", "stageId": world["Open"]}
        made = await world.change("createLead", given, "lead { id }")
        lead_id, now = parse_id("lead", made["lead"]["id"]), utc_now()
        closed = now if is_over else None
        await world.sql("UPDATE lead SET closed_at = $2 WHERE id = $1", lead_id, closed)
        entered = now - hours * HOUR
        await world.sql("UPDATE stage_change SET occurred_at = $2 WHERE lead_id = $1", lead_id, entered)
    (shown,) = (await world.ask(DURATIONS, {"id": world["Empty"]}))["stageDurations"]
    del shown["stage"]
    return shown  # type: ignore[no-any-return]


async def test_a_half_is_a_half(world: World) -> None:
    """Three quarters of two thirds are a half, however they are multiplied; a lead that is there for longer counts."""
    shown = await durations(world, (1, True), (2, True), (9, False), (9, False))
    assert shown == {"p50": 7200, "p75": None, "p90": None, "finished": 2, "ongoing": 2, "removed": 0}


async def test_who_is_there_for_a_short_time_says_little(world: World) -> None:
    """Those who came just now were not there when the others left: half of those who were had left after an hour."""
    shown = await durations(world, (1, True), (3, True), (0, False), (0, False))
    assert shown == {"p50": 3600, "p75": 10800, "p90": 10800, "finished": 2, "ongoing": 2, "removed": 0}


async def test_nothing_is_known_of_no_visits(world: World) -> None:
    """No percentile."""
    assert await durations(world) == {"p50": None, "p75": None, "p90": None, "finished": 0, "ongoing": 0, "removed": 0}


async def test_what_is_wrong_is_refused(world: World, strangers: World) -> None:
    """Too many days; a pipeline of strangers is as none."""
    given = {"id": world["Sales"], "in": {"from": "2000-01-01", "to": date.today().isoformat()}}
    with pytest.raises(RequestError) as found:
        await world.api(DURATIONS, given, organisation=world.organisation)
    assert [error.message for error in found.value.errors] == [
        "in.from: these are more than ten years. Ask for up to 3,653 days at once."
    ]
    assert await world.ask(DURATIONS, {"id": strangers["Sales"]}) == {"stageDurations": []}
