"""logActivity: a member records what was done about a lead, and the lead knows its last activity."""

import asyncio
from datetime import timedelta
from typing import Any

import pytest

from models import Role
from models.rules.ids import parse_id
from models.tables.base import utc_now
from tests.support.consistency import expect_consistent
from tests.support.recipes import RECIPES, logged
from tests.support.world import RITA, World

FIELDS = "type subject body outcome occurredAt duration participants author { id } contact { id } version"
SHOW = f"activity {{ id {FIELDS} }} lead {{ id lastActivityAt version }}"

OLD, LATER = "2025-03-01T10:00:00+00:00", "2025-03-02T09:30:00.5+00:00"


async def last_activity(world: World, title: str = "Ada") -> Any:
    """The instant of the lead's last activity."""
    return (await world.lead(title, "lastActivityAt"))["lastActivityAt"]


async def test_everything_that_is_logged_is_kept(world: World) -> None:
    """All fields are stored with their author and held by the event as clients know them; the lead keeps its
    version."""
    head = await world.head()
    given = {
        "type": "MEETING",
        "subject": "  Kick-off ",
        "body": "First line\nsecond line",
        "outcome": "They want an offer",
        "occurredAt": LATER,
        "duration": 5400,
        "participants": ["Ada Abel", "bob@example.com"],
        "contactId": world["contact of rita"],
    }
    made = await world.change("logActivity", {"leadId": world["Ada"], **given}, SHOW, **RITA)
    activity = made["activity"]
    assert {key: activity[key] for key in ("subject", "body", "outcome", "duration", "participants", "version")} == {
        **{key: given[key] for key in ("body", "outcome", "duration", "participants")},
        "subject": "Kick-off",
        "version": 1,
    }
    assert (activity["author"], activity["contact"]) == ({"id": world["rita"]}, {"id": world["contact of rita"]})
    assert made["lead"] == {"id": world["Ada"], "lastActivityAt": activity["occurredAt"], "version": 1}
    data = {**given, "subject": "Kick-off", "occurredAt": "2025-03-02T09:30:00.5+00:00"}
    assert await world.recorded(head) == [("activity.logged", "log_activity", data)]
    (event,) = await world.events(head)
    assert event["record_id"] == parse_id("activity", activity["id"])
    assert event["lead_id"] == parse_id("lead", world["Ada"])
    await expect_consistent(world.database)


async def test_an_activity_is_found_by_its_id(world: World) -> None:
    """An activity is found through `node` and `nodes`, only in its own organisation."""
    id = await logged(world, "Call")
    query = "query($id: ID!) { node(id: $id) { __typename id } nodes(ids: [$id]) { ... on Activity { subject } } }"
    assert await world.ask(query, {"id": id}) == {
        "node": {"__typename": "Activity", "id": id},
        "nodes": [{"subject": "Call"}],
    }


async def test_it_was_just_now_unless_said_otherwise(world: World) -> None:
    """Without an instant, the activity occurred between the call and its answer."""
    before = utc_now()
    await logged(world, "Call")
    found = await world.database.pool.fetchval("SELECT occurred_at FROM activity")
    assert before <= found <= utc_now()


async def test_what_has_not_happened_yet_is_refused(world: World) -> None:
    """An instant in the future is refused, except for the minute that a caller's clock may be ahead."""
    given = {"leadId": world["Ada"], "type": "CALL", "subject": "Call"}
    soon, tomorrow = (utc_now() + ahead for ahead in (timedelta(seconds=30), timedelta(days=1)))
    await world.change("logActivity", {**given, "occurredAt": soon.isoformat()})
    await world.refused("logActivity", {**given, "occurredAt": tomorrow.isoformat()}, "INVALID", "occurredAt")


async def test_a_mistyped_year_is_refused_with_the_days_that_can_be(world: World) -> None:
    """The message names the range: from 1900 until today."""
    given = {"leadId": world["Ada"], "type": "CALL", "subject": "Call", "occurredAt": "1026-03-01T10:00:00Z"}
    refused = await world.refused("logActivity", given, "INVALID", "occurredAt")
    today = utc_now().date()
    expected = [f"1026-03-01 is out of range: send 1900-01-01 to {day}." for day in (today, utc_now().date())]
    assert refused["userErrors"][0]["message"] in expected


