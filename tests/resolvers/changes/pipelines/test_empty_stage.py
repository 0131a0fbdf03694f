"""deleteStage of a stage with many leads: a run moves them in batches, and nobody waits for it."""

import asyncio
from collections.abc import Iterator
from typing import Any

import orjson
import pytest

from engine.background.runner import make_batch, work_off
from models import organisation_id
from models.rules.ids import parse_id
from resolvers.changes import run_sizes
from resolvers.changes.imports.import_leads import import_deals
from resolvers.changes.imports.options import Import
from resolvers.changes.imports.rows import IN_LINES, Deal
from resolvers.domain import CRM
from tests.support.consistency import expect_consistent
from tests.support.world import RITA, World

SHOW = """deletedStageId movedLeads run { id mutation state done total error startedBy { id } finishedAt }
    stage { id deletingRun { id } } targetStage { id } pipeline { id }"""
RUN = "query($id: ID!) { run(id: $id) { state done total error finishedAt } node(id: $id) { id __typename } }"


@pytest.fixture(autouse=True)
def small(monkeypatch: pytest.MonkeyPatch) -> None:
    """Two leads are moved in the request; more are moved by a run, two at a time."""
    monkeypatch.setattr(run_sizes, "AT_ONCE", 2)
    monkeypatch.setattr(run_sizes, "BATCH", 2)


async def nobody(org_id: Any) -> None:
    """Wakes nobody."""


async def begun(world: World, **given: Any) -> str:
    """Start deleting New, which has Ada, Bob and Cleo; returns the id of the run."""
    payload = await world.change(
        "deleteStage", {"stageId": world["New"], "moveLeadsTo": world["Talking"], **given}, SHOW
    )
    id: str = payload["run"]["id"]
    return id


async def batch(world: World, run: str) -> bool:
    """Make one batch of the run."""
    return await make_batch(world.database, CRM, organisation_id(world.organisation), parse_id("run", run))


async def finish(world: World) -> None:
    """Look for runs until none is left to work on."""
    while await world.database.pool.fetchval("SELECT count(*) FROM run WHERE state = 'RUNNING'"):
        await work_off(world.database, CRM, nobody)


async def state(world: World, run: str) -> tuple[str, int, int, str | None]:
    """How far the run is."""
    found = (await world.ask(RUN, {"id": run}))["run"]
    return found["state"], found["done"], found["total"], found["error"]


async def test_a_run_moves_the_leads_and_deletes_the_stage(world: World) -> None:
    """The payload shows the run; the leads move in their order, each with its event, and the stage is deleted last."""
    head = await world.head()
    cards = await world.cards("New")
    given = {"stageId": world["New"], "moveLeadsTo": world["Talking"]}
    payload = await world.change("deleteStage", given, SHOW)
    run = payload.pop("run")
    assert run == {
        "id": run["id"], "mutation": "deleteStage", "state": "RUNNING", "done": 0, "total": 3, "error": None,
        "startedBy": {"id": world["tester"]}, "finishedAt": None,
    }  # fmt: skip
    assert payload == {
        "deletedStageId": None, "movedLeads": None, "stage": {"id": world["New"], "deletingRun": {"id": run["id"]}},
        "targetStage": {"id": world["Talking"]}, "pipeline": {"id": world["Sales"]}, "userErrors": [],
    }  # fmt: skip
    assert await batch(world, run["id"])
    assert await state(world, run["id"]) == ("RUNNING", 2, 3, None)
    await expect_consistent(world.database)
    await finish(world)
    assert await state(world, run["id"]) == ("FINISHED", 3, 3, None)
    found = await world.ask(RUN, {"id": run["id"]})
    assert found["node"] == {"id": run["id"], "__typename": "Run"}
    assert found["run"]["finishedAt"] is not None
    assert await world.cards("Talking") == ["Dan", *cards]
    assert [stage["name"] for stage in await world.stages("Sales", "name")] == ["Talking", "Offer", "Won", "Lost"]
    moved = ("lead.stage_changed", "delete_stage", {})
    assert await world.recorded(head) == [
        ("stage.updated", "delete_stage", {"changes": {"deletingRunId": [None, run["id"]]}}),
        moved, moved, moved,
        ("stage.deleted", "delete_stage",
         {"name": "New", "kind": "OPEN", "probability": 10, "rottenAfterDays": None,
         "forecastCategory": "PIPELINE", "requiredFields": [],
          "movedLeads": 3}),
        ("run.ended", "delete_stage", {"state": "FINISHED", "error": None}),
    ]  # fmt: skip
    last = (await world.events(head))[-1]
    assert (last["record_id"], last["actor_id"]) == (parse_id("run", run["id"]), parse_id("member", world["tester"]))
    await expect_consistent(world.database)


