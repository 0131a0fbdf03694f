"""`dealboard runs`: which runs wait, and which have ended."""

import io

import pytest
from rich.console import Console

from resolvers.changes import run_sizes
from server.process.faults import Fault
from server.process.listing_runs import WIDEST, find_runs, runs_table
from tests.support.world import World


async def test_runs_are_listed(world: World, strangers: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """Those that are waiting come first; an organisation sees its own, the operator all."""
    monkeypatch.setattr(run_sizes, "AT_ONCE", 0)
    runs = {}
    for place in (world, strangers):
        given = {"stageId": place["New"], "moveLeadsTo": place["Talking"]}
        runs[place.organisation] = (await place.change("deleteStage", given, "run { id }"))["run"]["id"]
    await strangers.change("cancelRun", {"runId": runs[strangers.organisation]})

    async def printed(org: str | None) -> list[str]:
        output = io.StringIO()
        Console(file=output, width=WIDEST).print(runs_table(await find_runs(world.database, org)))
        return [line for line in output.getvalue().splitlines() if "run_" in line]

    waiting, ended = await printed(None)
    assert all(part in waiting for part in (world.organisation, runs[world.organisation], "RUNNING", "0 of 3"))
    assert all(part in ended for part in (strangers.organisation, runs[strangers.organisation], "CANCELLED"))
    assert await printed(world.organisation) != []
    assert all(runs[strangers.organisation] not in line for line in await printed(world.organisation))
    with pytest.raises(Fault, match="no such organisation"):
        await find_runs(world.database, "nobody")
