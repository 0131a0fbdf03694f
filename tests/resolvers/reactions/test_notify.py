"""Notifications: who gets one, for what, how often, and who does not."""

import asyncio
from datetime import timedelta
from typing import Any

import pytest

from engine.background.passing_time import record
from engine.background.positions import replay
from engine.live.retention import prune
from models import Role, organisation_id
from models.tables.base import utc_now
from resolvers.changes.pruned_events import PRUNE
from resolvers.changes.tasks.overdue import OVERDUE
from tests.support.consuming import until
from tests.support.recipes import make_notifications, nobody, task
from tests.support.world import MIA, RITA, World

FIELDS = "reason count lead { title } task { title } actor { name } readAt"


async def inbox(world: World, who: dict[str, Any] = RITA, unread: bool | None = None) -> list[tuple[Any, ...]]:
    """The notifications of a caller, oldest first: reason, count, lead, task and who did it."""
    await make_notifications(world)
    query = f"query ($unread: Boolean) {{ notifications(first: 100, unread: $unread) {{ nodes {{ {FIELDS} }} }} }}"
    found = (await world.ask(query, {"unread": unread}, **who))["notifications"]["nodes"]
    return [
        (one["reason"], one["count"], *((one[part] or {}).get(name) for part, name in PARTS)) for one in reversed(found)
    ]


PARTS = (("lead", "title"), ("task", "title"), ("actor", "name"))


@pytest.fixture
async def quiet(world: World) -> World:
    """The world, with what was notified while it was built read and long ago."""
    await make_notifications(world)
    await world.sql("DELETE FROM notification")
    return world


async def test_what_is_given_to_you(quiet: World) -> None:
    """A lead at its creation or later, and a task at its creation or later; what you take yourself is nothing new."""
    world, rita = quiet, quiet["rita"]
    await world.change("createLead", {"title": "Gil", "stageId": world["New"], "ownerId": rita}, **MIA)
    await world.change("assignLead", {"leadId": world["Ada"], "memberId": rita})
    await world.change("assignLead", {"leadId": world["Cleo"], "memberId": rita}, **RITA)
    await task(world, "Call", assigneeId=rita)
    made = await task(world, "Write")
    await world.change("updateTask", {"taskId": made, "assigneeId": rita}, **MIA)
    await world.change("updateTask", {"taskId": made, "title": "Write!"}, **MIA)
    await world.change("createTask", {"title": "Own", "assigneeId": rita}, **RITA)
    assert await inbox(world) == [
        ("ASSIGNED", 1, "Gil", None, "mia"),
        ("ASSIGNED", 1, "Ada", None, "tester"),
        ("ASSIGNED", 1, None, "Call", "tester"),
        ("ASSIGNED", 1, None, "Write!", "mia"),
    ]
    assert await inbox(world, MIA) == []


async def log(world: World, body: str, **who: Any) -> str:
    """An activity on Ada with this text."""
    given = {"leadId": world["Ada"], "type": "NOTE", "subject": "Seen", "body": body}
    made = await world.change("logActivity", given, "activity { id }", **who)
    return made["activity"]["id"]  # type: ignore[no-any-return]


async def test_who_is_mentioned(quiet: World) -> None:
    """In the text of an activity or the notes of a task, by id; once, whatever the text becomes; never by yourself."""
    rita, mia = (f"@{quiet[name]}" for name in ("rita", "mia"))
    note = await log(quiet, f"{rita}, please see {rita}. Not @rita, @member_1 or {mia}0", **MIA)
    await log(quiet, f"Note to self, {mia}", **MIA)
    assert await inbox(quiet) == [("MENTIONED", 1, "Ada", None, "mia")]
    assert await inbox(quiet, MIA) == []
    changed = {"activityId": note, "body": f"Still for {rita}, and {mia}"}
    await quiet.change("updateActivity", changed)
    await quiet.change("updateActivity", {**changed, "subject": "Seen twice"})
    assert await inbox(quiet) == [("MENTIONED", 1, "Ada", None, "mia")]
    assert await inbox(quiet, MIA) == [("MENTIONED", 1, "Ada", None, "tester")]
    call = await task(quiet, "Call", notes=f"With {rita} and {mia}", assigneeId=quiet["mia"])
    await quiet.change("updateTask", {"taskId": call, "notes": f"With {rita}, {mia}"})
    assert (await inbox(quiet))[1:] == [("MENTIONED", 1, None, "Call", "tester")]
    assert (await inbox(quiet, MIA))[1:] == [("ASSIGNED", 1, None, "Call", "tester")]


