"""`markNotificationsRead`: one's own notifications, by id or up to a cursor."""

import asyncio

import pytest

from engine.live.selection import encode_cursor
from models import organisation_id
from tests.support.recipes import make_notifications
from tests.support.world import MIA, RITA, World

SHOW = "marked unreadCount"


async def notified(world: World) -> list[str]:
    """The ids of Rita's unread notifications, newest first: of Ada, then of Cleo, then of Bob at his creation."""
    for name in ("Cleo", "Ada"):
        await world.change("assignLead", {"leadId": world[name], "memberId": world["rita"]})
    await make_notifications(world)
    found = await world.ask("{ notifications(unread: true) { nodes { id } } }", **RITA)
    return [node["id"] for node in found["notifications"]["nodes"]]


async def test_by_id(world: World) -> None:
    """What is marked is no longer unread; marked again, it counts no more."""
    ids = await notified(world)
    for marked, left in ((1, len(ids) - 1), (0, len(ids) - 1)):
        payload = await world.change("markNotificationsRead", {"notificationIds": ids[:1]}, SHOW, **RITA)
        assert payload == {"marked": marked, "unreadCount": left, "userErrors": []}
    found = await world.ask("{ notifications { nodes { id readAt } } }", **RITA)
    assert [node["id"] for node in found["notifications"]["nodes"] if node["readAt"]] == ids[:1]


async def test_up_to_a_cursor(world: World) -> None:
    """What comes later than what one has seen stays unread."""
    ids = await notified(world)
    found = await world.ask("{ notifications { nodes { cursor } } }", **RITA)
    second = found["notifications"]["nodes"][1]["cursor"]
    payload = await world.change("markNotificationsRead", {"upTo": second}, SHOW, **RITA)
    assert payload == {"marked": len(ids) - 1, "unreadCount": 1, "userErrors": []}


async def test_nobody_marks_those_of_others(world: World, strangers: World) -> None:
    """Not even an admin; another member's are not found, and a cursor marks only one's own."""
    ids = await notified(world)
    await world.refused("markNotificationsRead", {"notificationIds": ids}, "NOT_FOUND", "notificationIds", "0", **MIA)
    theirs = await notified(strangers)
    await world.refused(
        "markNotificationsRead", {"notificationIds": [ids[0], theirs[0]]}, "NOT_FOUND", "notificationIds", "1", **RITA
    )
    cursor = encode_cursor(organisation_id(world.organisation), await world.head())
    assert (await world.change("markNotificationsRead", {"upTo": cursor}, SHOW, **MIA))["marked"] == 0
    assert (await world.ask("{ viewer { unreadCount } }", **RITA))["viewer"]["unreadCount"] == len(ids)


@pytest.mark.parametrize(
    ("given", "code", "path"),
    [
        ({}, "INVALID", ("notificationIds",)),
        ({"notificationIds": None, "upTo": None}, "INVALID", ("notificationIds",)),
        ({"upTo": "x"}, "INVALID", ("upTo",)),
        ({"upTo": encode_cursor(organisation_id("strangers"), 1)}, "INVALID", ("upTo",)),
        ({"notificationIds": ["lead_1"]}, "WRONG_ID", ("notificationIds", "0")),
        ({"notificationIds": ["notification_1"]}, "WRONG_ID", ("notificationIds", "0")),
        ({"notificationIds": ["notification_" + "0" * 32] * 101}, "INVALID", ("notificationIds",)),
    ],
)
async def test_what_names_nothing_is_refused(
    world: World, given: dict[str, object], code: str, path: tuple[str, ...]
) -> None:
    """And nothing is marked."""
    await world.refused("markNotificationsRead", given, code, *path)


async def test_both_at_once_are_refused(world: World) -> None:
    """What is wrong with the cursor is reported with it: see `test_every_refusal.py`."""
    cursor = encode_cursor(organisation_id(world.organisation), 1)
    given = {"notificationIds": [], "upTo": cursor}
    await world.refused("markNotificationsRead", given, "INVALID", "notificationIds")


async def test_marked_while_others_are_made(world: World) -> None:
    """Neither waits for ever for the other, and nothing unread is lost."""
    await notified(world)
    cursor = encode_cursor(organisation_id(world.organisation), await world.head())

    async def move() -> None:
        for stage in ("Talking", "Offer") * 5:
            await world.change("moveLead", {"leadId": world["Ada"], "stageId": world[stage]}, **MIA)
            await make_notifications(world)

    async def mark() -> None:
        for _ in range(10):
            await world.change("markNotificationsRead", {"upTo": cursor}, **RITA)

    await asyncio.gather(move(), mark())
    counts = await world.ask("{ notifications(unread: true) { nodes { reason count } } }", **RITA)
    assert counts["notifications"]["nodes"] == [{"reason": "STAGE_CHANGED_OF_YOURS", "count": 10}]
