"""Runs that ended long ago are deleted, in batches; those that go on are counted, and how long they wait."""

from datetime import timedelta

import pytest

from engine.background.runner import COUNTS
from engine.background.runs import forget_ended
from models.tables.base import utc_now
from resolvers.changes import run_sizes
from server.observe.metrics import Metrics
from tests.support.world import World


@pytest.fixture(autouse=True)
def small(monkeypatch: pytest.MonkeyPatch) -> None:
    """A stage with leads is deleted by a run."""
    monkeypatch.setattr(run_sizes, "AT_ONCE", 0)


async def start(world: World) -> str:
    """Start a run."""
    given = {"stageId": world["New"], "moveLeadsTo": world["Talking"]}
    return str((await world.change("deleteStage", given, "run { id }"))["run"]["id"])


async def test_old_ones_are_deleted(world: World, strangers: World) -> None:
    """Only those that ended before the instant, of each organisation, over several batches."""
    for place in (world, strangers):
        for _ in range(5):
            await place.change("cancelRun", {"runId": await start(place)})
        await start(place)
    await world.sql("UPDATE run SET finished_at = now() - interval '31 days' WHERE finished_at IS NOT NULL")
    recent = await start_again(world)
    await forget_ended(world.database, utc_now() - timedelta(days=30), 2, 0)
    left = await world.database.pool.fetch("SELECT state, count(*) AS runs FROM run GROUP BY state ORDER BY state")
    assert [(row["state"], row["runs"]) for row in left] == [("CANCELLED", 1), ("RUNNING", 1)]
    assert (await world.ask("{ runs { nodes { id } } }"))["runs"]["nodes"] == [{"id": recent}]


async def start_again(world: World) -> str:
    """Cancel the run that goes on, and return its id."""
    found = (await world.ask("{ runs(state: RUNNING) { nodes { id } } }"))["runs"]["nodes"]
    await world.change("cancelRun", {"runId": found[0]["id"]})
    return str(found[0]["id"])


async def test_they_are_counted(world: World) -> None:
    """By kind and state, with the age of the one that waits longest; a state without runs goes back to 0."""
    run = await start(world)
    await world.sql("UPDATE run SET updated_at = now() - interval '90 seconds'")
    metrics = Metrics()

    async def counted() -> dict[str, float]:
        async with world.database.acquire() as connection:
            metrics.count_runs(await COUNTS.all(connection))
        lines = (await metrics.text())[0].decode().splitlines()
        return {
            name: float(value)
            for name, value in (line.rsplit(" ", 1) for line in lines if line.startswith("dealboard_runs"))
        }

    found = await counted()
    assert found['dealboard_runs{kind="delete_stage",state="RUNNING"}'] == 1
    assert 90 <= found["dealboard_runs_oldest_waiting_seconds"] < 120
    await world.change("cancelRun", {"runId": run})
    assert await counted() == {
        'dealboard_runs{kind="delete_stage",state="RUNNING"}': 0,
        'dealboard_runs{kind="delete_stage",state="CANCELLED"}': 1,
        "dealboard_runs_oldest_waiting_seconds": 0,
    }
