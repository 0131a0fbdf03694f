"""updateActivity: an author or a manager corrects an activity; omitted fields stay, null empties, the lead follows."""

import asyncio
from datetime import timedelta
from typing import Any

import pytest

from models import Role
from models.rules.ids import parse_id
from models.tables.base import utc_now
from tests.support.consistency import expect_consistent
from tests.support.recipes import logged
from tests.support.world import MIA, RITA, World

FIELDS = "type subject body outcome occurredAt duration participants author { id } contact { id } version"
SHOW = f"activity {{ {FIELDS} }} lead {{ title lastActivityAt version }}"

OLD, LATER = "2025-03-01T10:00:00+00:00", "2025-03-02T09:30:00+00:00"


async def test_changes_what_is_given(world: World) -> None:
    """One version and one event, which holds each field before and after; the lead's last activity follows."""
    id = await logged(world, "Call", occurredAt=OLD)
    head = await world.head()
    given = {
        "type": "MEETING",
        "subject": " Kick-off ",
        "body": "First line\nsecond line",
        "outcome": "Interested",
        "occurredAt": LATER,
        "duration": 5400,
        "participants": ["Ada Abel", " Bob "],
        "contactId": world["contact of rita"],
    }
    made = await world.change("updateActivity", {"activityId": id, **given, "expectedVersion": 1}, SHOW, **RITA)
    kept = {**given, "subject": "Kick-off", "participants": ["Ada Abel", "Bob"]}
    shown = {name: kept[name] for name in kept if name != "contactId"}
    links = {"author": {"id": world["rita"]}, "contact": {"id": world["contact of rita"]}}
    assert made["activity"] == {**shown, **links, "version": 2}
    assert made["lead"] == {"title": "Ada", "lastActivityAt": LATER, "version": 1}
    before = {**dict.fromkeys(kept), "type": "CALL", "subject": "Call", "occurredAt": OLD, "participants": []}
    changes = {name: [before[name], kept[name]] for name in kept}
    assert await world.recorded(head) == [("activity.updated", "update_activity", {"changes": changes})]
    (event,) = await world.events(head)
    assert (event["record_id"], event["lead_id"]) == (parse_id("activity", id), parse_id("lead", world["Ada"]))
    await expect_consistent(world.database)


async def test_left_out_stays_and_null_empties(world: World) -> None:
    """Each optional field can be emptied, and only that one is; no participants are an empty list."""
    full: dict[str, Any] = {
        "body": "Long",
        "outcome": "Interested",
        "duration": 60,
        "participants": ["Ada"],
        "contactId": world["contact of mia"],
    }
    id = await logged(world, "Call")
    shown = {**full, "contact": {"id": full["contactId"]}}
    del shown["contactId"]
    for name in full:
        await world.change("updateActivity", {"activityId": id, **full}, **RITA)
        made = await world.change("updateActivity", {"activityId": id, name: None}, SHOW, **RITA)
        found = {key: made["activity"][key] for key in shown}
        assert found == {**shown, name.removesuffix("Id"): [] if name == "participants" else None}


async def test_what_changes_nothing_leaves_no_trace(world: World) -> None:
    """The same values, however they are written, or none at all, change nothing."""
    id = await logged(world, "Call", occurredAt=OLD, duration=60, participants=["Ada"])
    head = await world.head()
    same = {"type": "CALL", "subject": " Call", "occurredAt": "2025-03-01T12:00:00+02:00", "participants": ["Ada "]}
    for given in ({}, same, {"body": "", "outcome": None, "duration": 60}):
        made = await world.change("updateActivity", {"activityId": id, **given}, SHOW, **RITA)
        assert made["activity"]["version"] == 1
    assert await world.head() == head


