"""LEAD_ROTTEN: an open lead that goes stale is recorded once for each stay in a stage, by any process."""

import asyncio
import json
from collections.abc import Awaitable, Callable, Iterator
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

import pytest

from engine.background import passing_time
from engine.background.passing_time import record, recording
from engine.caller import Caller
from engine.engine import Engine
from models import Role, organisation_id
from models.rules.ids import parse_id
from models.tables.base import utc_now
from resolvers.changes.leads import rotten
from resolvers.changes.leads.rotten import DUE, DUE_LEADS, ROTTEN
from tests.support.consistency import expect_consistent
from tests.support.world import World

Recorded = Callable[..., Awaitable[list[str]]]

DAY = timedelta(days=1)


@pytest.fixture(autouse=True)
def in_small_batches(monkeypatch: pytest.MonkeyPatch) -> None:
    """Two leads a batch, and no pauses."""
    monkeypatch.setattr(passing_time, "BATCH", 2)
    monkeypatch.setattr(passing_time, "BETWEEN", 0)


async def nobody(_: UUID) -> None:
    """No subscriber is connected."""


@pytest.fixture
def recorded(world: World) -> Recorded:
    """Look so many days from now, and return the titles of the leads recorded since the last call, in order."""
    seen = 0

    async def look(days: float = 0) -> list[str]:
        nonlocal seen
        seen = seen or await world.head()
        await record(world.database, ROTTEN, utc_now() + days * DAY, nobody)
        events = [event for event in await world.events(seen) if event["type"] == "lead.rotten"]
        seen = await world.head()
        titles = {row["id"]: row["title"] for row in await world.database.pool.fetch("SELECT id, title FROM lead")}
        return [titles[event["lead_id"]] for event in events]

    return look


async def allow(world: World, days: int | None, stage: str = "New") -> None:
    """Change the days of a stage."""
    await world.change("updateStage", {"stageId": world[stage], "rottenAfterDays": days})


async def in_new(world: World, *names: str) -> None:
    """Create leads, one after the other."""
    for name in names:
        made = await world.change("createLead", {"stageId": world["New"], "title": name}, "lead { id }")
        world.ids[name] = made["lead"]["id"]


async def plan(world: World, name: str, days: float) -> str:
    """Schedule a task on a lead, due so many days from now."""
    given = {"leadId": world[name], "title": "Call", "dueAt": (utc_now() + days * DAY).isoformat()}
    made = await world.change("scheduleFollowUp", given, "task { id }")
    return str(made["task"]["id"])


async def test_each_is_recorded_once(world: World, recorded: Recorded) -> None:
    """Those that are stale longest come first, over several batches; closed leads never go stale."""
    await in_new(world, "One", "Two", "Three")
    await world.change("disqualifyLead", {"leadId": world["Two"], "reason": "No answer"})
    await world.change("moveLead", {"leadId": world["Bob"], "stageId": world["Won"]})
    await allow(world, 3)
    assert await recorded(2.9) == []
    assert await recorded(3.1) == ["Cleo", "Ada", "One", "Three"]
    assert await recorded(3.1) == []
    assert await recorded(300) == ["Dan"]  # in Talking, whose days are 14
    await expect_consistent(world.database)


async def test_the_event_names_lead_and_stage(world: World, recorded: Recorded) -> None:
    """The event has no actor, and the lead keeps its version."""
    await world.change("assignLead", {"leadId": world["Dan"], "memberId": world["rita"]})
    before = await world.lead("Dan", "version stageEnteredAt")
    head = await world.head()
    assert await recorded(15) == ["Dan"]
    (event,) = await world.events(head)
    assert (event["type"], event["actor_id"], event["mutation"]) == ("lead.rotten", None, None)
    named = {"lead": "Dan", "member": "rita", "pipeline": "Sales", "stage": "Talking"}
    assert [event[name] for name in ("lead_id", "owner_id", "pipeline_id", "stage_id")] == [
        parse_id(prefix, world[name]) for prefix, name in named.items()
    ]
    since = datetime.fromisoformat(before["stageEnteredAt"]) + 14 * DAY
    assert json.loads(event["data"]) == {"rottenSince": since.isoformat(), "days": 14}
    assert await world.lead("Dan", "version stageEnteredAt") == before


async def test_it_is_recorded_again_in_another_stage(world: World, recorded: Recorded) -> None:
    """A lead that comes back counts afresh; another place in its column changes nothing."""
    assert await recorded(15) == ["Dan"]
    await world.change("moveLead", {"leadId": world["Dan"], "stageId": world["Talking"]})
    assert await recorded(16) == []
    await world.change("moveLead", {"leadId": world["Dan"], "stageId": world["New"]})
    assert await recorded(20) == []
    await world.change("moveLead", {"leadId": world["Dan"], "stageId": world["Talking"]})
    assert await recorded(13) == []
    # The stage was looked at 15 days ahead, so none of its leads is due in the 14 days after that.
    assert await recorded(31) == ["Dan"]


