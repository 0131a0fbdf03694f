"""Filters of tasks: by state, by assignee, and by the days of the caller."""

from datetime import timedelta
from typing import Any

import pytest

from engine.errors import RequestError, format_errors
from models import Role
from tests.support.clocks import Clocks
from tests.support.recipes import task
from tests.support.world import MIA, RITA, World


async def found(world: World, wanted: dict[str, Any], **who: Any) -> list[str]:
    """The titles of the tasks that match a filter, the next due first."""
    query = "query($filter: TaskFilter) { tasks(filter: $filter, first: 100) { nodes { title } totalCount } }"
    tasks = (await world.ask(query, {"filter": wanted}, **who))["tasks"]
    assert tasks["totalCount"] == len(tasks["nodes"])
    return [row["title"] for row in tasks["nodes"]]


async def live_in(world: World, zone: str, *subjects: str) -> None:
    """Set the time zones of members."""
    await world.sql("UPDATE member SET time_zone = $1 WHERE subject = ANY($2)", zone, list(subjects))


async def test_the_next_due_comes_first(world: World) -> None:
    """Tasks are listed by deadline, undated last, ties by age; or by creation."""
    for name, given in (
        ("Undated", {}),
        ("Day", {"dueOn": "2031-05-01"}),
        ("Late that day", {"dueAt": "2031-05-01T23:00:00Z"}),
        ("End of that day", {"dueAt": "2031-05-02T00:00:00Z"}),
        ("Early that day", {"dueAt": "2031-05-01T06:00:00Z"}),
        ("Undated too", {}),
    ):
        await task(world, name, **given)
    order = ["Early that day", "Late that day", "Day", "End of that day", "Undated", "Undated too"]
    assert await found(world, {}) == order
    query = "{ tasks(orderBy: {field: CREATED_AT, direction: DESC}) { nodes { title } } }"
    rows = (await world.ask(query))["tasks"]["nodes"]
    assert rows[0] == {"title": "Undated too"}


async def test_by_what_they_are_about(world: World) -> None:
    """Lead, contact, customer and parent are filters, also through the lead; all parts must match."""
    links = {"leadId": world["Ada"], "contactId": world["contact of mia"], "customerId": world["Acme"]}
    for name, id in links.items():
        await task(world, name, **{name: id})
    await task(world, "All", **links)
    await task(world, "None")
    await task(world, "Part", parentId=world["None"])
    for name, id in links.items():
        assert await found(world, {name: id}) == [name, "All"]
    assert await found(world, links) == ["All"]
    assert await found(world, {"parentId": world["None"]}) == ["Part"]
    assert await found(world, {"parentIds": [world["None"], world["All"]]}) == ["Part"]
    assert await found(world, {"parentIds": []}) == await found(world, {"parentIds": [world["All"]]}) == []
    assert await found(world, {"isSubtask": True}) == ["Part"]
    assert await found(world, {"isSubtask": False, "leadId": world["Ada"]}) == ["leadId", "All"]
    rows = await world.lead("Ada", f'tasks(filter: {{contactId: "{links["contactId"]}"}}) {{ nodes {{ title }} }}')
    assert rows == {"tasks": {"nodes": [{"title": "All"}]}}


async def test_by_whose_they_are(world: World) -> None:
    """`mine` finds the caller's tasks, and `assigned: false` the unassigned ones; a caller without any change has
    none."""
    for name in ("rita", "mia", None):
        await task(world, f"For {name}", assigneeId=name and world[name])
    assert await found(world, {"mine": True}, **RITA) == ["For rita"]
    assert await found(world, {"mine": False}, **RITA) == ["For mia", "For None"]
    assert await found(world, {"mine": True}, subject="new", role=Role.VIEWER) == []
    assert await found(world, {"mine": False}, subject="new", role=Role.VIEWER) == ["For rita", "For mia", "For None"]
    assert await found(world, {"assigned": True}, **MIA) == ["For rita", "For mia"]
    assert await found(world, {"assigned": False}) == ["For None"]
    assert await found(world, {"assigneeId": world["mia"], "mine": True}, **MIA) == ["For mia"]


async def test_by_status_and_priority(world: World) -> None:
    """Each value finds its own tasks, and null does not filter."""
    for name in ("LOW", "NORMAL", "HIGH"):
        await task(world, name, priority=name)
    await world.change("completeTask", {"taskId": world["LOW"]})
    await world.change("cancelTask", {"taskId": world["HIGH"]})
    for status, title in (("DONE", "LOW"), ("OPEN", "NORMAL"), ("CANCELLED", "HIGH")):
        assert await found(world, {"status": status}) == [title]
        assert await found(world, {"priority": title}) == [title]
        assert await found(world, {"status": status, "priority": "NORMAL"}) == ([title] if title == "NORMAL" else [])
    assert await found(world, {"status": None, "overdue": None}) == ["LOW", "NORMAL", "HIGH"]