@pytest.mark.parametrize(
    ("wrong", "path"),
    [
        ({"type": None}, ["type"]),
        ({"subject": None}, ["subject"]),
        ({"subject": " "}, ["subject"]),
        ({"subject": "x" * 301}, ["subject"]),
        ({"body": "x" * 20_001}, ["body"]),
        ({"outcome": "x" * 301}, ["outcome"]),
        ({"occurredAt": None}, ["occurredAt"]),
        ({"occurredAt": "1899-12-31T23:59:59Z"}, ["occurredAt"]),
        ({"duration": -1}, ["duration"]),
        ({"duration": 7 * 86_400 + 1}, ["duration"]),
        ({"participants": ["x"] * 51}, ["participants"]),
        ({"participants": ["Ada", " "]}, ["participants", "1"]),
    ],
    ids=lambda value: str(value)[:40],
)
async def test_what_makes_no_sense_is_refused(world: World, wrong: dict[str, Any], path: list[str]) -> None:
    """Each refusal has the path of the field at fault."""
    await world.refused("updateActivity", {"activityId": await logged(world, "Call"), **wrong}, "INVALID", *path)


async def test_what_has_not_happened_yet_is_refused(world: World) -> None:
    """An activity in the future is refused: until then it is a task."""
    tomorrow = (utc_now() + timedelta(days=1)).isoformat()
    given = {"activityId": await logged(world, "Call"), "occurredAt": tomorrow}
    await world.refused("updateActivity", given, "INVALID", "occurredAt")


async def test_an_archived_contact_may_stay_but_not_come(world: World) -> None:
    """An archived participant may stay, so that a form can be sent back as it was, but not be added."""
    ours = {"contactId": world["contact of mia"]}
    id = await logged(world, "Call", **ours)
    await world.change("archiveContact", ours)
    await world.change("updateActivity", {"activityId": id, **ours, "outcome": "Fine"}, **RITA)
    other = {"activityId": await logged(world, "Other"), **ours}
    await world.refused("updateActivity", other, "ARCHIVED", "contactId", **RITA)


async def test_strangers_are_not_found(world: World, strangers: World) -> None:
    """Another organisation's activities and contacts are not found."""
    ours, theirs = await logged(world, "Ours"), await logged(strangers, "Theirs")
    await world.refused("updateActivity", {"activityId": theirs}, "NOT_FOUND", "activityId")
    given = {"activityId": ours, "contactId": strangers["contact of rita"]}
    await world.refused("updateActivity", given, "NOT_FOUND", "contactId")
    await world.refused("updateActivity", {"activityId": world["Ada"]}, "WRONG_ID", "activityId")


async def test_its_author_and_managers_correct_it(world: World) -> None:
    """The author stays the same; another rep is refused and shown the activity, and a viewer corrects nothing."""
    id = await logged(world, "Call")
    olga = {"subject": "olga", "role": Role.REP}
    await world.change("createContact", {"name": "Gwen"}, **olga)
    given = {"activityId": id, "subject": "Mine"}
    shown = await world.refused("updateActivity", given, "FORBIDDEN", "activityId", show=SHOW, **olga)
    assert shown["activity"]["subject"] == "Call"
    made = await world.change("updateActivity", {"activityId": id, "subject": "Rang"}, SHOW, **MIA)
    assert made["activity"]["author"] == {"id": world["rita"]}
    await world.change("updateActivity", {"activityId": id, "subject": "Rang twice"}, **RITA)
    body = await world.attempt("updateActivity", given, subject="vera", role=Role.VIEWER)
    assert [error["extensions"]["code"] for error in body["errors"]] == ["FORBIDDEN"]


async def test_a_conflict_shows_the_activity_as_it_is(world: World) -> None:
    """A stale version is reported before missing rights."""
    id = await logged(world, "Call")
    await world.change("updateActivity", {"activityId": id, "subject": "Rang"}, **RITA)
    given = {"activityId": id, "subject": "Other", "expectedVersion": 1}
    shown = await world.refused("updateActivity", given, "CONFLICT", "expectedVersion", show=SHOW, **RITA)
    assert (shown["activity"]["subject"], shown["activity"]["version"]) == ("Rang", 2)


async def test_one_of_twenty_with_the_same_version_wins(world: World) -> None:
    """One correction wins; the others get a conflict."""
    id = await logged(world, "Call")
    inputs = [{"activityId": id, "subject": f"Call {nth}", "expectedVersion": 1} for nth in range(20)]
    assert await world.at_once("updateActivity", *inputs, **RITA) == {"done": 1, "CONFLICT": 19}


async def test_what_goes_along_with_a_merged_lead_is_found(world: World) -> None:
    """An activity can be corrected while its lead is merged into another one, before or after the merge."""
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