async def test_an_activity_delays_it_and_one_that_is_deleted_does_not(world: World, recorded: Recorded) -> None:
    """The days count from the last activity, and from the one before when that is deleted."""
    await world.sql("UPDATE lead SET stage_entered_at = now() - interval '10 days' WHERE title = 'Dan'")
    call = {"leadId": world["Dan"], "type": "CALL", "subject": "Hello"}
    made = await world.change("logActivity", call, "activity { id }")
    assert await recorded(5) == []
    assert await recorded(13.9) == []
    await world.change("deleteActivity", {"activityId": made["activity"]["id"]})
    assert await recorded(3.9) == []
    assert await recorded(4.1) == ["Dan"]
    await world.change("logActivity", call)
    assert await recorded(100) == []  # once for each stay


async def test_a_planned_task_pauses_it(world: World, recorded: Recorded) -> None:
    """It is recorded when the last planned task is past, or as soon as none is left."""
    await allow(world, None, "Talking")
    await in_new(world, "One", "Two", "Three")
    tasks = {name: await plan(world, name, 10) for name in ("One", "Two", "Three")}
    await allow(world, 3)
    assert await recorded(4) == ["Cleo", "Bob", "Ada"]
    assert await recorded(9) == []
    await world.change("cancelTask", {"taskId": tasks["Two"]})
    assert await recorded(4) == ["Two"]
    later = {"taskId": tasks["One"], "dueAt": (utc_now() + 20 * DAY).isoformat()}
    await world.change("updateTask", later)
    assert await recorded(10.1) == ["Three"]
    assert await recorded(19.9) == []
    await world.change("updateTask", {**later, "dueAt": None})
    assert await recorded(4) == ["One"]


@pytest.mark.parametrize(("before", "after"), [(30, 5), (5, 30), (None, 5)])
async def test_new_days_count_at_once(world: World, recorded: Recorded, before: int | None, after: int) -> None:
    """Leads that have not been recorded count by the new days, and those that have are not recorded again."""
    await allow(world, None, "Talking")
    await allow(world, before)
    assert await recorded(1) == []
    await allow(world, after)
    assert await recorded(after - 0.1) == []
    assert await recorded(after + 0.1) == ["Cleo", "Bob", "Ada"]
    await allow(world, after + 10)
    assert await recorded(after + 11) == []


async def test_a_stage_without_days_lets_nothing_go_stale(world: World, recorded: Recorded) -> None:
    """Its clock stops, as does that of a stage where deals end."""
    await allow(world, None, "Talking")
    assert await recorded(3650) == []
    assert await world.database.pool.fetchval("SELECT count(*) FROM stage WHERE rot_check_at IS NOT NULL") == 0


async def test_reopened_where_it_stands_it_counts_on(world: World, recorded: Recorded) -> None:
    """Without a lost stage it stays in its stage, and goes stale there as if it had never been closed."""
    short = {"name": "Short", "type": "LEAD", "stages": [{"name": "Only", "rottenAfterDays": 5}]}
    made = await world.change("createPipeline", short, "pipeline { stages { id } }")
    given = {"stageId": made["pipeline"]["stages"][0]["id"], "title": "Uma"}
    lead = {"leadId": (await world.change("createLead", given, "lead { id }"))["lead"]["id"]}
    await world.change("disqualifyLead", {**lead, "reason": "No answer"})
    assert await recorded(6) == []
    await world.change("reopenLead", lead)
    assert await recorded(4) == []
    assert await recorded(6) == ["Uma"]


async def test_many_look_at_once(world: World, strangers: World) -> None:
    """Each lead of each organisation is recorded once."""
    for place in (world, strangers):
        await allow(place, 3)
        await in_new(place, *(f"Lead {nth}" for nth in range(7)))
    heads = [await place.head() for place in (world, strangers)]
    later = utc_now() + 4 * DAY
    due = True
    while due:  # leads that another process has locked are left for the next time
        await asyncio.gather(*(record(world.database, ROTTEN, later, nobody) for _ in range(5)))
        async with world.database.acquire() as connection:
            due = bool(await DUE.all(connection, now=later))
    for place, head in zip((world, strangers), heads, strict=True):
        found = [event["lead_id"] for event in await place.events(head)]
        names = ("Cleo", "Bob", "Ada", *(f"Lead {nth}" for nth in range(7)))
        assert sorted(found) == sorted(parse_id("lead", place[name]) for name in names)
    await expect_consistent(world.database)


