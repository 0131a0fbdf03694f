"""Spans of what was there before there were spans: made by an upgrade, in batches, from the log."""

import asyncio
import random
from typing import Any

import pytest

from resolvers.changes.missing_values import fill
from resolvers.changes.spans import backfill
from tests.support.analytics.spans import Stored, forget_spans, stored_spans
from tests.support.lives import live
from tests.support.world import World, tables


async def forgotten(world: World) -> Stored:
    """Leave the database as a version has it that knows no spans; returns what they were."""
    async with world.database.acquire() as connection:
        before = await stored_spans(connection)
        await forget_spans(connection)
    return before


async def filled(world: World, **how: Any) -> Stored:
    """The spans after an upgrade."""
    async with world.database.acquire() as connection:
        await fill(connection, **how)
        return await stored_spans(connection)


async def known_from(world: World) -> list[int | None]:
    """From where spans hold, in each organisation."""
    return [row[0] for row in await world.database.pool.fetch("SELECT known_from FROM event_log ORDER BY org_id")]


class Stopped(Exception):
    """Ends an upgrade between two batches."""


async def test_an_upgrade_goes_on_where_it_stopped(
    world: World, strangers: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What was made before a kill stays and is not made again, the rest follows, in every organisation; a third time
    changes nothing."""
    monkeypatch.setattr(backfill, "BATCH", 2)
    await live(world, random.Random(1), 30)
    before = await forgotten(world)
    left = iter(range(2))

    def progress(done: int, of: int) -> None:
        if of and next(left, None) is None:
            raise Stopped

    async with world.database.acquire() as connection:
        with pytest.raises(Stopped):
            await fill(connection, progress)
        some = await stored_spans(connection)
        written = await connection.fetch("SELECT xmin::text, lead_id, until_number FROM lead_span")
    assert 0 < len(some["lead_span"]) < len(before["lead_span"])
    assert await known_from(world) == [None, None]
    assert await filled(world) == before
    again = await world.database.pool.fetch("SELECT xmin::text, lead_id, until_number FROM lead_span")
    assert {tuple(row) for row in written} <= {tuple(row) for row in again}
    assert await known_from(world) == [0, 0]
    stored = await tables(world.database)
    assert await filled(world) == before
    assert await tables(world.database) == stored


async def test_two_servers_fill_in_at_once(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """Each waits for the batches of the other, neither fails, and both end when all is made."""
    monkeypatch.setattr(backfill, "BATCH", 1)
    before = await forgotten(world)
    assert await asyncio.gather(*(filled(world) for _ in range(3))) == [before] * 3


async def test_changes_go_on_meanwhile(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """A lead that changes before its batch keeps what it was before, too."""
    monkeypatch.setattr(backfill, "BATCH", 1)
    before = (await forgotten(world))["lead_span"]
    await world.change("updateLead", {"leadId": world["Ada"], "value": "7"})
    await world.change("updateLead", {"leadId": world["Ada"], "value": "8"})
    after = (await filled(world))["lead_span"]
    title = [span for span in after if span["title"] == "Ada"]
    assert sorted(span["value"] for span in title) == [7, 8, 1000]
    assert {span["lead_id"]: span["from_number"] for span in before}.items() >= {
        title[0]["lead_id"]: min(span["from_number"] for span in title)
    }.items()


OF_GONE = "SELECT lead_id, pipeline_id, stage_id, owner_id, source, closed_at IS NULL AS was_open FROM gone_lead"
STEPS = "SELECT id, lead_id, from_stage_id, to_stage_id, to_pipeline_id, actor_id FROM stage_change"


async def test_leads_that_went_before_it_was_kept(world: World) -> None:
    """What reports count of them, and their history, is read from the log."""
    await world.change("updateLead", {"leadId": world["Ada"], "source": "Fair", "ownerId": world["mia"]})
    await world.change("moveLead", {"leadId": world["Ada"], "stageId": world["Offer"]})
    await world.change("disqualifyLead", {"leadId": world["Fay"], "reason": "No budget"})
    await world.change("updateLead", {"leadId": world["Fay"], "value": "3"})
    for name in ("Ada", "Fay"):
        await world.change("deleteLead", {"leadId": world[name]})
    await world.change("mergeLeads", {"winnerId": world["Bob"], "loserId": world["Cleo"]})
    before = [sorted(map(str, await world.database.pool.fetch(query))) for query in (OF_GONE, STEPS)]
    closed = await world.database.pool.fetchval("SELECT closed_at FROM gone_lead WHERE closed_at IS NOT NULL")
    assert len(before[0]) == 3
    await world.sql("DELETE FROM stage_change WHERE lead_id IN (SELECT lead_id FROM gone_lead)")
    await world.sql("DELETE FROM gone_lead")
    await forgotten(world)
    await filled(world)
    assert [sorted(map(str, await world.database.pool.fetch(query))) for query in (OF_GONE, STEPS)] == before
    again = await world.database.pool.fetchval("SELECT closed_at FROM gone_lead WHERE closed_at IS NOT NULL")
    assert abs((again - closed).total_seconds()) < 1


async def test_where_the_log_is_not_kept(world: World) -> None:
    """Where events were deleted with their age, spans hold from those on that are left."""
    await forgotten(world)
    head = await world.head()
    await world.sql("UPDATE event_log SET tail = head")
    await filled(world, keeps_log=False)
    assert await known_from(world) == [head - 1]


async def test_a_lead_whose_creation_is_not_in_the_log(world: World) -> None:
    """It was there from the beginning, as far as anybody knows, and as it was before its first known change."""
    await world.change("updateLead", {"leadId": world["Ada"], "value": "7"})
    before = await forgotten(world)
    await world.sql("DELETE FROM event WHERE type = 'lead.created'")
    after = await filled(world)
    assert after["stage_span"] == before["stage_span"]
    expected = [
        {**span, "from_number": 0} if span["from_number"] < await world.head() else span for span in before["lead_span"]
    ]
    assert sorted(after["lead_span"], key=str) == sorted(expected, key=str)
