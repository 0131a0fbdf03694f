"""`GET /calendar/{token}.ics`: a member's tasks as calendar programs read them, and nothing for anybody else."""

from collections.abc import AsyncIterator
from datetime import UTC, date, datetime, timedelta
from time import perf_counter
from typing import Any

import pytest
from httpx2 import AsyncClient, Response
from icalendar import Calendar

from models import organisation_id
from models.rules.ids import parse_id
from models.tables.base import utc_now
from resolvers.changes.organisation.access import resume, suspend
from tests.support.asking import asking
from tests.support.recipes import task
from tests.support.world import RITA, World

NEXT_WEEK = (utc_now() + timedelta(days=7)).replace(hour=9, minute=0, second=0, microsecond=0)


@pytest.fixture
async def client(world: World) -> AsyncIterator[AsyncClient]:
    """A client of the application on the world's database."""
    async with asking(world.database) as client:
        yield client


@pytest.fixture
async def path(world: World) -> str:
    """The path of Rita's feed."""
    made: str = (await world.change("createCalendarFeed", {}, "path", **RITA))["path"]
    return made


def events(answer: Response) -> list[Any]:
    """The events of a calendar, as a program reads them."""
    assert answer.status_code == 200
    assert answer.headers["content-type"] == "text/calendar; charset=utf-8"
    return list(Calendar.from_ical(answer.content).walk("VEVENT"))


async def test_what_a_task_is_in_a_calendar(world: World, client: AsyncClient, path: str) -> None:
    """At an instant or all day, with its reminder; each property as the task has it."""
    rita = world["rita"]
    call = await task(
        world,
        "Call, write; sing\\",
        leadId=world["Ada"],
        assigneeId=rita,
        dueAt=NEXT_WEEK.isoformat(),
        remindAt=(NEXT_WEEK - timedelta(hours=1)).isoformat(),
        notes="One\nTwo BEGIN:VEVENT\nEND:VCALENDAR " + "ü" * 200,
    )
    day = NEXT_WEEK.date() + timedelta(days=1)
    await task(world, "Fair", assigneeId=rita, dueOn=day.isoformat())
    answer = await client.get(path)
    timed, whole = events(answer)
    assert timed["UID"] == call
    assert (timed["SUMMARY"], timed["SEQUENCE"], timed["CLASS"]) == ("Call, write; sing\\ · Ada", 1, "PRIVATE")
    assert timed["DESCRIPTION"] == "One\nTwo BEGIN:VEVENT\nEND:VCALENDAR " + "ü" * 200
    assert (timed["DTSTART"].dt, timed["DTEND"].dt) == (NEXT_WEEK, NEXT_WEEK + timedelta(minutes=30))
    [alarm] = timed.walk("VALARM")
    assert alarm["TRIGGER"].dt == NEXT_WEEK - timedelta(hours=1)
    assert (whole["DTSTART"].dt, whole["DTEND"].dt) == (day, day + timedelta(days=1))
    assert type(whole["DTSTART"].dt) is date
    assert whole.walk("VALARM") == []
    calendar = Calendar.from_ical(answer.content)
    assert calendar["REFRESH-INTERVAL"].dt == timedelta(hours=1)
    assert calendar["X-WR-CALNAME"] == "Tasks of rita"
    assert all(len(line) <= 75 for line in answer.content.split(b"\r\n"))


async def test_which_tasks_it_shows(world: World, client: AsyncClient, path: str) -> None:
    """Rita's of the last month and the next year; done ones with a check mark, cancelled ones not."""
    now = utc_now()
    for title, days, who in (
        ("Long ago", -40, "rita"),
        ("Late", -20, "rita"),
        ("Soon", 5, "rita"),
        ("Mia's", 5, "mia"),
        ("Far away", 400, "rita"),
    ):
        await task(world, title, assigneeId=world[who], dueAt=(now + timedelta(days=days)).isoformat())
    await task(world, "Some day", assigneeId=world["rita"])
    for title, mutation in (("Done", "completeTask"), ("Cancelled", "cancelTask")):
        ended = await task(world, title, assigneeId=world["rita"], dueAt=(now + timedelta(days=9)).isoformat())
        await world.change(mutation, {"taskId": ended})
    assert [event["SUMMARY"] for event in events(await client.get(path))] == ["Late", "Soon", "✓ Done"]
    await world.sql("UPDATE task SET completed_at = now() - interval '31 days' WHERE status = 'DONE'")
    assert [event["SUMMARY"] for event in events(await client.get(path))] == ["Late", "Soon"]


