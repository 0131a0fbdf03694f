"""`deleteCalendarFeed`: the address is no longer valid."""

from tests.support.world import MIA, RITA, World


async def test_it_is_gone(world: World) -> None:
    """One's own alone; a second time there is nothing to do."""
    await world.change("createCalendarFeed", {}, **RITA)
    await world.refused("deleteCalendarFeed", {}, "NOTHING_TO_DO", **MIA)
    assert (await world.change("deleteCalendarFeed", {}, "deleted", **RITA))["deleted"] is True
    await world.refused("deleteCalendarFeed", {}, "NOTHING_TO_DO", **RITA)
    assert await world.database.pool.fetchval("SELECT count(*) FROM calendar_feed") == 0
