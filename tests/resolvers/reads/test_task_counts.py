"""viewer.taskCounts: the numbers of a badge, each task in one of them."""

from datetime import timedelta
from typing import Any

from models import Role
from tests.support.clocks import Clocks
from tests.support.recipes import task
from tests.support.world import MIA, RITA, World

NONE = {"overdue": 0, "today": 0, "upcoming": 0, "undated": 0}


async def counts(world: World, zone: str | None = None, **who: Any) -> Any:
    """The caller's counts, in the caller's time zone or a named one."""
    query = "query($zone: String) { viewer { taskCounts(timeZone: $zone) { overdue today upcoming undated } } }"
    return (await world.ask(query, {"zone": zone}, **who))["viewer"]["taskCounts"]


async def test_counts_own_open_tasks_by_when_they_are_due(world: World) -> None:
    """Due earlier today is overdue, not today; others' tasks and closed ones do not count."""
    clocks = Clocks()
    await world.sql("UPDATE member SET time_zone = $1", clocks.here)
    today, day = clocks.today, timedelta(days=1)
    for name, given in {
        "Overdue since long": {"dueOn": "2020-05-01"},
        "Overdue since yesterday": {"dueOn": str(today - day)},
        "Overdue since this morning": {"dueAt": clocks.at(today, "00:00:00")},
        "Today": {"dueOn": str(today)},
        "Tonight": {"dueAt": clocks.at(today, "23:59:59")},
        "Upcoming": {"dueAt": clocks.at(today + day, "00:00:00")},
        "Upcoming day": {"dueOn": str(today + day)},
        "Upcoming long": {"dueOn": "2031-05-01"},
        "Undated": {},
    }.items():
        await task(world, name, assigneeId=world["rita"], **given)
        await task(world, f"{name} of Mia", assigneeId=None, **given)
    assert await counts(world, **RITA) == {"overdue": 3, "today": 2, "upcoming": 3, "undated": 1}
    assert await counts(world, **MIA) == NONE
    await world.change("completeTask", {"taskId": world["Today"]})
    await world.change("cancelTask", {"taskId": world["Overdue since long"]})
    await world.change("updateTask", {"taskId": world["Upcoming"], "assigneeId": world["mia"]})
    assert await counts(world, **RITA) == {"overdue": 2, "today": 1, "upcoming": 2, "undated": 1}
    assert await counts(world, **MIA) == {**NONE, "upcoming": 1}


async def test_today_is_a_day_of_the_zone(world: World) -> None:
    """Today is a day in the caller's zone or in the named one, and each task is counted once in either."""
    clocks = Clocks()
    await world.sql("UPDATE member SET time_zone = $1 WHERE subject = 'rita'", clocks.behind)
    for days in range(3):
        await task(world, f"Day {days}", assigneeId=world["rita"], dueOn=str(clocks.today_behind + timedelta(days)))
    assert await counts(world, **RITA) == {**NONE, "today": 1, "upcoming": 2}
    assert await counts(world, clocks.ahead, **RITA) == {**NONE, "today": 2, "upcoming": 1}


async def test_who_never_changed_anything_has_none(world: World) -> None:
    """A viewer without any change sees zeros, and unassigned tasks are not the viewer's."""
    await task(world, "Call", dueOn="2020-05-01", assigneeId=None)
    assert await counts(world, subject="new", role=Role.VIEWER) == NONE
