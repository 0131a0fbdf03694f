"""logActivity, updateActivity, deleteActivity: told by one person, corrected by that person or a manager."""

import asyncio
import json
from datetime import timedelta
from typing import Any

import pytest

from models import Role
from models.rules.ids import parse_id
from models.tables.base import utc_now
from tests.support.consistency import expect_consistent
from tests.support.recipes import RECIPES
from tests.support.world import MIA, RITA, World

FIELDS = "type subject body outcome occurredAt duration participants author { id } contact { id } version"
SHOW = f"activity {{ id {FIELDS} }} lead {{ id lastActivityAt version }}"

OLD, LATER = "2025-03-01T10:00:00+00:00", "2025-03-02T09:30:00.5+00:00"


async def logged(world: World, subject: str, title: str = "Ada", **given: Any) -> str:
    """An activity, told by Rita; its id is known by its subject."""
    made = await world.change(
        "logActivity", {"leadId": world[title], "type": "CALL", "subject": subject, **given}, "activity { id }", **RITA
    )
    world.ids[subject] = made["activity"]["id"]
    return world[subject]


async def describe(world: World, after: int) -> list[tuple[Any, ...]]:
    """Type, mutation, record, lead and content of each event after a number."""
    return [
        (event["type"], event["mutation"], event["record_id"], event["lead_id"], json.loads(event["data"]))
        for event in await world.events(after)
    ]


async def last_activity(world: World, title: str = "Ada") -> Any:
    """When somebody last did something about a lead."""
    return (await world.lead(title, "lastActivityAt"))["lastActivityAt"]


async def test_everything_that_is_told_is_kept(world: World) -> None:
    """With its author, and in the event as clients know it; the lead's version does not count it."""
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
    assert await describe(world, head) == [
        (
            "activity.logged",
            "log_activity",
            parse_id("activity", activity["id"]),
            parse_id("lead", world["Ada"]),
            {**given, "subject": "Kick-off", "occurredAt": "2025-03-02T09:30:00.500000+00:00"},
        )
    ]
    await expect_consistent(world.database)


async def test_an_activity_is_found_by_its_id(world: World) -> None:
    """By node and nodes, in its own organisation."""
    id = await logged(world, "Call")
    query = "query($id: ID!) { node(id: $id) { __typename id } nodes(ids: [$id]) { ... on Activity { subject } } }"
    assert await world.ask(query, {"id": id}) == {
        "node": {"__typename": "Activity", "id": id},
        "nodes": [{"subject": "Call"}],
    }


async def test_it_was_just_now_unless_said_otherwise(world: World) -> None:
    """Between the call and its answer."""
    before = utc_now()
    await logged(world, "Call")
    found = await world.database.pool.fetchval("SELECT occurred_at FROM activity")
    assert before <= found <= utc_now()


async def test_what_has_not_happened_yet_is_refused(world: World) -> None:
    """But for the minute that a caller's clock may be ahead."""
    given = {"leadId": world["Ada"], "type": "CALL", "subject": "Call"}
    soon, tomorrow = (utc_now() + ahead for ahead in (timedelta(seconds=30), timedelta(days=1)))
    await world.change("logActivity", {**given, "occurredAt": soon.isoformat()})
    await world.refused("logActivity", {**given, "occurredAt": tomorrow.isoformat()}, "INVALID", "occurredAt")
    id = await logged(world, "Told")
    given = {"activityId": id, "occurredAt": tomorrow.isoformat()}
    await world.refused("updateActivity", given, "INVALID", "occurredAt")


async def test_a_mistyped_year_is_told_with_the_days_that_can_be(world: World) -> None:
    """From 1900 until today."""
    given = {"leadId": world["Ada"], "type": "CALL", "subject": "Call", "occurredAt": "1026-03-01T10:00:00Z"}
    refused = await world.refused("logActivity", given, "INVALID", "occurredAt")
    today = utc_now().date()
    expected = [f"1026-03-01 cannot be: it must be from 1900-01-01 to {day}." for day in (today, utc_now().date())]
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
    """At the field that spoils it, when told and when corrected."""
    given = {"leadId": world["Ada"], "type": "CALL", "subject": "Call"}
    await world.refused("logActivity", {**given, **wrong}, "INVALID", *path)
    await world.refused("updateActivity", {"activityId": await logged(world, "Call"), **wrong}, "INVALID", *path)


async def test_the_limits_themselves_are_kept(world: World) -> None:
    """The longest of everything, and an activity that took no time at all."""
    id = await logged(
        world, "x" * 300, body="y" * 20_000, outcome="z" * 300, duration=7 * 86_400, participants=["p"] * 50
    )
    made = await world.change("updateActivity", {"activityId": id, "duration": 0}, "activity { duration }", **RITA)
    assert made["activity"] == {"duration": 0}


async def test_only_what_differs_is_changed(world: World) -> None:
    """The event tells each field from what to what; what is left out stays; the same again is no change."""
    id = await logged(world, "Call", body="Long", duration=60, participants=["Ada"])
    head = await world.head()
    given = {"activityId": id, "type": "EMAIL", "body": None, "duration": 60, "participants": ["Ada", "Bob"]}
    made = await world.change("updateActivity", {**given, "expectedVersion": 1}, SHOW, **RITA)
    activity = made["activity"]
    assert (activity["type"], activity["subject"], activity["body"]) == ("EMAIL", "Call", None)
    assert (activity["duration"], activity["participants"], activity["version"]) == (60, ["Ada", "Bob"], 2)
    changes = {"type": ["CALL", "EMAIL"], "body": ["Long", None], "participants": [["Ada"], ["Ada", "Bob"]]}
    assert await describe(world, head) == [
        (
            "activity.updated",
            "update_activity",
            parse_id("activity", id),
            parse_id("lead", world["Ada"]),
            {"changes": changes},
        )
    ]
    head = await world.head()
    again = await world.change("updateActivity", given, "activity { version }", **RITA)
    assert (again["activity"]["version"], await world.events(head)) == (2, [])