@pytest.mark.parametrize(
    ("wrong", "path"),
    [
        ({"subject": " "}, ["subject"]),
        ({"subject": "x" * 301}, ["subject"]),
        ({"body": "x" * 20_001}, ["body"]),
        ({"outcome": "x" * 301}, ["outcome"]),
        ({"occurredAt": None}, ["occurredAt"]),
        ({"duration": -1}, ["duration"]),
        ({"duration": 7 * 86_400 + 1}, ["duration"]),
        ({"participants": ["x"] * 51}, ["participants"]),
        ({"participants": ["Ada", " "]}, ["participants", "1"]),
    ],
)
async def test_what_makes_no_sense_is_refused(world: World, wrong: dict[str, Any], path: list[str]) -> None:
    """Each refusal has the path of the field at fault."""
    given = {"leadId": world["Ada"], "type": "CALL", "subject": "Call"}
    await world.refused("logActivity", {**given, **wrong}, "INVALID", *path)


async def test_the_limits_themselves_are_kept(world: World) -> None:
    """The longest value of each field is accepted, and so is an activity that took no time."""
    longest = {"body": "y" * 20_000, "outcome": "z" * 300, "duration": 7 * 86_400, "participants": ["p"] * 50}
    await logged(world, "x" * 300, **longest)
    await logged(world, "Call", duration=0)
    kept = await world.database.pool.fetch("SELECT subject, body, duration FROM activity ORDER BY duration DESC")
    assert [tuple(row) for row in kept] == [("x" * 300, "y" * 20_000, 7 * 86_400), ("Call", None, 0)]


async def test_the_lead_knows_when_it_was_last_worked_on(world: World) -> None:
    """The latest activity counts, whatever the order in which they are logged, corrected and deleted."""
    assert await last_activity(world) is None
    await logged(world, "Late", occurredAt=LATER)
    late = await last_activity(world)
    await logged(world, "Old", occurredAt=OLD)
    assert await last_activity(world) == late
    await world.change("updateActivity", {"activityId": world["Late"], "occurredAt": "2024-01-01T00:00:00Z"}, **RITA)
    assert await last_activity(world) == "2025-03-01T10:00:00+00:00"
    await world.change("deleteActivity", {"activityId": world["Old"]}, **RITA)
    assert await last_activity(world) == "2024-01-01T00:00:00+00:00"
    await world.change("deleteActivity", {"activityId": world["Late"]}, **RITA)
    assert await last_activity(world) is None


async def test_strangers_records_are_not_found(world: World, strangers: World) -> None:
    """Another organisation's record is not found, in each field that names a record."""
    given = {"leadId": world["Ada"], "type": "CALL", "subject": "Call"}
    await world.refused("logActivity", {**given, "leadId": strangers["Ada"]}, "NOT_FOUND", "leadId")
    contact = {"contactId": strangers["contact of rita"]}
    await world.refused("logActivity", {**given, **contact}, "NOT_FOUND", "contactId")


async def test_a_viewer_logs_nothing(world: World) -> None:
    """Logging an activity requires the role rep."""
    given = {"leadId": world["Ada"], "type": "NOTE", "subject": "Note"}
    body = await world.attempt("logActivity", given, subject="vera", role=Role.VIEWER)
    assert [error["extensions"]["code"] for error in body["errors"]] == ["FORBIDDEN"]


async def test_a_converted_lead_and_its_opportunity_take_activities(world: World) -> None:
    """A converted lead and its opportunity each take activities of their own."""
    made = await world.change("convertLead", await RECIPES["convertLead"](world), "opportunity { id }")
    world.ids["Deal"] = made["opportunity"]["id"]
    await logged(world, "Before", "Ada")
    await logged(world, "After", "Deal")
    for title, subject in (("Ada", "Before"), ("Deal", "After")):
        found = await world.lead(title, "activities { nodes { subject } }")
        assert found["activities"]["nodes"] == [{"subject": subject}]


async def test_twenty_at_once_keep_the_latest(world: World) -> None:
    """After many log, correct and delete at once, the lead's last activity is the latest that is left."""
    ids = [await logged(world, f"Call {nth}", occurredAt=f"2025-01-{nth + 1:02}T00:00:00Z") for nth in range(10)]
    await asyncio.gather(
        *(
            world.attempt("logActivity", {"leadId": world["Ada"], "type": "NOTE", "subject": "x", "occurredAt": OLD})
            for _ in range(5)
        ),
        *(world.attempt("deleteActivity", {"activityId": id}) for id in ids[5:]),
        *(world.attempt("deleteActivity", {"activityId": id}) for id in ids[5:]),
        *(world.attempt("updateActivity", {"activityId": id, "occurredAt": LATER}) for id in ids[:5]),
    )
    found = await world.database.pool.fetchrow(
        "SELECT count(*), max(occurred_at) = (SELECT last_activity_at FROM lead WHERE title = 'Ada') FROM activity"
    )
    assert tuple(found) == (10, True)
    events = [event["type"] for event in await world.events()]
    assert [events.count(f"activity.{what}") for what in ("logged", "updated", "deleted")] == [15, 5, 5]
    await expect_consistent(world.database)