async def test_few_leads_move_in_the_request(world: World) -> None:
    """There is no run where the leads are no more than fit in a request."""
    given = {"stageId": world["Talking"], "moveLeadsTo": world["New"]}
    payload = await world.change("deleteStage", given, "movedLeads run { id }")
    assert (payload["movedLeads"], payload["run"]) == (1, None)
    assert await world.database.pool.fetchval("SELECT count(*) FROM run") == 0


async def test_the_stage_takes_no_new_leads(world: World) -> None:
    """Every way into the stage is refused with STAGE_BEING_DELETED, or leads past it; cards in it can still move."""
    run = await begun(world)
    await world.refused("moveLead", {"leadId": world["Dan"], "stageId": world["New"]}, "STAGE_BEING_DELETED", "stageId")
    created = {"title": "Gil", "stageId": world["New"]}
    await world.refused("createLead", created, "STAGE_BEING_DELETED", "stageId")
    given = {"stageId": world["Offer"], "moveLeadsTo": world["New"]}
    await world.refused("deleteStage", given, "STAGE_BEING_DELETED", "moveLeadsTo")
    made = await world.change("createLead", {"title": "Hal", "pipelineId": world["Sales"]}, "lead { stage { name } }")
    assert made["lead"]["stage"]["name"] == "Talking"
    deal = Deal(2, "New", dict.fromkeys(IN_LINES) | {"title": "Deal"})
    report = await import_deals(world.database, Import(world.organisation, "Sales"), [deal])
    assert report.rejected == [(2, "stage: 'New' is being deleted; name another stage")]
    await world.change("moveLead", {"leadId": world["Ada"], "stageId": world["New"], "afterLeadId": world["Bob"]})
    await world.change("moveLead", {"leadId": world["Ada"], "stageId": world["Offer"]})
    await finish(world)
    assert await state(world, run) == ("FINISHED", 2, 3, None)
    assert await world.cards("Offer") == ["Ada"]
    await expect_consistent(world.database)


async def test_leads_go_past_the_stage(world: World) -> None:
    """Qualifying skips it, a lead that is lost is closed where it stands, and a reopened one goes to another stage."""
    for name in ("Ada", "Bob"):
        await world.change("moveLead", {"leadId": world[name], "stageId": world["Talking"]})
    await world.change("deleteStage", {"stageId": world["Talking"], "moveLeadsTo": world["Offer"]})
    made = await world.change("qualifyLead", {"leadId": world["Cleo"]}, "lead { stage { name } }")
    assert made["lead"]["stage"]["name"] == "Offer"
    await world.change("moveLead", {"leadId": world["Ada"], "stageId": world["Lost"], "lostReason": "Price"})
    made = await world.change("reopenLead", {"leadId": world["Ada"]}, "lead { stage { name } }")
    assert made["lead"]["stage"]["name"] == "New"
    await expect_consistent(world.database)


async def test_a_stage_is_deleted_once(world: World) -> None:
    """A second deletion shows the run of the first; the same idempotency key answers with the same run."""
    key = {"idempotencyKey": "delete New"}
    run = await begun(world, **key)
    assert await begun(world, **key) == run
    given = {"stageId": world["New"], "moveLeadsTo": world["Offer"]}
    shown = await world.refused("deleteStage", given, "STAGE_BEING_DELETED", "stageId", show="run { id }")
    assert shown["run"]["id"] == run
    await finish(world)
    assert await begun(world, **key) == run
    assert await world.database.pool.fetchval("SELECT count(*) FROM run") == 1


async def test_the_run_counts_as_deleted_for_the_last_open_stage(world: World) -> None:
    """While the other open stage is being deleted, this one is the last."""
    for name in ("Talking", "Offer"):
        await world.change("deleteStage", {"stageId": world[name], "moveLeadsTo": world["New"]})
    made = await world.change("addStage", {"pipelineId": world["Sales"], "name": "Other"}, "stage { id }")
    await begun(world, moveLeadsTo=made["stage"]["id"])
    given = {"stageId": made["stage"]["id"], "moveLeadsTo": world["Won"]}
    await world.refused("deleteStage", given, "LAST_OPEN_STAGE", "stageId")


async def test_a_run_that_is_refused_ends(world: World) -> None:
    """Its target is gone: it has failed and says why, what is moved stays, and the stage takes leads again."""
    run = await begun(world)
    assert await batch(world, run)
    await world.sql("UPDATE stage SET deleted_at = now() WHERE name = 'Talking'")
    head = await world.head()
    await finish(world)
    error = "There is no such stage in your organisation. Check the id."
    assert await state(world, run) == ("FAILED", 2, 3, error)
    assert await world.recorded(head) == [
        ("stage.updated", "delete_stage", {"changes": {"deletingRunId": [run, None]}}),
        ("run.ended", "delete_stage", {"state": "FAILED", "error": error}),
    ]
    await world.change("moveLead", {"leadId": world["Eve"], "stageId": world["New"]})


