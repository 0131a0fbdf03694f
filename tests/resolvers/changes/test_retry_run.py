"""retryRun: work that has failed for good is done again; and what `runs` and `cancelRun` show and do of work."""

import json
from typing import Any

from engine.background.leased.kinds import WorkKind
from engine.background.leased.leased_run import LeasedRun
from engine.background.leased.takers import taking
from engine.engine import Engine
from models import organisation_id
from tests.support.consistency import expect_consistent
from tests.support.consuming import until
from tests.support.recipes import RECIPES, failed_work
from tests.support.servers.leased import asked
from tests.support.world import MIA, World

SHOW = "run { id mutation work state done total error failures dueAt startedBy { id } finishedAt }"
NOTHING = {"mutation": None, "startedBy": None, "work": "greeting", "total": 1}


async def nothing(run: LeasedRun) -> None:
    """Do nothing."""


async def show(world: World) -> Any:
    """All runs."""
    return (await world.ask("{ runs { nodes { work state error dueAt mutation startedBy { id } } } }"))["runs"]["nodes"]


async def test_it_is_done_again(world: World, engine: Engine) -> None:
    """At once, with all its retries; the log says who wanted it."""
    await asked(world.database, organisation_id(world.organisation), ["Ada"])
    await world.sql(
        "UPDATE run SET state = 'FAILED', error = 'ValueError', failures = 10, due_at = NULL, finished_at = now()"
    )
    await world.sql("UPDATE lane SET next_due = NULL")
    id = await world.database.pool.fetchval("SELECT 'run_' || id FROM run")
    head = await world.head()
    made = (await world.change("retryRun", {"runId": id}, SHOW))["run"]
    assert made.pop("dueAt") is not None
    assert made == {
        **NOTHING,
        "id": id,
        "state": "WAITING",
        "done": 0,
        "error": None,
        "failures": 0,
        "finishedAt": None,
    }
    (event,) = await world.events(head)
    assert (event["type"], event["mutation"]) == ("run.retried", "retry_run")
    changes = {"state": ["FAILED", "WAITING"], "error": ["ValueError", None], "failures": [10, 0]}
    assert json.loads(event["data"]) == {"changes": changes}
    async with taking(world.database, [WorkKind("greeting", nothing)], engine.feed, 0.05):
        await until(world.database, "SELECT state = 'FINISHED' AND done = 1 FROM run")
    await expect_consistent(world.database)


async def test_what_cannot_be_is_refused(world: World, strangers: World) -> None:
    """What has not failed, a change of many records, and the run of another organisation."""
    work = await failed_work(world)
    await strangers.refused("retryRun", {"runId": work}, "NOT_FOUND", "runId")
    refused = await world.attempt("retryRun", {"runId": work}, **MIA)
    assert refused["errors"][0]["extensions"]["code"] == "FORBIDDEN"
    change = await RECIPES["cancelRun"](world)
    assert (await world.refused("retryRun", change, "INVALID", "runId", show=SHOW))["run"]["mutation"] == "deleteStage"
    await world.change("retryRun", {"runId": work})
    shown = await world.refused("retryRun", {"runId": work}, "INVALID", "runId", show=SHOW)
    assert shown["run"]["state"] == "WAITING"


async def test_work_is_cancelled(world: World, engine: Engine) -> None:
    """Nobody takes it any more, and what a worker still does is refused. A manager cannot: they did not start it."""
    await asked(world.database, organisation_id(world.organisation), ["Ada", "Bob"])
    await world.sql("UPDATE run SET state = 'RUNNING', attempt = 1 WHERE key = 'Ada'")
    ids = [row["id"] for row in await world.database.pool.fetch("SELECT 'run_' || id AS id FROM run ORDER BY key")]
    await world.refused("cancelRun", {"runId": ids[0]}, "FORBIDDEN", "runId", **MIA)
    for id in ids:
        made = (await world.change("cancelRun", {"runId": id}, SHOW))["run"]
        assert (made["state"], made["dueAt"], made["done"]) == ("CANCELLED", None, 0)
    async with taking(world.database, [WorkKind("greeting", nothing)], engine.feed, 0.05):
        await asked(world.database, organisation_id(world.organisation), ["Cleo"])
        await until(world.database, "SELECT count(*) = 1 FROM run WHERE state = 'FINISHED'")
    assert [one["state"] for one in await show(world)] == ["FINISHED", "CANCELLED", "CANCELLED"]
    await world.refused("cancelRun", {"runId": await failed_work(world)}, "RUN_ENDED", "runId")
    await expect_consistent(world.database)
