"""Spans: what leads and stages were at each number of the log, written with each change."""

import random
from collections.abc import Mapping
from datetime import date, timedelta
from typing import Any

import pytest

from engine.background.runner import work_off
from engine.live import retention
from engine.live.retention import prune
from models import FOREVER
from models.rules.ids import parse_id
from models.tables.base import utc_now
from resolvers.changes import run_sizes
from resolvers.changes.imports.import_leads import import_deals
from resolvers.changes.imports.options import Import
from resolvers.changes.imports.rows import IN_LINES, Deal
from resolvers.changes.pruned_events import PRUNE
from resolvers.domain import CRM
from tests.support import lives
from tests.support.analytics.spans import expect_spans_folded, expect_spans_made_again, stored_spans
from tests.support.consistency import expect_consistent
from tests.support.world import World

RUN_SIZE = 2
"""Leads that are moved or assigned in one request; more are by a run."""

MORE = {
    "reassignAll": lambda d, pick: {"fromMemberId": pick("member"), "toMemberId": pick("member")},
    "updateStage": lambda d, pick: {
        "stageId": pick("stage"),
        "forecastCategory": d.choice(["PIPELINE", "COMMIT", "OMITTED"]),
    },
    "assignLeads": lambda d, pick: {"leadIds": list({pick("lead"), pick("lead")}), "memberId": pick("member")},
}


@pytest.fixture(autouse=True)
def small(monkeypatch: pytest.MonkeyPatch) -> None:
    """What is more than two leads is a run, of batches of two."""
    monkeypatch.setattr(run_sizes, "AT_ONCE", RUN_SIZE)
    monkeypatch.setattr(run_sizes, "BATCH", RUN_SIZE)
    monkeypatch.setattr(lives, "CHANGES", {**lives.CHANGES, **MORE})


async def nobody(org_id: Any) -> None:
    """Wakes nobody."""


async def imported(world: World, pipeline: str, suffix: str) -> None:
    """Import an open lead with a past, and one that was lost."""
    options = Import(world.organisation, pipeline, create_missing=True, lost=("Gone",), won=())
    lines = dict.fromkeys(IN_LINES)
    deals = [
        Deal(2, f"Then {suffix}", {**lines, "title": "Old"}, entered=((f"First {suffix}", date(2026, 1, 1)),)),
        Deal(3, "Gone", {**lines, "title": "Gone"}, owner="gus", lost_reason="Price"),
    ]
    report = await import_deals(world.database, options, deals)
    assert report.created == 2, report.rejected


async def shuffle(world: World, draw: random.Random) -> None:
    """Reorder the stages of a pipeline."""
    pipeline = draw.choice(
        await world.database.pool.fetch("SELECT id FROM pipeline WHERE deleted_at IS NULL ORDER BY id")
    )
    rows = await world.database.pool.fetch(
        "SELECT id FROM stage WHERE pipeline_id = $1 AND deleted_at IS NULL ORDER BY position", pipeline["id"]
    )
    ids = [f"stage_{row['id']}" for row in rows]
    draw.shuffle(ids)
    await world.attempt("reorderStages", {"pipelineId": f"pipeline_{pipeline['id']}", "stageIds": ids})


@pytest.mark.parametrize("seed", range(8))
async def test_spans_are_the_log_folded(world: World, seed: int) -> None:
    """Whatever happens to leads and stages, their spans say at the end of each change what the log says, and an upgrade
    finds the same ones."""
    draw = random.Random(seed)
    await imported(world, "Imported", "a")
    for turn in range(4):
        await lives.live(world, draw, 25)
        await shuffle(world, draw)
        if turn == 2:
            await imported(world, "Imported", "b")
        await work_off(world.database, CRM, nobody)
    await expect_spans_folded(world)
    await expect_consistent(world.database)
    await expect_spans_made_again(world.database)


Held = Mapping[str, Any]


async def spans(world: World, title: str) -> list[Held]:
    """The spans of a lead, oldest first."""
    found = await world.database.pool.fetch(
        "SELECT * FROM lead_span WHERE lead_id = $1 ORDER BY from_number", parse_id("lead", world[title])
    )
    return [dict(row) for row in found]


async def test_what_a_span_holds(world: World) -> None:
    """A change ends a span at the number of its first event, and begins the next one there."""
    created = (await spans(world, "Ada"))[0]
    before = await world.head()
    await world.change("updateLead", {"leadId": world["Ada"], "value": "12.50", "ownerId": world["mia"]})
    one, two = await spans(world, "Ada")
    assert one == {**created, "until_number": before + 1}
    assert (two["from_number"], two["until_number"], two["stage_id"]) == (before + 1, FOREVER, created["stage_id"])
    assert (str(two["value"]), two["currency"], two["owner_id"]) == ("12.50", "EUR", parse_id("member", world["mia"]))