async def test_a_stale_version_is_refused_and_shown(world: World) -> None:
    """Whoever corrects or deletes what has just been corrected looks again first."""
    id = await logged(world, "Call")
    await world.change("updateActivity", {"activityId": id, "subject": "Rang"}, **RITA)
    for mutation in ("updateActivity", "deleteActivity"):
        given = {"activityId": id, "expectedVersion": 1}
        shown = await world.refused(mutation, given, "CONFLICT", "expectedVersion", show="activity { subject }", **RITA)
        assert shown["activity"] == {"subject": "Rang"}


async def test_the_lead_knows_when_it_was_last_worked_on(world: World) -> None:
    """The latest activity counts, whatever the order in which they are told, corrected and taken back."""
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


async def test_what_is_taken_back_is_gone_and_told(world: World) -> None:
    """The event keeps what it was."""
    id = await logged(world, "Call", occurredAt=OLD, body="Wrong lead")
    head = await world.head()
    made = await world.change("deleteActivity", {"activityId": id}, "deletedActivityId activity { id }", **RITA)
    assert (made["deletedActivityId"], made["activity"]) == (id, None)
    [(type_, mutation, record, lead, data)] = await describe(world, head)
    assert (type_, mutation) == ("activity.deleted", "delete_activity")
    assert (record, lead) == (parse_id("activity", id), parse_id("lead", world["Ada"]))
    assert (data["subject"], data["body"], data["occurredAt"]) == ("Call", "Wrong lead", OLD)
    assert await world.ask("query($id: ID!) { node(id: $id) { id } }", {"id": id}) == {"node": None}
    await world.refused("deleteActivity", {"activityId": id}, "NOT_FOUND", "activityId", **RITA)
    await world.refused("updateActivity", {"activityId": id, "subject": "Again"}, "NOT_FOUND", "activityId", **RITA)


async def test_who_may(world: World) -> None:
    """Its author and managers; another rep is refused and shown it; a viewer tells nothing."""
    id = await logged(world, "Call")
    other: dict[str, Any] = {"subject": "olga", "role": Role.REP}
    for mutation in ("updateActivity", "deleteActivity"):
        shown = await world.refused(
            mutation, {"activityId": id}, "FORBIDDEN", "activityId", show="activity { id }", **other
        )
        assert shown["activity"] == {"id": id}
    await world.change("updateActivity", {"activityId": id, "subject": "Rang"}, **MIA)
    made = await world.change("updateActivity", {"activityId": id, "subject": "Rang twice"}, SHOW, **RITA)
    assert made["activity"]["author"] == {"id": world["rita"]}
    given = {"leadId": world["Ada"], "type": "NOTE", "subject": "Note"}
    body = await world.attempt("logActivity", given, subject="vera", role=Role.VIEWER)
    assert [error["extensions"]["code"] for error in body["errors"]] == ["FORBIDDEN"]
    await world.change("deleteActivity", {"activityId": id}, **MIA)


async def test_strangers_records_are_not_found(world: World, strangers: World) -> None:
    """In each field that names a record."""
    given = {"leadId": world["Ada"], "type": "CALL", "subject": "Call"}
    await world.refused("logActivity", {**given, "leadId": strangers["Ada"]}, "NOT_FOUND", "leadId")
    contact = {"contactId": strangers["contact of rita"]}
    await world.refused("logActivity", {**given, **contact}, "NOT_FOUND", "contactId")
    await world.refused(
        "updateActivity", {"activityId": await logged(world, "Ours"), **contact}, "NOT_FOUND", "contactId"
    )
    theirs = await logged(strangers, "Theirs")
    for mutation in ("updateActivity", "deleteActivity"):
        await world.refused(mutation, {"activityId": theirs}, "NOT_FOUND", "activityId")


async def test_a_converted_lead_and_its_opportunity_take_activities(world: World) -> None:
    """Somebody may still call about the one, and works on the other; each has its own."""
    made = await world.change("convertLead", await RECIPES["convertLead"](world), "opportunity { id }")
    world.ids["Deal"] = made["opportunity"]["id"]
    await logged(world, "Before", "Ada")
    await logged(world, "After", "Deal")
    for title, subject in (("Ada", "Before"), ("Deal", "After")):
        found = await world.lead(title, "activities { nodes { subject } }")
        assert found["activities"]["nodes"] == [{"subject": subject}]


async def test_twenty_at_once_keep_the_latest(world: World) -> None:
    """Told, corrected and taken back by many: what the lead says is the latest of what is left."""
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


async def test_what_goes_along_with_a_merged_lead_is_found(world: World) -> None:
    """Whoever corrects an activity while its lead is merged into another corrects it all the same, before or after."""
    ids = [await logged(world, f"Call {nth}") for nth in range(16)]
    bodies = await asyncio.gather(
        *(world.attempt("updateActivity", {"activityId": id, "body": "Long"}) for id in ids[:8]),
        world.attempt("mergeLeads", {"winnerId": world["Bob"], "loserId": world["Ada"]}),
        *(world.attempt("updateActivity", {"activityId": id, "body": "Long"}) for id in ids[8:]),
    )
    assert [body["data"]["result"]["userErrors"] for body in bodies] == [[]] * 17
    found = await world.lead("Bob", "activities(first: 100) { nodes { body } }")
    assert found["activities"]["nodes"] == [{"body": "Long"}] * 16
    await expect_consistent(world.database)
