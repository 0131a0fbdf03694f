"""Changes that a request to cancel has met, which names a connection and not a statement."""

import asyncio

import pytest

from models.rules.ids import split_id
from tests.support.consuming import until, until_so
from tests.support.world import World

WAITS = "SELECT pid FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND datname = current_database()"


async def test_a_change_that_a_late_cancel_has_met_is_made_again(
    world: World, caplog: pytest.LogCaptureFixture
) -> None:
    """Once, whatever it had written before; and the log says so."""
    database, before = world.database, await world.head()
    async with database.transaction(None) as holder:
        await holder.execute("SELECT FROM lead WHERE id = $1 FOR UPDATE", split_id(world["Ada"])[1])
        moving = asyncio.create_task(world.change("moveLead", {"leadId": world["Ada"], "stageId": world["Offer"]}))
        await until(database, WAITS)
        await database.pool.execute(f"SELECT pg_cancel_backend(pid) FROM ({WAITS}) AS waiting")
        await until_so(lambda: "and is made again" in caplog.text)
        await until(database, WAITS)
    await moving
    assert await world.head() == before + 1
    assert (await world.lead("Ada", "stage { name }"))["stage"] == {"name": "Offer"}