@pytest.mark.parametrize(
    ("mutation", "given", "begun"),
    [
        ("moveLead", {"stageId": "New", "afterLeadId": "Bob"}, 0),
        ("updateLead", {"description": "Two of them", "score": 7, "source": "Fair"}, 0),
        ("moveLead", {"stageId": "Talking"}, 1),
        ("updateLead", {"expectedCloseDate": "2031-01-31"}, 1),
        ("updateLead", {"probability": None}, 1),
        ("assignLead", {"memberId": "rita"}, 1),
        ("qualifyLead", {}, 1),
        ("disqualifyLead", {"reason": "No budget"}, 1),
        ("logActivity", {"type": "NOTE", "subject": "Called"}, 0),
        ("deleteLead", {}, 0),
    ],
)
async def test_only_what_reports_count_is_a_new_span(
    world: World, mutation: str, given: Mapping[str, Any], begun: int
) -> None:
    """One row is ended and one begun by a change of what reports count, and none by anything else."""
    before = await spans(world, "Ada")
    named = {key: world.ids.get(value, value) if isinstance(value, str) else value for key, value in given.items()}
    await world.change(mutation, {"leadId": world["Ada"], **named})
    after = await spans(world, "Ada")
    ends = [span["until_number"] for span in after]
    assert len(after) == len(before) + begun
    assert (FOREVER in ends) == (mutation != "deleteLead")


@pytest.mark.parametrize(
    ("title", "changes", "outcomes"),
    [
        ("Ada", [("moveLead", {"stageId": "Won"})], [None, "WON"]),
        ("Ada", [("moveLead", {"stageId": "Lost", "lostReason": "Price"})], [None, "LOST"]),
        ("Ada", [("disqualifyLead", {"reason": "Price"}), ("reopenLead", {})], [None, "LOST", None]),
        ("Fay", [("disqualifyLead", {"reason": "Price"}), ("reopenLead", {})], [None, "LOST", None]),
        ("Ada", [("qualifyLead", {}), ("convertLead", {})], [None, None, "CONVERTED"]),
    ],
)
async def test_how_a_lead_ended(
    world: World, title: str, changes: list[tuple[str, Mapping[str, Any]]], outcomes: list[str | None]
) -> None:
    """A span says whether the lead was open, and if not, how it ended; Fay's pipeline has no stage for lost ones."""
    await world.change("createPipeline", {"name": "Deals", "type": "OPPORTUNITY", "stages": [{"name": "Begun"}]})
    for mutation, given in changes:
        named = {key: world.ids.get(value, value) for key, value in given.items()}
        await world.change(mutation, {"leadId": world[title], **named})
    assert [span["outcome"] for span in await spans(world, title)] == outcomes
    await expect_spans_made_again(world.database)


async def test_a_refused_change_writes_no_span(world: World) -> None:
    """`refused` compares every row of every table."""
    given = {"leadId": world["Ada"], "value": "3", "expectedVersion": 9}
    await world.refused("updateLead", given, "CONFLICT", "expectedVersion")


async def test_spans_go_with_the_log_where_it_is_not_kept(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where events are deleted with their age, so are the spans that ended before those that are left; what holds later
    stays, and the log says from where."""
    monkeypatch.setattr(retention, "BATCH", 3)
    monkeypatch.setattr(retention, "BETWEEN", 0)
    await world.change("updateLead", {"leadId": world["Ada"], "value": "2"})
    await world.change("updateLead", {"leadId": world["Ada"], "value": "3"})
    await world.change("deleteLead", {"leadId": world["Bob"]})
    head = await world.head()
    await world.change("updateLead", {"leadId": world["Ada"], "value": "4"})
    await world.change("updateStage", {"stageId": world["New"], "name": "Fresh"})
    await world.sql("UPDATE event SET occurred_at = now() - interval '100 days' WHERE number <= $1", head)
    before = await stored_spans_by_table(world)
    await prune(world.database, utc_now() - timedelta(days=90), PRUNE[False])
    after = await stored_spans_by_table(world)
    left = {table: [span for span in found if span["until_number"] > head] for table, found in before.items()}
    assert after == left
    assert before != after
    known = await world.database.pool.fetchval("SELECT known_from FROM event_log")
    assert known == head


async def stored_spans_by_table(world: World) -> dict[str, list[dict[str, Any]]]:
    """Every span."""
    async with world.database.acquire() as connection:
        return await stored_spans(connection)
