"""`activityCounts`: how many activities there were, compared with what plain Python counts."""

import random
from collections import Counter
from datetime import date, timedelta
from typing import Any

import pytest

from models.rules.ids import public_id
from tests.support.reports.asking import refusals
from tests.support.reports.leads import Rows, about_now, local, month, order, random_activities, random_leads, stored
from tests.support.world import World

COUNTS = """
query ($in: DateRange!, $groupBy: [ActivityReportBy!]!, $pipelineIds: [ID!]) {
  activityCounts(in: $in, groupBy: $groupBy, pipelineIds: $pipelineIds) {
    key { author { id } pool { id } pipeline { id } month type } count } }
"""

NOUNS = {"AUTHOR": "member", "POOL": "pool", "PIPELINE": "pipeline"}


def expected(rows: Rows, activities: list[Any], given: dict[str, Any]) -> Any:
    """The groups, counted one by one."""
    by = tuple(one for one in ("AUTHOR", "POOL", "PIPELINE", "MONTH", "TYPE") if one in given["groupBy"])
    first, last = (date.fromisoformat(given["in"][end]) for end in ("from", "to"))
    leads = {lead["id"]: lead for lead in rows.leads}
    found: Counter[tuple[Any, ...]] = Counter() if by else Counter({(): 0})
    for activity in activities:
        pipeline = leads[activity["lead_id"]]["pipeline_id"]
        wanted = given["pipelineIds"]
        if not first <= local(activity["occurred_at"]) <= last:
            continue
        if wanted is not None and public_id("pipeline", pipeline) not in wanted:
            continue
        author = activity["author_id"]
        pools = [row["pool_id"] for row in rows.places if row["member_id"] == author] or [None]
        for pool in pools if "POOL" in by else [None]:
            values = {"AUTHOR": author, "POOL": pool, "PIPELINE": pipeline, "TYPE": activity["type"]}
            values |= {"MONTH": month(activity["occurred_at"])}
            found[tuple(values[one] for one in by)] += 1
    shown = []
    for key in sorted(found, key=order):
        names: dict[str, Any] = dict.fromkeys(("author", "pool", "pipeline", "month", "type"))
        for one, value in zip(by, key, strict=True):
            named = one in NOUNS and value is not None
            names[one.lower()] = {"id": public_id(NOUNS[one], value)} if named else value
        shown.append({"key": names, "count": found[key]})
    return shown


async def test_every_activity_is_counted_once(world: World) -> None:
    """In each way to group, of all pipelines and of some."""
    draw = random.Random(3)
    await random_leads(world, draw, 30)
    await random_activities(world, draw, 200)
    rows, activities = await Rows.of(world), await stored(world, "activity")
    seen = 0
    for by in ([], ["AUTHOR"], ["POOL"], ["PIPELINE"], ["MONTH"], ["TYPE"], ["TYPE", "AUTHOR"], ["MONTH", "POOL"]):
        for pipelines in (None, [world["Sales"]], [world["Sales"], world["Renewals"]], []):
            first, last = sorted(date(2030, 3, 1) + timedelta(days=draw.randrange(75)) for _ in range(2))
            days = {"from": first.isoformat(), "to": last.isoformat()}
            given = {"in": days, "groupBy": by, "pipelineIds": pipelines}
            found = (await world.ask(COUNTS, given))["activityCounts"]
            assert found == expected(rows, activities, given), given
            seen += sum(group["count"] for group in found)
    assert seen > 300


async def test_what_cannot_be_reported_is_refused(world: World) -> None:
    """Too much to group by, days that are none, ids of something else; all that is wrong at once."""
    given = {"in": {"from": "2030-01-01", "to": "2030-02-01"}, "groupBy": ["TYPE", "MONTH", "POOL"]}
    assert await refusals(world, COUNTS, given) == [
        "groupBy: a report is grouped by up to 2 of these, not 3. Send fewer."
    ]
    assert await refusals(
        world, COUNTS, {**given, "groupBy": [], "in": {"from": "2030-01-01", "to": "2029-01-01"}}
    ) == ["in.from: this day is after the last one. Send the earlier day as `from`."]
    [message] = await refusals(world, COUNTS, {**given, "groupBy": [], "pipelineIds": [world["Ada"]]})
    assert message.startswith(f"pipelineIds: {world['Ada']!r} is the id of a Lead")


async def test_activities_of_strangers_are_theirs(world: World, strangers: World) -> None:
    """They count nowhere, nor do they with the id of the strangers' pipeline."""
    await strangers.change("logActivity", {"leadId": strangers["Ada"], "type": "CALL", "subject": "Hello"})
    given: dict[str, Any] = {"in": about_now(), "groupBy": []}
    assert (await strangers.ask(COUNTS, given))["activityCounts"][0]["count"] == 1
    assert (await world.ask(COUNTS, given))["activityCounts"][0]["count"] == 0
    given["pipelineIds"] = [strangers["Sales"]]
    assert (await world.ask(COUNTS, given))["activityCounts"][0]["count"] == 0


async def test_an_activity_counts_where_its_lead_is(world: World) -> None:
    """After a move to another pipeline, and not at all when it was deleted."""
    made = await world.change(
        "logActivity", {"leadId": world["Bob"], "type": "CALL", "subject": "Hello"}, "activity { id }"
    )
    await world.change("moveLead", {"leadId": world["Bob"], "stageId": world["Due"]})
    given = {"in": about_now(), "groupBy": ["PIPELINE", "TYPE"]}
    [group] = (await world.ask(COUNTS, given))["activityCounts"]
    assert (group["key"]["pipeline"], group["key"]["type"], group["count"]) == ({"id": world["Renewals"]}, "CALL", 1)
    await world.change("deleteActivity", {"activityId": made["activity"]["id"]})
    assert (await world.ask(COUNTS, given))["activityCounts"] == []


@pytest.mark.parametrize("zone", ["Pacific/Kiritimati", "America/Los_Angeles"])
async def test_months_are_those_of_the_organisation(world: World, zone: str) -> None:
    """What happened at the turn of a year in UTC was in January where the day begins early, in December where late."""
    await world.change("updateOrganisation", {"timeZone": zone})
    given = {"leadId": world["Ada"], "type": "NOTE", "subject": "Hello", "occurredAt": "2025-12-31T23:59:59Z"}
    await world.change("logActivity", given)
    days = {"from": "2025-12-01", "to": "2026-01-31"}
    [group] = (await world.ask(COUNTS, {"in": days, "groupBy": ["MONTH"]}))["activityCounts"]
    assert group["key"]["month"] == ("2026-01" if zone == "Pacific/Kiritimati" else "2025-12")