async def test_an_external_id_that_is_taken_refuses_at_once(world: World) -> None:
    """Ada has the external id of Fay, in the other pipeline: nothing is moved."""
    given = {"stageId": world["New"], "moveLeadsTo": world["Due"]}
    await world.refused("deleteStage", given, "EXTERNAL_ID_TAKEN", "moveLeadsTo")


async def test_only_an_admin_starts_it_and_only_the_organisation_sees_it(world: World, strangers: World) -> None:
    """A rep is refused; another organisation finds no such run."""
    given = {"stageId": world["New"], "moveLeadsTo": world["Talking"]}
    body = await world.attempt("deleteStage", given, **RITA)
    assert [error["extensions"]["code"] for error in body["errors"]] == ["FORBIDDEN"]
    assert await world.database.pool.fetchval("SELECT count(*) FROM run") == 0
    run = await begun(world)
    assert await strangers.ask(RUN, {"id": run}) == {"run": None, "node": None}


async def test_two_processes_never_make_the_same_batch(world: World) -> None:
    """While one makes a batch, the other finds nothing to do; each lead moves once."""
    run = await begun(world)
    async with world.database.acquire() as blocker:
        await blocker.execute("BEGIN")
        await blocker.execute("SELECT FROM lead WHERE title = 'Ada' FOR UPDATE")
        first = asyncio.create_task(batch(world, run))
        waiting = "SELECT count(*) FROM pg_stat_activity WHERE wait_event_type = 'Lock'"
        async with asyncio.timeout(20):
            while not await world.database.pool.fetchval(waiting):
                pass
        assert not await batch(world, run)
        assert await state(world, run) == ("RUNNING", 0, 3, None)
        await world.change("moveLead", {"leadId": world["Dan"], "stageId": world["Offer"]})
        await blocker.execute("COMMIT")
    assert await first
    await asyncio.gather(finish(world), finish(world))
    await finish(world)
    assert await state(world, run) == ("FINISHED", 3, 3, None)
    entered = "SELECT count(*) FROM stage_change WHERE to_stage_id = $1"
    assert await world.database.pool.fetchval(entered, parse_id("stage", world["Talking"])) == 4
    await expect_consistent(world.database)


async def test_a_batch_that_breaks_is_tried_again(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """A fault that passes costs an attempt; one that stays fails the run after five, and says so to people."""
    real = CRM.work["delete_stage"]
    faults: Iterator[int] = iter(range(2))

    async def broken(change: Any, given: Any, done: int) -> Any:
        if next(faults, None) is not None:
            raise ZeroDivisionError
        return await real.batch(change, given, done)

    run = await begun(world)
    monkeypatch.setitem(CRM.work, "delete_stage", type(real)(broken, real.give_up))  # type: ignore[arg-type]
    await finish(world)
    assert await state(world, run) == ("FINISHED", 3, 3, None)
    faults = iter(range(9))
    made = await world.change("deleteStage", {"stageId": world["Talking"], "moveLeadsTo": world["Offer"]}, "run { id }")
    await finish(world)
    found = await state(world, made["run"]["id"])
    assert found[:3] == ("FAILED", 0, 4)
    assert str(found[3]).startswith("Something went wrong on the server. What is done stays:")
    assert next(faults) == 5
    await expect_consistent(world.database)


async def test_what_is_stored_of_the_caller(world: World) -> None:
    """The run knows who started it and in which organisation, and no more of the token."""
    await begun(world)
    held = orjson.loads(await world.database.pool.fetchval("SELECT input FROM run"))
    assert held["caller"] == {"organisation": world.organisation, "subject": "tester", "role": "ADMIN"}


async def test_a_run_into_a_lost_stage_has_its_reason(world: World) -> None:
    """The reason is settled when the run starts, and each batch writes it."""
    lost = {"stageId": world["New"], "moveLeadsTo": world["Lost"]}
    await world.refused("deleteStage", lost, "REASON_REQUIRED", "lostReason")
    run = await begun(world, moveLeadsTo=world["Lost"], lostReason=" Too  dear ")
    await world.change("setLostReasons", {"reasons": ["Rain"]})
    await finish(world)
    assert await state(world, run) == ("FINISHED", 3, 3, None)
    for name in ("Ada", "Bob", "Cleo"):
        found = await world.lead(name, "lostReason closedAt")
        assert found["lostReason"] == "Too dear"
        assert found["closedAt"] is not None
    await expect_consistent(world.database)