async def test_a_day_is_overdue_where_its_assignee_lives(world: World) -> None:
    """For any caller, the same day is past in one zone and not in the other; closed tasks are never overdue."""
    clocks = Clocks()
    await live_in(world, clocks.ahead, "rita", "tester")
    await live_in(world, clocks.behind, "mia")
    day = clocks.today_behind.isoformat()
    for name in ("rita", "mia"):
        await task(world, f"Day of {name}", dueOn=day, assigneeId=world[name])
    await task(world, "Past", dueAt="2020-05-01T09:00:00Z")
    await task(world, "Done", dueAt="2020-05-01T09:00:00Z")
    await world.change("completeTask", {"taskId": world["Done"]})
    await task(world, "To come", dueAt="2031-05-01T09:00:00Z")
    await task(world, "Undated")
    for who in (RITA, MIA, {}):
        assert await found(world, {"overdue": True}, **who) == ["Past", "Day of rita"]
        assert await found(world, {"overdue": False}, **who) == ["Done", "Day of mia", "To come", "Undated"]
        assert await world.task("Day of rita", "overdue", **who) == {"overdue": True}
        assert await world.task("Day of mia", "overdue", **who) == {"overdue": False}


async def test_due_today_is_the_day_of_the_caller(world: World) -> None:
    """Due today is all day today or at an instant between the caller's midnights, open or closed."""
    clocks = Clocks()
    await live_in(world, clocks.here, "rita", "mia")
    today, day = clocks.today, timedelta(days=1)
    for name, given in {
        "Yesterday": {"dueOn": str(today - day)},
        "Before midnight": {"dueAt": clocks.at(today - day, "23:59:59.999999")},
        "At midnight": {"dueAt": clocks.at(today, "00:00:00")},
        "Today": {"dueOn": str(today)},
        "In the evening": {"dueAt": clocks.at(today, "23:59:59.999999")},
        "Next midnight": {"dueAt": clocks.at(today + day, "00:00:00")},
        "Tomorrow": {"dueOn": str(today + day)},
        "Undated": {},
    }.items():
        await task(world, name, assigneeId=world["mia"], **given)
    expected = ["At midnight", "In the evening", "Today"]
    assert await found(world, {"due": "TODAY"}, **RITA) == expected
    await world.change("completeTask", {"taskId": world["Today"]})
    assert await found(world, {"due": "TODAY"}, **RITA) == expected
    assert await found(world, {"due": "TODAY", "status": "OPEN"}, **RITA) == expected[:2]
    days = {"from": str(today - day), "to": str(today - day)}
    assert await found(world, {"dueDays": days}, **RITA) == ["Before midnight", "Yesterday"]
    assert await found(world, {"dueDays": {"from": str(today + day)}}, **RITA) == ["Next midnight", "Tomorrow"]
    assert await found(world, {"dueDays": {"to": days["to"]}}, **RITA) == ["Before midnight", "Yesterday"]
    assert len(await found(world, {"dueDays": {}}, **RITA)) == 7


async def test_due_this_week_is_from_monday_to_sunday(world: World) -> None:
    """The week is that of the caller's time zone, on any day of it."""
    clocks = Clocks()
    await live_in(world, clocks.here, "rita")
    monday, day = clocks.monday, timedelta(days=1)
    for name, given in {
        "Last Sunday": {"dueOn": str(monday - day)},
        "Last Sunday night": {"dueAt": clocks.at(monday - day, "23:59:59")},
        "Monday's first": {"dueAt": clocks.at(monday, "00:00:00")},
        "Monday": {"dueOn": str(monday)},
        "Sunday's last": {"dueAt": clocks.at(monday + 6 * day, "23:59:59")},
        "Sunday": {"dueOn": str(monday + 6 * day)},
        "Next Monday": {"dueOn": str(monday + 7 * day)},
        "Next Monday's first": {"dueAt": clocks.at(monday + 7 * day, "00:00:00")},
    }.items():
        await task(world, name, assigneeId=world["rita"], **given)
    expected = ["Monday's first", "Monday", "Sunday's last", "Sunday"]
    assert await found(world, {"due": "THIS_WEEK"}, **RITA) == expected