async def test_who_cannot_be_mentioned(quiet: World, strangers: World) -> None:
    """Who left, members of others, and ids of anything else; and of hundreds, the first 50."""
    await quiet.change("updateMember", {"memberId": quiet["mia"], "active": False})
    others = [quiet["mia"], strangers["rita"], quiet["Bob"].replace("lead", "member"), quiet["Bob"]]
    await log(quiet, " ".join(f"@{id}" for id in others))
    unknown = [f"@member_{nth:08x}-0000-7000-8000-000000000000" for nth in range(50)]
    await log(quiet, " ".join([*unknown, f"@{quiet['rita']}"]))
    await make_notifications(quiet)
    assert await quiet.database.pool.fetchval("SELECT count(*) FROM notification") == 0
    await log(quiet, " ".join([*unknown[1:], f"@{quiet['rita']}"]))
    assert await inbox(quiet) == [("MENTIONED", 1, "Ada", None, "tester")]


async def test_what_happens_to_yours(quiet: World) -> None:
    """Bob is Rita's: she hears of moves by others, and once of moves that follow each other soon."""
    for stage, who in (("Talking", MIA), ("Offer", MIA), ("New", RITA)):
        await quiet.change("moveLead", {"leadId": quiet["Bob"], "stageId": quiet[stage]}, **who)
    await quiet.change("moveLead", {"leadId": quiet["Ada"], "stageId": quiet["Talking"]}, **MIA)
    assert await inbox(quiet) == [("STAGE_CHANGED_OF_YOURS", 2, "Bob", None, "mia")]
    await quiet.sql("UPDATE notification SET happened_at = happened_at - interval '5 minutes'")
    await quiet.change("moveLead", {"leadId": quiet["Bob"], "stageId": quiet["Offer"]})
    assert await inbox(quiet) == [
        ("STAGE_CHANGED_OF_YOURS", 2, "Bob", None, "mia"),
        ("STAGE_CHANGED_OF_YOURS", 1, "Bob", None, "tester"),
    ]


async def test_what_is_read_is_not_joined(quiet: World) -> None:
    """What happens after you have read a notification is another one."""
    for stage in ("Talking", "Offer"):
        await quiet.change("moveLead", {"leadId": quiet["Bob"], "stageId": quiet[stage]}, **MIA)
        await inbox(quiet)
        cursor = (await quiet.ask("{ viewer { notificationCursor } }"))["viewer"]["notificationCursor"]
        await quiet.change("markNotificationsRead", {"upTo": cursor}, **RITA)
    assert [count for _, count, *_ in await inbox(quiet)] == [1, 1]
    assert await inbox(quiet, unread=True) == []
    assert len(await inbox(quiet, unread=False)) == 2


async def test_what_is_read_meanwhile_is_not_joined(quiet: World) -> None:
    """A member reads a notification in the moment in which another event would have joined it."""
    org_id, database = organisation_id(quiet.organisation), quiet.database
    await quiet.change("moveLead", {"leadId": quiet["Bob"], "stageId": quiet["Talking"]}, **MIA)
    await inbox(quiet)
    await quiet.change("moveLead", {"leadId": quiet["Bob"], "stageId": quiet["Offer"]}, **MIA)
    async with database.transaction(None) as reading:
        await reading.execute("UPDATE notification SET read_at = now() WHERE org_id = $1", org_id)
        making = asyncio.create_task(make_notifications(quiet))
        await until(database, "SELECT true FROM pg_locks WHERE NOT granted")
    await making
    assert [count for _, count, *_ in await inbox(quiet)] == [1, 1]
    assert [count for _, count, *_ in await inbox(quiet, unread=True)] == [1]


async def test_what_comes_at_once_is_one(quiet: World) -> None:
    """Three leads that one change gives you are one notification of three; further ones of the same kind join it."""
    given = {"leadIds": [quiet[name] for name in ("Ada", "Cleo", "Dan")], "memberId": quiet["rita"]}
    await quiet.change("assignLeads", given, **MIA)
    assert await inbox(quiet) == [("ASSIGNED", 3, None, None, "mia")]
    await quiet.change("assignLeads", {"leadIds": given["leadIds"], "memberId": quiet["mia"]})
    await quiet.change("assignLeads", given)
    assert await inbox(quiet) == [("ASSIGNED", 6, None, None, None)]
    assert await inbox(quiet, MIA) == [("ASSIGNED", 3, None, None, "tester")]


