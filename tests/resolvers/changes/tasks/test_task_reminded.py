"""TASK_REMINDED: the reminder of an open task comes once, at its time, by whichever process comes first."""

import asyncio
import json
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo, available_timezones

import pytest

from engine.background import passing_time
from engine.background.passing_time import record, recording
from engine.caller import Caller
from engine.engine import Engine
from models import Role, organisation_id
from models.rules.ids import parse_id, public_id
from models.tables.base import utc_now
from resolvers.changes.tasks import reminders
from resolvers.changes.tasks.reminders import REMINDERS
from tests.support.consistency import expect_consistent
from tests.support.recipes import make_notifications, nobody, task
from tests.support.world import RITA, World

Reminded = Callable[..., Awaitable[list[str]]]

PAST = "2020-05-01T09:00:00Z"


@pytest.fixture(autouse=True)
def in_small_batches(monkeypatch: pytest.MonkeyPatch) -> None:
    """Two tasks a batch, and no pauses."""
    monkeypatch.setattr(passing_time, "BATCH", 2)
    monkeypatch.setattr(passing_time, "BETWEEN", 0)


@pytest.fixture
def reminded(world: World) -> Reminded:
    """Record reminders, and return the titles of their tasks since the last call, in order."""
    seen = 0

    async def look(now: datetime | None = None) -> list[str]:
        nonlocal seen
        seen = seen or await world.head()
        await record(world.database, REMINDERS, now or utc_now(), nobody)
        events = [event for event in await world.events(seen) if event["type"] == "task.reminded"]
        seen = await world.head()
        titles = await world.database.pool.fetch("SELECT id, title FROM task")
        return [{row["id"]: row["title"] for row in titles}[event["record_id"]] for event in events]

    return look


async def test_each_comes_once(world: World, reminded: Reminded) -> None:
    """In order of their times, also those of other organisations' neighbours; what is not due yet waits."""
    for title, at in (("C", "2020-05-03"), ("A", "2020-05-01"), ("B", "2020-05-02"), ("Later", "2099-01-01")):
        await task(world, title, leadId=world["Ada"], remindAt=f"{at}T09:00:00Z")
    await task(world, "Silent", dueAt=PAST)
    assert await reminded() == ["A", "B", "C"]
    assert await reminded() == []
    assert await reminded(datetime(2099, 1, 1, 9, tzinfo=UTC)) == ["Later"]
    await expect_consistent(world.database)


async def test_at_its_instant(world: World, reminded: Reminded) -> None:
    """Not a moment earlier."""
    at = datetime(2031, 5, 1, 7, tzinfo=UTC)
    await task(world, "Call", remindAt=at.isoformat())
    assert await reminded(at - timedelta(microseconds=1)) == []
    assert await reminded(at) == ["Call"]


async def test_in_every_time_zone(world: World, reminded: Reminded) -> None:
    """A reminder at nine of any zone, on the days on which clocks change, comes at that instant."""
    zones = sorted(available_timezones())[::60]
    times = [datetime(2031, *day, 9, tzinfo=ZoneInfo(zone)) for zone in zones for day in ((3, 30), (10, 26))]
    for at in times:
        await task(world, at.isoformat(), remindAt=at.isoformat())
    for instant in sorted({at.astimezone(UTC) for at in times}):
        assert await reminded(instant - timedelta(seconds=1)) == []
        found = await reminded(instant)
        assert sorted(found) == sorted(at.isoformat() for at in times if at.astimezone(UTC) == instant)


@pytest.mark.parametrize(
    ("given", "comes"),
    [
        ({"remindAt": "2020-06-01T09:00:00Z"}, True),
        ({"remindAt": "2099-06-01T09:00:00Z"}, False),
        ({"remindAt": None}, False),
        ({"dueAt": "2031-05-01T09:00:00Z"}, True),
        ({"dueOn": "2031-05-01"}, True),
        ({"assigneeId": "mia"}, True),
        ({"title": "Call again"}, False),
        ({"priority": "HIGH"}, False),
    ],
)
async def test_it_comes_again_after_a_change(
    world: World, reminded: Reminded, given: dict[str, Any], comes: bool
) -> None:
    """Of the reminder, the due date or the assignee; not of what else the task says."""
    call = await task(world, "Call", remindAt=PAST, assigneeId=world["rita"])
    assert await reminded() == ["Call"]
    given = {name: world.ids.get(value, value) for name, value in given.items()}
    await world.change("updateTask", {"taskId": call, **given})
    assert len(await reminded()) == comes
    assert await reminded() == []


async def test_what_is_done_before_is_not_reminded_of(world: World, reminded: Reminded) -> None:
    """Done or cancelled, there is nothing to remind of; a reopened one is."""
    done = await task(world, "Done", remindAt=PAST)
    cancelled = await task(world, "Cancelled", remindAt=PAST)
    told = await task(world, "Recorded", remindAt="2020-04-01T09:00:00Z")
    await world.change("completeTask", {"taskId": done})
    await world.change("cancelTask", {"taskId": cancelled})
    assert await reminded() == ["Recorded"]
    await world.change("completeTask", {"taskId": told})
    for id_ in (done, cancelled, told):
        await world.change("reopenTask", {"taskId": id_})
    assert await reminded() == ["Recorded", "Done", "Cancelled"]


