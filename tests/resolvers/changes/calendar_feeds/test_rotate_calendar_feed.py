"""`rotateCalendarFeed`: another address; the old one is no longer valid."""

from tests.support.world import MIA, RITA, World


async def test_another_address(world: World) -> None:
    """Of one's own feed alone."""
    await world.refused("rotateCalendarFeed", {}, "NOTHING_TO_DO", **RITA)
    first = await world.change("createCalendarFeed", {}, "path", **RITA)
    await world.refused("rotateCalendarFeed", {}, "NOTHING_TO_DO", **MIA)
    stored = "SELECT secret_hash FROM calendar_feed"
    before = await world.database.pool.fetchval(stored)
    second = await world.change("rotateCalendarFeed", {}, "path", **RITA)
    assert second["path"] not in (None, first["path"])
    assert await world.database.pool.fetchval(stored) != before
