"""TASK_OVERDUE: a task that passes its deadline is recorded once per deadline, by whichever process comes first."""

import asyncio
import json
from collections.abc import Awaitable, Callable, Iterator
from datetime import UTC, datetime, timedelta
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
from resolvers.changes.tasks import overdue
from resolvers.changes.tasks.overdue import OVERDUE
from tests.support.consistency import expect_consistent
from tests.support.recipes import task
from tests.support.world import World

Recorded = Callable[..., Awaitable[list[str]]]


@pytest.fixture(autouse=True)
def in_small_batches(monkeypatch: pytest.MonkeyPatch) -> None:
    """Two tasks a batch, and no pauses."""
    monkeypatch.setattr(passing_time, "BATCH", 2)
    monkeypatch.setattr(passing_time, "BETWEEN", 0)


async def nobody(_: UUID) -> None:
    """No subscriber is connected."""


@pytest.fixture
def recorded(world: World) -> Recorded:
    """Record late tasks, and return the titles of those recorded since the last call, in order."""
    seen = 0

    async def look(now: datetime | None = None) -> list[str]:
        nonlocal seen
        seen = seen or await world.head()
        await record(world.database, OVERDUE, now or utc_now(), nobody)
        events = [event for event in await world.events(seen) if event["type"] == "task.overdue"]
        seen = await world.head()
        titles = {
            row["id"]: row["title"]
            for row in await world.database.pool.fetch(
                "SELECT id, title FROM task WHERE org_id = $1", organisation_id(world.organisation)
            )
        }
        return [titles[event["record_id"]] for event in events]

    return look


async def test_each_is_recorded_once(world: World, recorded: Recorded) -> None:
    """The longest overdue come first, over several batches; closed, undated and upcoming tasks are left out."""
    for nth, name in enumerate(("Fourth", "Second", "First", "Third")):
        await task(world, name, dueAt=f"2020-05-0{(4, 2, 1, 3)[nth]}T09:00:00Z")
    await task(world, "No day")
    await task(world, "Later", dueAt="2099-01-01T00:00:00Z")
    for name, end in (("Done", "completeTask"), ("Given up", "cancelTask")):
        await world.change(end, {"taskId": await task(world, name, dueOn="2020-05-01")})
    assert await recorded() == ["First", "Second", "Third", "Fourth"]
    assert await recorded() == []
    await expect_consistent(world.database)


async def test_the_event_names_task_and_lead(world: World, recorded: Recorded) -> None:
    """The event has no actor, and the task keeps its fields and its version."""
    await world.change("assignLead", {"leadId": world["Ada"], "memberId": world["rita"]})
    await task(world, "Call", leadId=world["Ada"], dueAt="2020-05-01T09:30:00.250Z")
    head = await world.head()
    assert await recorded() == ["Call"]
    (event,) = await world.events(head)
    assert (event["type"], event["actor_id"], event["mutation"]) == ("task.overdue", None, None)
    assert [event[name] for name in ("record_id", "lead_id", "owner_id", "pipeline_id", "stage_id")] == [
        parse_id(prefix, world[name])
        for prefix, name in (
            ("task", "Call"),
            ("lead", "Ada"),
            ("member", "rita"),
            ("pipeline", "Sales"),
            ("stage", "New"),
        )
    ]
    assert json.loads(event["data"]) == {"deadline": "2020-05-01T09:30:00.250000+00:00"}
    assert await world.task("Call", "version overdue") == {"version": 1, "overdue": True}


async def test_it_is_recorded_again_for_another_due_time(world: World, recorded: Recorded) -> None:
    """A new deadline is recorded once it passes; no other edit leads to a new event."""
    call = {"taskId": await task(world, "Call", dueAt="2020-05-01T00:00:00Z")}
    assert await recorded() == ["Call"]
    for edit in ({"title": "Call them"}, {"assigneeId": world["mia"]}, {"dueAt": "2020-05-01T00:00:00Z"}):
        await world.change("updateTask", {**call, **edit})
    assert await recorded() == []
    await world.change("updateTask", {**call, "dueAt": "2090-05-02T00:00:00Z"})
    assert await recorded() == []
    assert await recorded(datetime(2090, 5, 2, tzinfo=UTC)) == []
    assert await recorded(datetime(2090, 5, 2, microsecond=1, tzinfo=UTC)) == ["Call them"]
    await world.change("updateTask", {**call, "dueAt": None, "dueOn": "2020-05-03"})
    assert await recorded() == ["Call them"]


@pytest.mark.parametrize("end", ["completeTask", "cancelTask"])
async def test_it_is_recorded_again_when_it_was_reopened(world: World, recorded: Recorded, end: str) -> None:
    """A reopened task is open and overdue again."""
    call = {"taskId": await task(world, "Call", dueOn="2020-05-01")}
    assert await recorded() == ["Call"]
    await world.change(end, call)
    assert await recorded() == []
    await world.change("reopenTask", call)
    assert await recorded() == ["Call"]
    assert await recorded() == []


@pytest.mark.parametrize(
    ("zone", "over"),
    [
        ("Pacific/Auckland", datetime(2031, 1, 15, 11, tzinfo=UTC)),
        ("America/Los_Angeles", datetime(2031, 1, 16, 8, tzinfo=UTC)),
    ],
)
async def test_a_day_ends_where_the_assignee_lives(world: World, recorded: Recorded, zone: str, over: datetime) -> None:
    """A day ends at the assignee's midnight, not before."""
    await world.sql("UPDATE member SET time_zone = $1 WHERE subject = 'rita'", zone)
    await task(world, "Call", assigneeId=world["rita"], dueOn="2031-01-15")
    assert await recorded(over) == []
    assert await recorded(over + timedelta(microseconds=1)) == ["Call"]