@pytest.mark.parametrize("held", ["lead", "stage"])
async def test_what_is_being_changed_is_recorded_the_next_time(world: World, recorded: Recorded, held: str) -> None:
    """Neither the change nor the search waits for the other."""
    name = "Dan" if held == "lead" else "Talking"
    async with world.database.acquire() as connection, connection.transaction(), asyncio.timeout(20):
        await connection.execute(f"SELECT FROM {held} WHERE id = $1 FOR UPDATE", parse_id(held, world[name]))
        assert await recorded(15) == []
    assert await recorded(15) == ["Dan"]


async def test_what_could_not_be_recorded_is_recorded_the_next_time(
    world: World, recorded: Recorded, monkeypatch: pytest.MonkeyPatch
) -> None:
    """After a failure in between, nothing is marked as recorded."""

    async def failing(*_: Any) -> None:
        raise RuntimeError("killed between")

    with monkeypatch.context() as patched:
        patched.setattr(rotten, "append", failing)
        assert await recorded(15) == []
    assert await recorded(15) == ["Dan"]


async def test_what_is_not_due_is_not_looked_at(world: World, recorded: Recorded) -> None:
    """Which organisations have stale leads, and which leads these are, is read off indexes: of those to come, not a row
    is read."""
    assert await recorded(15) == ["Dan"]
    await in_new(world, "Later")
    await allow(world, 3)
    values = {"org_id": organisation_id(world.organisation), "now": utc_now(), "size": 500}
    async with world.database.acquire() as connection:
        filling = connection.transaction()
        await filling.start()
        await connection.execute(
            "INSERT INTO stage (org_id, id, pipeline_id, name, position, rotten_after_days, rot_check_at)"
            " SELECT org_id, gen_random_uuid(), pipeline_id, name, 9, 3, now() + interval '3 days'"
            " FROM stage, generate_series(1, 3000) WHERE name = 'New'"
        )
        await connection.execute(
            "INSERT INTO lead (org_id, id, pipeline_id, stage_id, rank, title, stage_entered_at)"
            " SELECT org_id, gen_random_uuid(), pipeline_id, stage_id, rank, title, now()"
            " FROM lead, generate_series(1, 3000) WHERE title = 'Later'"
        )
        await connection.execute("ANALYZE lead, stage")
        plans = [
            await connection.fetchval(
                f"EXPLAIN (ANALYZE, FORMAT JSON) {found.sql}", *(values[name] for name in found.names)
            )
            for found in (DUE, DUE_LEADS)
        ]
        await filling.rollback()
    organisations, leads = ([*_scans(json.loads(plan)[0]["Plan"])] for plan in plans)
    assert sorted(organisations) == [("lead_rot_check_idx", 0), ("stage_rot_check_idx", 1)]
    assert ("lead_idle_idx", 0) in leads
    assert sum(rows for _, rows in leads) <= 1


def _scans(plan: dict[str, Any]) -> Iterator[tuple[str, int]]:
    """The indexes that a plan reads, and how many rows it finds there; a table that it reads as a whole, too."""
    if plan["Node Type"].endswith("Scan") and "Relation Name" in plan:
        yield plan.get("Index Name", plan["Relation Name"]), int(plan["Actual Rows"])
    for below in plan.get("Plans", ()):
        yield from _scans(below)


async def test_subscribers_hear_of_it_and_the_timeline_shows_it(world: World, engine: Engine) -> None:
    """A server looks right after its start; subscribers get the event at once."""
    await world.sql("UPDATE lead SET stage_entered_at = now() - interval '15 days' WHERE title = 'Dan'")
    shown = """__typename type actor { name } mutation lead { title isRotten }
        ... on LeadRotten { days rottenSince stage { name } }"""
    query = f"subscription($after: String, $id: ID) {{ events(after: $after, leadId: $id) {{ {shown} }} }}"
    variables = {"after": (await world.ask("{ cursor }"))["cursor"], "id": world["Dan"]}
    caller = Caller(world.organisation, "tester", Role.VIEWER)
    stream = engine.subscribe(engine.documents.prepare(query), variables, caller)
    async with recording(world.database, 3600, engine.feed.wake, [ROTTEN]), asyncio.timeout(20):
        heard = json.loads((await anext(stream)).body)["data"]["events"]
    await stream.aclose()
    since = (await world.lead("Dan", "rottenSince"))["rottenSince"]
    assert heard == {
        "__typename": "LeadRotten",
        "type": "LEAD_ROTTEN",
        "actor": None,
        "mutation": None,
        "lead": {"title": "Dan", "isRotten": True},
        "days": 14,
        "rottenSince": since,
        "stage": {"name": "Talking"},
    }
    (latest,) = (await world.lead("Dan", f"timeline(first: 1) {{ nodes {{ {shown} }} }}"))["timeline"]["nodes"]
    assert latest == heard
