"""cancelRun: no further batch of a run is made; what is done stays, and what it has set aside is free again."""

import asyncio
import json
from typing import Any

import pytest

from engine.background.runner import TAKE_RUN, make_batch, work_off
from models import organisation_id
from models.rules.ids import parse_id
from models.rules.roles import Role
from resolvers.changes import run_sizes
from resolvers.domain import CRM
from tests.support.consistency import expect_consistent
from tests.support.world import MIA, World

SHOW = "run { id state done total error finishedAt }"


@pytest.fixture(autouse=True)
def small(monkeypatch: pytest.MonkeyPatch) -> None:
    """More than one record is changed by a run, two at a time."""
    monkeypatch.setattr(run_sizes, "AT_ONCE", 1)
    monkeypatch.setattr(run_sizes, "BATCH", 2)


async def nobody(_: Any) -> None:
    """Wakes nobody."""


async def deleting(world: World) -> dict[str, str]:
    """Start deleting New, which has three leads; returns the input that cancels the run."""
    given = {"stageId": world["New"], "moveLeadsTo": world["Talking"]}
    return {"runId": (await world.change("deleteStage", given, "run { id }"))["run"]["id"]}


async def batch(world: World, run: dict[str, str]) -> bool:
    """Make a batch of the run."""
    return await make_batch(world.database, CRM, organisation_id(world.organisation), parse_id("run", run["runId"]))


async def test_what_is_done_stays(world: World) -> None:
    """The stage stays with the leads that have not moved, and takes new ones; nobody works on the run any more."""
    run = await deleting(world)
    assert await batch(world, run)
    head = await world.head()
    made = (await world.change("cancelRun", run, SHOW))["run"]
    assert made.pop("finishedAt") is not None
    assert made == {"id": run["runId"], "state": "CANCELLED", "done": 2, "total": 3, "error": None}
    events = {event["type"]: event for event in await world.events(head)}
    assert list(events) == ["stage.updated", "run.ended"]
    ended = events["run.ended"]
    assert json.loads(ended["data"]) == {"state": "CANCELLED", "error": None}
    assert (ended["mutation"], ended["actor_id"]) == ("cancel_run", parse_id("member", world["tester"]))
    assert not await batch(world, run)
    await work_off(world.database, CRM, nobody)
    assert len(await world.cards("New")) == 1
    await world.change("createLead", {"title": "Late", "stageId": world["New"]})
    again = await world.change("cancelRun", run, SHOW)
    assert again["run"]["state"] == "CANCELLED"
    assert await world.head() == head + len(events) + 1  # the new lead, and nothing for the second time
    await expect_consistent(world.database)


async def test_a_run_that_has_ended_is_not_cancelled(world: World) -> None:
    """It says so, with the run as it is."""
    run = await deleting(world)
    await work_off(world.database, CRM, nobody)
    shown = await world.refused("cancelRun", run, "RUN_ENDED", "runId", show=SHOW)
    assert shown["run"]["state"] == "FINISHED"


async def test_who_may_cancel(world: World, strangers: World) -> None:
    """A manager cancels what they started, an admin everything; nobody the run of another organisation."""
    run = await deleting(world)
    shown = await world.refused("cancelRun", run, "FORBIDDEN", "runId", show=SHOW, **MIA)
    assert shown["run"]["state"] == "RUNNING"
    refused = await world.attempt("cancelRun", run, subject="rita", role=Role.REP)
    assert refused["errors"][0]["extensions"]["code"] == "FORBIDDEN"
    await strangers.refused("cancelRun", run, "NOT_FOUND", "runId")
    await world.refused("cancelRun", {"runId": world["Ada"]}, "WRONG_ID", "runId")
    await world.change("cancelRun", run)
    for name in ("Ada", "Bob"):
        await world.change("assignLead", {"leadId": world[name], "memberId": world["rita"]})
    moving = {"fromMemberId": world["rita"], "toMemberId": world["mia"]}
    own = {"runId": (await world.change("reassignAll", moving, "run { id }", **MIA))["run"]["id"]}
    assert (await world.change("cancelRun", own, SHOW, **MIA))["run"]["state"] == "CANCELLED"
    await expect_consistent(world.database)


async def test_it_waits_for_the_batch_at_hand(world: World) -> None:
    """The process that makes a batch holds the run: it is cancelled when the batch is done."""
    run = await deleting(world)
    async with world.database.acquire() as connection:
        at_hand = connection.transaction()
        await at_hand.start()
        org_id, id = organisation_id(world.organisation), parse_id("run", run["runId"])
        assert await TAKE_RUN.first(connection, org_id=org_id, id=id) is not None
        cancelling = asyncio.create_task(world.change("cancelRun", run, SHOW))
        async with asyncio.timeout(20):
            while not await world.database.pool.fetchval(
                "SELECT count(*) FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND datname = current_database()"
            ):
                assert not cancelling.done()
        await at_hand.commit()
    assert (await cancelling)["run"]["state"] == "CANCELLED"


async def test_cancelled_by_several_at_once_and_worked_on(world: World) -> None:
    """It ends once, whatever comes first."""
    run = await deleting(world)
    head = await world.head()
    await asyncio.gather(*(world.attempt("cancelRun", run) for _ in range(5)), batch(world, run), batch(world, run))
    await work_off(world.database, CRM, nobody)
    assert [event["type"] for event in await world.events(head)].count("run.ended") == 1
    await expect_consistent(world.database)


async def test_runs_are_listed(world: World, strangers: World) -> None:
    """The newest come first, page by page and by state, without those of other organisations."""
    first = await deleting(world)
    await world.change("cancelRun", first)
    second = await deleting(world)
    await deleting(strangers)
    query = "query($first: Int, $after: Cursor, $state: RunState) { runs(first: $first, after: $after, state: $state) {"
    query += " totalCount nodes { id state } pageInfo { endCursor hasNextPage } } }"

    async def listed(**given: Any) -> Any:
        return (await world.ask(query, given))["runs"]

    ids = [second["runId"], first["runId"]]
    assert [run["id"] for run in (await listed())["nodes"]] == ids
    page = await listed(first=1)
    assert (page["totalCount"], page["pageInfo"]["hasNextPage"]) == (2, True)
    rest = await listed(first=1, after=page["pageInfo"]["endCursor"])
    assert [run["id"] for run in page["nodes"] + rest["nodes"]] == ids
    assert [run["id"] for run in (await listed(state="CANCELLED"))["nodes"]] == ids[1:]
    assert (await listed(state="FAILED"))["nodes"] == []
