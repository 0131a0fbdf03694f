"""`createCalendarFeed`: an address of one's own, shown once."""

import re

from tests.support.world import MIA, RITA, World, tables


async def test_an_address_is_made_and_shown_once(world: World) -> None:
    """A retry with the same key shows none, nothing that is stored holds the secret, and each member has one."""
    given = {"idempotencyKey": "once"}
    made = await world.change("createCalendarFeed", given, "path", **RITA)
    assert re.fullmatch(r"/calendar/[\w-]{86}\.ics", made["path"])
    assert (await world.change("createCalendarFeed", given, "path", **RITA))["path"] is None
    secret = made["path"].removeprefix("/calendar/").removesuffix(".ics")
    assert not any(secret[40:80] in str(row) for rows in (await tables(world.database)).values() for row in rows)
    await world.refused("createCalendarFeed", {}, "NOTHING_TO_DO", **RITA)
    mias = await world.change("createCalendarFeed", {}, "path", **MIA)
    assert mias["path"] != made["path"]
    feed = "{ viewer { calendarFeed { createdAt } } }"
    assert (await world.ask(feed, **RITA))["viewer"]["calendarFeed"]
    assert (await world.ask(feed))["viewer"]["calendarFeed"] is None


async def test_two_at_once(world: World) -> None:
    """One is made, and the other is refused, instead of both showing an address of which one is wrong."""
    assert await world.at_once("createCalendarFeed", {}, {}, **RITA) == {"done": 1, "NOTHING_TO_DO": 1}