async def test_work_that_is_handed_over_is_reminded_of_again(world: World, reminded: Reminded) -> None:
    """The new assignee has not heard of it."""
    await task(world, "Call", remindAt=PAST, assigneeId=world["rita"])
    assert await reminded() == ["Call"]
    await world.change("reassignAll", {"fromMemberId": world["rita"], "toMemberId": world["mia"]})
    assert await reminded() == ["Call"]


async def test_many_processes_record_it_once(world: World, reminded: Reminded) -> None:
    """However many look at once; what another holds is left for the next look."""
    await reminded()
    for nth in range(9):
        await task(world, f"Task {nth}", remindAt=PAST, leadId=world["Ada"] if nth % 2 else None)
    head = await world.head()
    await asyncio.gather(*(record(world.database, REMINDERS, utc_now(), nobody) for _ in range(6)))
    async with world.database.acquire() as connection:
        await connection.execute("BEGIN")
        held = await task(world, "Held", remindAt=PAST)
        await connection.execute("SELECT FROM task WHERE id = $1 FOR UPDATE", parse_id("task", held))
        await record(world.database, REMINDERS, utc_now(), nobody)
        await connection.execute("ROLLBACK")
    await record(world.database, REMINDERS, utc_now(), nobody)
    found = [event["record_id"] for event in await world.events(head) if event["type"] == "task.reminded"]
    assert len(found) == len(set(found)) == 10
    assert public_id("task", found[-1]) == held


async def test_the_assignee_is_notified(world: World) -> None:
    """Of one's own reminder, too: nobody did it. The event says when it was to come, and the task keeps its version."""
    await make_notifications(world)
    await world.sql("DELETE FROM notification")
    call = await task(world, "Call", leadId=world["Ada"], remindAt=PAST, assigneeId=world["tester"])
    await task(world, "Nobody's", remindAt=PAST, assigneeId=None)
    await record(world.database, REMINDERS, utc_now(), nobody)
    await make_notifications(world)
    query = "{ notifications { nodes { reason count task { id version } lead { title } actor { name } } } }"
    assert (await world.ask(query))["notifications"]["nodes"] == [
        {
            "reason": "REMINDER",
            "count": 1,
            "task": {"id": call, "version": 1},
            "lead": {"title": "Ada"},
            "actor": None,
        }
    ]
    assert (await world.ask(query, **RITA))["notifications"]["nodes"] == []
    events = [event for event in await world.events() if event["type"] == "task.reminded"]
    assert [json.loads(event["data"]) for event in events] == [{"remindAt": "2020-05-01T09:00:00+00:00"}] * 2


async def test_subscribers_hear_of_it(world: World, engine: Engine) -> None:
    """A server looks right after its start, and the event has its own type."""
    await task(world, "Call", leadId=world["Ada"], remindAt=PAST)
    query = """subscription($after: String) { events(after: $after, types: [TASK_REMINDED]) {
        __typename type actor { name } mutation ... on TaskReminded { remindAt task { title } }
    } }"""
    variables = {"after": (await world.ask("{ cursor }"))["cursor"]}
    caller = Caller(world.organisation, "tester", Role.VIEWER)
    stream = engine.subscribe(engine.documents.prepare(query), variables, caller)
    async with recording(world.database, 3600, engine.feed.wake, [REMINDERS]), asyncio.timeout(20):
        heard = json.loads((await anext(stream)).body)["data"]["events"]
    await stream.aclose()
    assert heard == {
        "__typename": "TaskReminded",
        "type": "TASK_REMINDED",
        "actor": None,
        "mutation": None,
        "remindAt": "2020-05-01T09:00:00+00:00",
        "task": {"title": "Call"},
    }


async def test_only_reminders_that_are_due_are_read(world: World) -> None:
    """An index holds those that are to come, of all organisations, and nothing else."""
    await task(world, "Call", remindAt=PAST)
    async with world.database.acquire() as connection, connection.transaction():
        await connection.execute(
            "INSERT INTO task (org_id, id, title, remind_at) SELECT $1, gen_random_uuid(), 'Later', '2099-01-01'"
            " FROM generate_series(1, 3000)",
            organisation_id(world.organisation),
        )
        await connection.execute("ANALYZE task")
        plan = await connection.fetchval(f"EXPLAIN {reminders.DUE.sql}", utc_now())
        assert "task_remind_idx" in "".join(
            row[0] for row in await connection.fetch(f"EXPLAIN {reminders.DUE.sql}", utc_now())
        ), plan
        await connection.execute("DELETE FROM task WHERE title = 'Later'")
