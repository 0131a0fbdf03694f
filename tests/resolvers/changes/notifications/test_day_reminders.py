"""Tasks that are due on a day are reminded of at a time of that day, where the assignee lives."""

from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo, available_timezones

import pytest

from engine.background.passing_time import record
from models.rules.clock.local_time import instant_at
from models.rules.time_zone import BESIDE, time_zone
from models.tables.base import utc_now
from resolvers.changes.tasks.day_reminders import DAY_REMINDER_TIMES
from resolvers.changes.tasks.reminders import DAY_REMINDERS, REMINDERS
from tests.support.consistency import expect_consistent
from tests.support.recipes import make_notifications, nobody, task
from tests.support.world import RITA, World

DAY = "2035-06-04"


@pytest.fixture
async def berlin(world: World) -> World:
    """Rita lives in Berlin."""
    await world.change("updateMember", {"memberId": world["rita"], "timeZone": "Europe/Berlin"})
    return world


async def times(world: World) -> dict[str, datetime | None]:
    """When reminders of tasks come, after the background has found it."""
    await record(world.database, DAY_REMINDER_TIMES, utc_now(), nobody)
    rows = await world.database.pool.fetch("SELECT title, day_reminder_at FROM task WHERE reminded_at IS NULL")
    return {row["title"]: row["day_reminder_at"] for row in rows}


async def reminded(world: World, now: datetime) -> list[str]:
    """Record what is due, and return the titles of the tasks of new events."""
    head = await world.head()
    for recorder in (DAY_REMINDER_TIMES, REMINDERS, DAY_REMINDERS):
        await record(world.database, recorder, now, nobody)
    titles = {row["id"]: row["title"] for row in await world.database.pool.fetch("SELECT id, title FROM task")}
    return [titles[event["record_id"]] for event in await world.events(head) if event["type"] == "task.reminded"]


def at(clock: str, zone: str = "Europe/Berlin", day: str = DAY) -> datetime:
    """A time of the day in a zone."""
    return datetime.fromisoformat(f"{day}T{clock}").replace(tzinfo=ZoneInfo(zone))


async def test_at_nine_where_the_assignee_lives(berlin: World) -> None:
    """Not for what is nobody's, has a time, or has a reminder of its own; once; and the assignee is notified."""
    rita = berlin["rita"]
    await task(berlin, "Call", assigneeId=rita, dueOn=DAY)
    await task(berlin, "Own", assigneeId=rita, dueOn=DAY, remindAt=at("07:00").isoformat())
    await task(berlin, "Timed", assigneeId=rita, dueAt=at("08:00").isoformat())
    made = await task(berlin, "Nobody's", dueOn=DAY)
    await berlin.change("updateTask", {"taskId": made, "assigneeId": None})
    assert await times(berlin) == {"Call": at("09:00"), "Own": None, "Timed": None, "Nobody's": None}
    assert await reminded(berlin, at("07:00")) == ["Own"]
    assert await reminded(berlin, at("09:00") - timedelta(microseconds=1)) == []
    assert await reminded(berlin, at("09:00")) == ["Call"]
    assert await reminded(berlin, at("12:00")) == []
    await make_notifications(berlin)
    found = (await berlin.ask("{ notifications { nodes { reason task { title } } } }", **RITA))["notifications"][
        "nodes"
    ]
    assert found[:2] == [{"reason": "REMINDER", "task": {"title": name}} for name in ("Call", "Own")]
    await expect_consistent(berlin.database)


async def test_it_follows_what_changes(berlin: World) -> None:
    """Another day, assignee, time zone or time of day; also of a task that is reopened; a reminder of its own replaces
    it."""
    rita, mia = berlin["rita"], berlin["mia"]
    call = await task(berlin, "Call", assigneeId=rita, dueOn=DAY)
    assert await times(berlin) == {"Call": at("09:00")}
    await berlin.change("updateTask", {"taskId": call, "dueOn": "2035-06-05"})
    assert await times(berlin) == {"Call": at("09:00", day="2035-06-05")}
    await berlin.change("updateTask", {"taskId": call, "assigneeId": mia, "dueOn": DAY})
    assert await times(berlin) == {"Call": at("09:00", "UTC")}
    await berlin.change("updateMember", {"memberId": mia, "timeZone": "Asia/Tokyo"})
    assert await times(berlin) == {"Call": at("09:00", "Asia/Tokyo")}
    await berlin.change("reassignAll", {"fromMemberId": mia, "toMemberId": rita})
    assert await times(berlin) == {"Call": at("09:00")}
    await berlin.change("setNotificationSettings", {"allDayReminderAt": "07:45"}, **RITA)
    assert await times(berlin) == {"Call": at("07:45")}
    await berlin.change("completeTask", {"taskId": call}, **RITA)
    assert await reminded(berlin, at("09:00")) == []
    await berlin.change("reopenTask", {"taskId": call}, **RITA)
    assert await reminded(berlin, at("09:00")) == ["Call"]
    await berlin.change("updateTask", {"taskId": call, "dueOn": "2035-06-06", "remindAt": at("06:00").isoformat()})
    assert await reminded(berlin, at("06:00")) == ["Call"]
    assert await reminded(berlin, at("23:00", day="2035-06-06")) == []


async def test_a_time_that_has_passed_is_none(berlin: World) -> None:
    """A task for today that is made at noon is not reminded of at once; one that nobody looked after until then is."""
    await task(berlin, "Late", assigneeId=berlin["rita"], dueOn="2020-05-01")
    assert await reminded(berlin, utc_now()) == []
    await task(berlin, "Missed", assigneeId=berlin["rita"], dueOn=DAY)
    assert await reminded(berlin, at("18:00")) == ["Missed"]


ZONES = sorted(name for name in available_timezones() if not BESIDE.fullmatch(name))


async def test_in_every_zone(world: World) -> None:
    """Around the changes of clocks of 2035, at 02:30, where a day may not have it: the first valid minute, or the first
    of two. Each comes at its instant, and not a second before."""
    days = [date(2035, 3, 11), date(2035, 3, 25), date(2035, 4, 1), date(2035, 10, 7), date(2035, 10, 28)]
    await world.change("setNotificationSettings", {"allDayReminderAt": "02:30"}, **RITA)
    expected = {}
    for nth, name in enumerate(ZONES[::9]):
        day, title = days[nth % len(days)], f"{name} {nth}"
        await world.sql("UPDATE member SET time_zone = $1 WHERE subject = 'rita'", name)
        await task(world, title, assigneeId=world["rita"], dueOn=day.isoformat())
        expected[title] = instant_at(day, time(2, 30), time_zone(name))
        assert (await times(world))[title] == expected[title]
    for instant in sorted(set(expected.values())):
        assert await reminded(world, instant - timedelta(seconds=1)) == []
        assert sorted(await reminded(world, instant)) == sorted(
            title for title, comes in expected.items() if comes == instant
        )
    assert min(expected.values()) > datetime(2035, 3, 10, tzinfo=UTC)