async def test_the_days_of_another_zone_can_be_asked_for(world: World) -> None:
    """A zone is given by name; by default it is the caller's, or the organisation's for a caller without any change."""
    clocks = Clocks()
    await task(world, "Call", dueOn=str(clocks.today_behind))
    for zone, expected in ((clocks.behind, ["Call"]), (clocks.ahead, [])):
        assert await found(world, {"due": "TODAY", "timeZone": zone}, **RITA) == expected
        await live_in(world, zone, "rita")
        assert await found(world, {"due": "TODAY"}, **RITA) == expected
        await world.sql("UPDATE organisation SET time_zone = $1", zone)
        assert await found(world, {"due": "TODAY"}, subject="new", role=Role.VIEWER) == expected


async def test_old_names_of_zones_have_their_summer(world: World) -> None:
    """`CET` has the clock of Brussels in July, too; PostgreSQL alone would take it for an offset."""
    await task(world, "Night", dueAt="2031-07-01T22:30:00Z")
    for day, expected in (("2031-07-01", []), ("2031-07-02", ["Night"])):
        for zone in ("CET", "MET", "Europe/Brussels"):
            assert await found(world, {"dueDays": {"from": day, "to": day}, "timeZone": zone}) == expected
    made = await world.change("updateMember", {"memberId": world["rita"], "timeZone": "EET"}, "member { timeZone }")
    assert made["member"] == {"timeZone": "Europe/Athens"}


NO_ZONES = ["", "Mars/Phobos", "localtime", "posixrules", "posix/UTC", "right/Europe/Paris", "../../etc/passwd"]


@pytest.mark.parametrize("zone", [*NO_ZONES, "x" * 10_000])
async def test_what_is_no_zone_is_refused(world: World, zone: str) -> None:
    """The message says how a zone is written."""
    query = "query($zone: String) { tasks(filter: {due: TODAY, timeZone: $zone}) { nodes { title } } }"
    with pytest.raises(RequestError) as refused:
        await world.ask(query, {"zone": zone})
    (error,) = format_errors(refused.value.errors)
    assert error["extensions"]["code"] == "BAD_USER_INPUT"
    assert "Europe/Paris" in error["message"]


async def test_tasks_without_a_date_and_upcoming_ones_are_found(world: World) -> None:
    """Each task of the counts has a filter: undated, and due after today by the caller's calendar."""
    clocks = Clocks()
    await world.sql("UPDATE member SET time_zone = $1", clocks.here)
    await task(world, "Undated")
    await task(world, "Today", dueOn=str(clocks.today))
    await task(world, "Midnight", dueAt=clocks.at(clocks.today + timedelta(days=1), "00:00:00"))
    await task(world, "Tomorrow", dueOn=str(clocks.today + timedelta(days=1)))
    await task(world, "In years", dueOn="2031-05-01")
    assert await found(world, {"hasDueDate": False}) == ["Undated"]
    assert await found(world, {"hasDueDate": True}) == ["Today", "Midnight", "Tomorrow", "In years"]
    assert await found(world, {"due": "UPCOMING"}) == ["Midnight", "Tomorrow", "In years"]


async def test_by_several_statuses_and_records(world: World) -> None:
    """A list matches any of its values, and an empty one nothing; ids of merged records stand for the winner."""
    for name, given in (
        ("Ada's", {"leadId": world["Ada"], "assigneeId": world["rita"]}),
        ("Bob's", {"leadId": world["Bob"], "assigneeId": world["mia"], "contactId": world["contact of mia"]}),
        ("Nobody's", {"assigneeId": None, "customerId": world["Acme"]}),
    ):
        await task(world, name, **given)
    await world.change("completeTask", {"taskId": world["Ada's"]})
    await world.change("cancelTask", {"taskId": world["Bob's"]})
    both = ["Ada's", "Bob's"]
    assert await found(world, {"statuses": ["DONE", "CANCELLED"]}) == both
    assert await found(world, {"statuses": []}) == []
    assert await found(world, {"assigneeIds": [world["rita"], world["mia"]]}) == both
    assert await found(world, {"leadIds": [world["Ada"], world["Bob"], world["Cleo"]]}) == both
    assert await found(world, {"contactIds": [world["contact of mia"], world["contact of rita"]]}) == ["Bob's"]
    assert await found(world, {"customerIds": [world["Acme"]]}) == ["Nobody's"]
    bolt = (await world.change("createCustomer", {"name": "Bolt"}, "customer { id }"))["customer"]["id"]
    await world.change("mergeCustomers", {"winnerId": bolt, "loserId": world["Acme"]})
    assert await found(world, {"customerIds": [world["Acme"]]}) == ["Nobody's"]
    with pytest.raises(RequestError) as refused:
        await found(world, {"assigneeIds": [world["rita"]] * 501})
    assert format_errors(refused.value.errors)[0]["extensions"] == {
        "code": "BAD_USER_INPUT", "argument": "filter", "path": ["filter", "assigneeIds"],
    }  # fmt: skip
