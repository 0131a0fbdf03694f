"""Work that comes again and again: what is made of times that have passed, and who asks for it."""

import asyncio
from datetime import datetime, timedelta

import pytest

from engine.background.leased.kinds import WorkKind
from engine.background.leased.leased_run import LeasedRun
from engine.background.leased.schedules import MissedTimes, WorkSchedule, fire_due, set_schedule, unset_schedule
from engine.background.leased.takers import taking
from engine.engine import Engine
from models import organisation_id
from models.database import Database
from models.tables.base import utc_now
from tests.support.consuming import add_organisation, until

ACME = organisation_id("acme")
HOUR = 3_600


async def nothing(run: LeasedRun) -> None:
    """Do nothing."""


KIND = WorkKind("greeting", nothing)


@pytest.fixture(autouse=True)
async def organisation(database: Database) -> None:
    """One with an empty log."""
    await add_organisation(database, "acme", ACME)


async def scheduled(database: Database, next_at: datetime, missed: MissedTimes, rule: str = str(HOUR)) -> None:
    """A schedule of each hour."""
    async with database.transaction(60) as connection:
        await set_schedule(connection, ACME, WorkSchedule("greeting", "clock", rule, next_at, {"a": 1}, missed))


async def keys(database: Database) -> list[str]:
    """The keys of what was asked for, in their order."""
    found = await database.pool.fetch("SELECT key FROM run WHERE kind = 'greeting' AND owner = 'clock' ORDER BY key")
    return [row["key"] for row in found]


@pytest.mark.parametrize(
    ("missed", "late", "wanted"),
    [
        (MissedTimes.ALL, timedelta(hours=3, minutes=5), [0, 1, 2, 3]),
        (MissedTimes.ONCE, timedelta(hours=3, minutes=5), [3]),
        (MissedTimes.NONE, timedelta(hours=3, minutes=5), []),
        (MissedTimes.NONE, timedelta(hours=3, seconds=5), [3]),
        (MissedTimes.ONCE, timedelta(seconds=5), [0]),
        (MissedTimes.ONCE, timedelta(hours=-1), []),
    ],
)
async def test_what_was_missed(database: Database, missed: MissedTimes, late: timedelta, wanted: list[int]) -> None:
    """All of it, once, or not at all; what is met within a minute is not missed. Several processes ask once."""
    first = utc_now() - late
    await scheduled(database, first, missed)
    for _ in range(2):
        await asyncio.gather(*(fire_due(database, {"greeting": KIND}) for _ in range(3)))
    assert await keys(database) == [(first + timedelta(hours=nth)).isoformat() for nth in wanted]
    found = await database.pool.fetchval("SELECT next_at FROM schedule")
    assert found == first + timedelta(hours=max(0, late // timedelta(hours=1) + 1))


async def test_it_comes_again(database: Database, engine: Engine) -> None:
    """At each of its times, with what it was given, until it is removed."""
    await scheduled(database, utc_now(), MissedTimes.ALL, "0.05")
    async with taking(database, [KIND], engine.feed, 0.02):
        await until(database, "SELECT count(*) >= 5 FROM run WHERE state = 'FINISHED'")
        async with database.transaction(60) as connection:
            await unset_schedule(connection, ACME, "clock")
        count = len(await keys(database))
        await until(database, "SELECT count(*) = 0 FROM run WHERE state <> 'FINISHED'")
    assert len(await keys(database)) == count
    assert await database.pool.fetchval("SELECT count(*) FROM run WHERE input <> '{\"a\": 1}'") == 0


async def test_it_can_be_set_anew(database: Database) -> None:
    """An owner has one schedule at most."""
    later = utc_now() + timedelta(hours=1)
    await scheduled(database, utc_now(), MissedTimes.ALL)
    await scheduled(database, later, MissedTimes.NONE, "60")
    found = await database.pool.fetch("SELECT rule, missed, next_at FROM schedule")
    assert [tuple(row) for row in found] == [("60", "NONE", later)]


async def test_a_wrong_rule_ends_it(database: Database) -> None:
    """It is logged, and asked for no more; nothing else stops."""
    await scheduled(database, utc_now(), MissedTimes.ALL, "each day")
    await fire_due(database, {"greeting": KIND})
    assert await database.pool.fetchval("SELECT next_at FROM schedule") is None
    assert await keys(database) == []


async def test_a_suspended_organisation_waits(database: Database) -> None:
    """Its schedules stand."""
    await scheduled(database, utc_now(), MissedTimes.ALL)
    await database.pool.execute("UPDATE organisation SET suspended_at = now()")
    await fire_due(database, {"greeting": KIND})
    assert await keys(database) == []
    await database.pool.execute("UPDATE organisation SET suspended_at = NULL")
    await fire_due(database, {"greeting": KIND})
    assert len(await keys(database)) == 1