async def test_many_look_at_once(world: World, strangers: World) -> None:
    """Each task of each organisation is recorded once."""
    for place in (world, strangers):
        for nth in range(7):
            await task(place, f"Call {nth}", leadId=(nth % 2 and place["Ada"]) or None, dueOn="2020-05-01")
    heads = [await place.head() for place in (world, strangers)]
    left = 1
    while left:  # tasks that another process has locked are left for the next time
        await asyncio.gather(*(record(world.database, OVERDUE, utc_now(), nobody) for _ in range(5)))
        left = await world.database.pool.fetchval("SELECT count(*) FROM task WHERE overdue_told_at IS NULL")
    for place, head in zip((world, strangers), heads, strict=True):
        found = [event["record_id"] for event in await place.events(head)]
        assert sorted(found) == sorted(parse_id("task", place[f"Call {nth}"]) for nth in range(7))
    await expect_consistent(world.database)


@pytest.mark.parametrize("held", ["lead", "task"])
async def test_what_is_being_changed_is_recorded_the_next_time(world: World, recorded: Recorded, held: str) -> None:
    """Neither the change nor the search waits for the other: the remaining tasks are recorded meanwhile."""
    await task(world, "Call", leadId=world["Ada"], dueOn="2020-05-01")
    await task(world, "Write", leadId=world["Bob"], dueOn="2020-05-01")
    name = "Ada" if held == "lead" else "Call"
    async with world.database.acquire() as connection, connection.transaction(), asyncio.timeout(20):
        await connection.execute(f"SELECT FROM {held} WHERE id = $1 FOR NO KEY UPDATE", parse_id(held, world[name]))
        assert await recorded() == ["Write"]
    assert await recorded() == ["Call"]


async def test_what_could_not_be_recorded_is_recorded_the_next_time(
    world: World, strangers: World, recorded: Recorded, monkeypatch: pytest.MonkeyPatch
) -> None:
    """After a failure in between, nothing is marked as recorded, and another organisation's tasks are."""
    await task(world, "Call", dueOn="2020-05-01")
    await task(strangers, "Write", dueOn="2020-05-01")
    append = overdue.append

    async def failing(connection: Any, org_id: UUID, new_events: Any, cause: Any) -> None:
        await append(connection, org_id, new_events, cause)
        if org_id == organisation_id(world.organisation):
            raise RuntimeError("killed between")

    head = await strangers.head()
    with monkeypatch.context() as patched:
        patched.setattr(overdue, "append", failing)
        assert await recorded() == []
    assert [event["type"] for event in await strangers.events(head)] == ["task.overdue"]
    assert await recorded() == ["Call"]
    await expect_consistent(world.database)


async def test_what_is_not_late_is_not_looked_at(world: World, recorded: Recorded) -> None:
    """Which organisations have late tasks is read off an index of deadlines: of those to come, not a row is read."""
    await task(world, "Later", dueAt="2131-05-01T09:00:00Z")
    await task(world, "Call", dueOn="2020-05-01")
    async with world.database.acquire() as connection:
        filling = connection.transaction()
        await filling.start()
        await connection.execute(
            "INSERT INTO task (org_id, id, title, creator_id, deadline, due_at)"
            " SELECT org_id, gen_random_uuid(), title, creator_id, deadline, due_at"
            " FROM task, generate_series(1, 3000) WHERE title = 'Later'"
        )
        await connection.execute("ANALYZE task")
        plan = await connection.fetchval(f"EXPLAIN (ANALYZE, FORMAT JSON) {overdue.LATE.sql}", utc_now())
        await filling.rollback()
    scans = [node for node in _nodes(json.loads(plan)[0]["Plan"]) if "Index Name" in node]
    assert [(node["Index Name"], node["Actual Rows"]) for node in scans] == [("task_late_idx", 1)]
    assert await recorded() == ["Call"]


def _nodes(plan: dict[str, Any]) -> Iterator[dict[str, Any]]:
    """The nodes of a plan."""
    yield plan
    for below in plan.get("Plans", ()):
        yield from _nodes(below)


async def test_subscribers_hear_of_it(world: World, engine: Engine) -> None:
    """A server looks right after its start, and subscribers to the lead or its owner get the event at once."""
    await task(world, "Call", leadId=world["Ada"], dueAt="2020-05-01T09:00:00Z")
    query = """subscription($after: String, $leadId: ID) { events(after: $after, leadId: $leadId) {
        __typename type actor { name } mutation lead { title } ... on TaskOverdue { deadline task { title overdue } }
    } }"""
    variables = {"after": (await world.ask("{ cursor }"))["cursor"], "leadId": world["Ada"]}
    caller = Caller(world.organisation, "tester", Role.VIEWER)
    stream = engine.subscribe(engine.documents.prepare(query), variables, caller)
    async with recording(world.database, 3600, engine.feed.wake, [OVERDUE]), asyncio.timeout(20):
        heard = json.loads((await anext(stream)).body)["data"]["events"]
    await stream.aclose()
    assert heard == {
        "__typename": "TaskOverdue",
        "type": "TASK_OVERDUE",
        "actor": None,
        "mutation": None,
        "lead": {"title": "Ada"},
        "deadline": "2020-05-01T09:00:00+00:00",
        "task": {"title": "Call", "overdue": True},
    }