async def test_what_has_not_changed_is_not_sent_again(world: World, client: AsyncClient, path: str) -> None:
    """Until a task or its lead changes, comes or goes."""
    made = await task(world, "Call", leadId=world["Ada"], assigneeId=world["rita"], dueAt=NEXT_WEEK.isoformat())
    tag = (await client.get(path)).headers["etag"]
    for change, given in (
        ("updateTask", {"taskId": made, "notes": "Ask"}),
        ("updateLead", {"leadId": world["Ada"], "title": "Ada Ltd"}),
        ("deleteTask", {"taskId": made}),
    ):
        same = await client.get(path, headers={"If-None-Match": f'"other", W/{tag}'})
        assert (same.status_code, same.content, same.headers["etag"]) == (304, b"", tag)
        await world.change(change, given)
        answer = await client.get(path, headers={"If-None-Match": tag})
        assert answer.status_code == 200
        assert answer.headers["etag"] != tag
        tag = answer.headers["etag"]
    assert events(answer) == []


async def test_nobody_else_reads_it(world: World, client: AsyncClient, path: str) -> None:
    """Guessed, cut, of another feed, of one that was rotated or deleted, of who left: 404, and the same answer."""
    await task(world, "Call", assigneeId=world["rita"], dueAt=NEXT_WEEK.isoformat())
    assert len(events(await client.get(path))) == 1
    mias = (await world.change("createCalendarFeed", {}, "path", subject="mia"))["path"]
    swapped = path[: len("/calendar/") + 40] + mias[len("/calendar/") + 40 :]
    nothing = (await client.get("/calendar/x.ics")).content
    last = path.removesuffix(".ics")
    for wrong in (swapped, f"{last[:-1]}.ics", f"{last}A.ics", f"{last}=.ics", "/calendar/%00.ics", "/calendar/ü.ics"):
        answer = await client.get(wrong)
        assert (answer.status_code, answer.content) == (404, nothing), wrong
    org_id = organisation_id(world.organisation)
    await suspend(world.database, org_id)
    assert (await client.get(path)).content == nothing
    await resume(world.database, org_id)
    rotated = (await world.change("rotateCalendarFeed", {}, "path", **RITA))["path"]
    assert (await client.get(path)).status_code == 404
    assert (await client.get(rotated)).status_code == 200
    await world.change("updateMember", {"memberId": world["rita"], "active": False})
    assert (await client.get(rotated)).status_code == 404
    await world.change("updateMember", {"memberId": world["rita"], "active": True})
    await world.change("deleteCalendarFeed", {}, **RITA)
    assert (await client.get(rotated)).content == nothing


async def test_a_thousand_tasks(world: World, client: AsyncClient, path: str) -> None:
    """No more than a thousand, the earliest; and quickly."""
    await world.sql(
        "INSERT INTO task (org_id, id, title, assignee_id, due_at, deadline)"
        " SELECT $1, gen_random_uuid(), 'Task ' || nth, $2, at, at"
        " FROM generate_series(1, 1100) AS nth, LATERAL (SELECT now() + nth * interval '1 minute' AS at) AS due",
        organisation_id(world.organisation),
        parse_id("member", world["rita"]),
    )
    began = perf_counter()
    answer = await client.get(path)
    assert perf_counter() - began < 10
    found = [event["SUMMARY"] for event in events(answer)]
    assert found == [f"Task {nth}" for nth in range(1, 1001)]
    assert datetime.now(UTC) - events(answer)[0]["DTSTAMP"].dt < timedelta(minutes=5)