async def test_nobody_is_flooded(quiet: World) -> None:
    """After 50 notifications within five minutes, the rest is one for each reason, which counts."""
    for nth in range(70):
        given = {"title": f"Lead {nth}", "stageId": quiet["New"], "ownerId": quiet["rita"]}
        await quiet.change("createLead", given, **MIA)
    found = await inbox(quiet)
    assert len(found) == 50
    assert sum(count for _, count, *_ in found) == 70
    assert found[-1] == ("ASSIGNED", 21, None, None, "mia")
    await quiet.change("moveLead", {"leadId": quiet["Bob"], "stageId": quiet["Offer"]}, **MIA)
    assert (await inbox(quiet))[-1] == ("STAGE_CHANGED_OF_YOURS", 1, "Bob", None, "mia")


async def test_what_is_late(quiet: World) -> None:
    """The member who is to do the task now is notified that it is overdue, unless it is done by then."""
    call = await task(quiet, "Call", assigneeId=quiet["mia"], dueAt="2020-05-01T09:00:00Z")
    await task(quiet, "Write", assigneeId=quiet["rita"], dueAt="2020-05-01T09:00:00Z")
    done = await task(quiet, "Done", assigneeId=quiet["rita"], dueAt="2020-05-01T09:00:00Z")
    await task(quiet, "Nobody's", dueAt="2020-05-01T09:00:00Z")
    await inbox(quiet)
    await quiet.sql("DELETE FROM notification")
    await record(quiet.database, OVERDUE, utc_now(), nobody)
    await quiet.change("updateTask", {"taskId": call, "assigneeId": quiet["rita"]})
    await quiet.change("completeTask", {"taskId": done}, **RITA)
    assert await inbox(quiet) == [
        ("TASK_OVERDUE", 2, None, None, None),
        ("ASSIGNED", 1, None, "Call", "tester"),
    ]
    assert await inbox(quiet, MIA) == []


async def test_who_left_is_not_notified(quiet: World) -> None:
    """Not even of what they own."""
    await quiet.change("updateMember", {"memberId": quiet["rita"], "active": False})
    await quiet.change("moveLead", {"leadId": quiet["Bob"], "stageId": quiet["Offer"]}, **MIA)
    await make_notifications(quiet)
    assert await quiet.database.pool.fetchval("SELECT count(*) FROM notification") == 0


async def test_events_that_are_handled_again_make_nothing_twice(quiet: World) -> None:
    """A position that is set back leaves the inbox as it is, read or not."""
    org_id = organisation_id(quiet.organisation)
    head = await quiet.head()
    await quiet.change("assignLead", {"leadId": quiet["Ada"], "memberId": quiet["rita"]})
    await quiet.change("moveLead", {"leadId": quiet["Ada"], "stageId": quiet["Offer"]})
    before = await inbox(quiet)
    await replay(quiet.database, org_id, "notifications", head)
    assert await inbox(quiet) == before
    assert len(before) == 2
    await quiet.sql("DELETE FROM notification")
    await replay(quiet.database, org_id, "notifications", head)
    assert await inbox(quiet) == before


async def test_old_ones_are_deleted(quiet: World) -> None:
    """With the age of their last event, wherever the change log is kept."""
    for name in ("Ada", "Cleo", "Dan"):
        await quiet.change("assignLead", {"leadId": quiet[name], "memberId": quiet["rita"]})
    assert len(await inbox(quiet)) == 3
    await quiet.sql("UPDATE event SET occurred_at = now() - interval '100 days' WHERE number < $1", await quiet.head())
    for keeping in (True, False):
        await prune(quiet.database, utc_now() - timedelta(days=90), PRUNE[keeping])
        assert [title for _, _, title, *_ in await inbox(quiet)] == ["Dan"]


async def test_yours_are_yours_alone(quiet: World, strangers: World) -> None:
    """No role sees another member's notifications, and no organisation another's."""
    await quiet.change("assignLead", {"leadId": quiet["Ada"], "memberId": quiet["rita"]})
    assert len(await inbox(quiet)) == 1
    for who in (MIA, {"subject": "tester", "role": Role.ADMIN}, {"subject": "nobody yet"}):
        assert await inbox(quiet, who) == []
        assert (await quiet.ask("{ viewer { unreadCount } }", **who))["viewer"] == {"unreadCount": 0}
    assert (await quiet.ask("{ viewer { unreadCount } }", **RITA))["viewer"] == {"unreadCount": 1}
    await make_notifications(strangers)
    assert all(title != "Ada" for _, _, title, *_ in await inbox(strangers))
