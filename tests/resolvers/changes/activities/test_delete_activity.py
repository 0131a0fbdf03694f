"""deleteActivity: an author or a manager deletes an activity; the event keeps its fields, and the lead follows."""

from models import Role
from models.rules.ids import parse_id
from tests.support.consistency import expect_consistent
from tests.support.recipes import logged
from tests.support.world import MIA, RITA, World

SHOW = "deletedActivityId activity { subject } lead { title lastActivityAt version }"

OLD, LATER = "2025-03-01T10:00:00+00:00", "2025-03-02T09:30:00+00:00"


async def test_what_is_taken_back_is_gone(world: World) -> None:
    """The id finds nothing, the event keeps every field, and the lead's last activity is the latest of the rest."""
    await logged(world, "Before", occurredAt=OLD)
    fields = {"body": "Wrong lead", "outcome": "None", "duration": 60, "participants": ["Ada"]}
    id = await logged(world, "Call", occurredAt=LATER, contactId=world["contact of mia"], **fields)
    head = await world.head()
    made = await world.change("deleteActivity", {"activityId": id, "expectedVersion": 1}, SHOW, **RITA)
    assert made == {
        "deletedActivityId": id,
        "activity": None,
        "lead": {"title": "Ada", "lastActivityAt": OLD, "version": 1},
        "userErrors": [],
    }
    data = {"type": "CALL", "subject": "Call", "occurredAt": LATER, "contactId": world["contact of mia"], **fields}
    assert await world.recorded(head) == [("activity.deleted", "delete_activity", data)]
    (event,) = await world.events(head)
    assert (event["record_id"], event["lead_id"]) == (parse_id("activity", id), parse_id("lead", world["Ada"]))
    assert await world.ask("query($id: ID!) { node(id: $id) { id } }", {"id": id}) == {"node": None}
    assert await world.lead("Ada", "activities { nodes { subject } }") == {
        "activities": {"nodes": [{"subject": "Before"}]}
    }
    await expect_consistent(world.database)


async def test_without_activities_a_lead_was_never_worked_on(world: World) -> None:
    """Deleting the last activity empties the lead's date."""
    made = await world.change("deleteActivity", {"activityId": await logged(world, "Call")}, SHOW, **RITA)
    assert made["lead"]["lastActivityAt"] is None


async def test_an_activity_is_deleted_once(world: World) -> None:
    """A second deletion and a correction find no activity; of twenty deletions at once, one succeeds."""
    given = {"activityId": await logged(world, "Call")}
    assert await world.at_once("deleteActivity", *[given] * 20, **RITA) == {"done": 1, "NOT_FOUND": 19}
    await world.refused("deleteActivity", given, "NOT_FOUND", "activityId", **RITA)
    await world.refused("updateActivity", {**given, "subject": "Again"}, "NOT_FOUND", "activityId", **RITA)
    await expect_consistent(world.database)


async def test_strangers_activities_are_not_found(world: World, strangers: World) -> None:
    """Another organisation's activity is not found, and an id of another type is refused."""
    theirs = await logged(strangers, "Theirs")
    await world.refused("deleteActivity", {"activityId": theirs}, "NOT_FOUND", "activityId")
    await world.refused("deleteActivity", {"activityId": world["Ada"]}, "WRONG_ID", "activityId")


async def test_its_author_and_managers_take_it_back(world: World) -> None:
    """Another rep is refused and shown the activity, and a viewer deletes nothing."""
    id = await logged(world, "Call")
    olga = {"subject": "olga", "role": Role.REP}
    await world.change("createContact", {"name": "Gwen"}, **olga)
    shown = await world.refused("deleteActivity", {"activityId": id}, "FORBIDDEN", "activityId", show=SHOW, **olga)
    assert (shown["deletedActivityId"], shown["activity"]) == (None, {"subject": "Call"})
    body = await world.attempt("deleteActivity", {"activityId": id}, subject="vera", role=Role.VIEWER)
    assert [error["extensions"]["code"] for error in body["errors"]] == ["FORBIDDEN"]
    await world.change("deleteActivity", {"activityId": id}, **MIA)


async def test_a_conflict_shows_the_activity_as_it_is(world: World) -> None:
    """An activity that was corrected meanwhile is a conflict: the caller sees it before deciding again."""
    id = await logged(world, "Call")
    await world.change("updateActivity", {"activityId": id, "subject": "Rang"}, **RITA)
    given = {"activityId": id, "expectedVersion": 1}
    shown = await world.refused("deleteActivity", given, "CONFLICT", "expectedVersion", show=SHOW, **RITA)
    assert (shown["deletedActivityId"], shown["activity"]) == (None, {"subject": "Rang"})
