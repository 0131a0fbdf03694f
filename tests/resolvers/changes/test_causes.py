"""Each event says what caused it: who or what, the run whose batch it was, and how many automations lie between."""

from datetime import date
from typing import Any
from uuid import UUID

import asyncpg
import pytest

from engine.background.passing_time import record
from engine.background.runner import work_off
from models.tables.base import utc_now
from resolvers.changes import run_sizes
from resolvers.changes.imports.import_leads import import_deals
from resolvers.changes.imports.options import Import
from resolvers.changes.imports.rows import IN_LINES, Deal
from resolvers.changes.tasks.overdue import OVERDUE
from resolvers.domain import CRM
from tests.support.recipes import task
from tests.support.world import MIA, World

CHANGE_LOG = """query($filter: EventFilter) { changeLog(first: 100, filter: $filter) {
    nodes { type actorKind depth run { id mutation } actor { id } mutation changes { field before after } }
} }"""


async def nobody(_: UUID) -> None:
    """Wakes nobody."""


async def caused(world: World, *types: str) -> list[Any]:
    """The kind of actor, the run and the depth of each event of these types, the oldest first."""
    found = (await world.ask(CHANGE_LOG, {"filter": {"types": list(types)}}))["changeLog"]["nodes"]
    return [(node["actorKind"], node["run"], node["depth"]) for node in reversed(found)]


async def test_a_member_causes_a_change(world: World) -> None:
    """Whatever is asked for by a mutation is the member's, and is done at once."""
    await world.change("updateLead", {"leadId": world["Ada"], "title": "Ada Abel"}, **MIA)
    assert await caused(world, "LEAD_UPDATED") == [("MEMBER", None, 0)]


async def test_a_run_causes_what_its_batches_change(
    world: World, strangers: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each event of a batch names the run, its end included; the change that started it does not."""
    monkeypatch.setattr(run_sizes, "AT_ONCE", 1)
    given = {"stageId": world["New"], "moveLeadsTo": world["Talking"]}
    run = (await world.change("deleteStage", given, "run { id mutation }"))["run"]
    await work_off(world.database, CRM, nobody)
    assert await caused(world, "STAGE_UPDATED") == [("MEMBER", None, 0)]
    by_the_run = ("MEMBER", run, 0)
    assert await caused(world, "LEAD_STAGE_CHANGED", "STAGE_DELETED", "RUN_ENDED") == [by_the_run] * 5
    assert await caused(strangers, "LEAD_STAGE_CHANGED", "STAGE_DELETED", "RUN_ENDED") == []


async def test_a_run_that_fails_causes_its_end(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """What takes back the beginning of a run names it, too."""
    monkeypatch.setattr(run_sizes, "AT_ONCE", 1)
    given = {"stageId": world["New"], "moveLeadsTo": world["Offer"]}
    run = (await world.change("deleteStage", given, "run { id mutation }"))["run"]
    await world.change("deleteStage", {"stageId": world["Offer"]})
    await work_off(world.database, CRM, nobody)
    assert await caused(world, "STAGE_UPDATED") == [("MEMBER", None, 0), ("MEMBER", run, 0)]
    assert await caused(world, "RUN_ENDED") == [("MEMBER", run, 0)]


async def test_an_import_causes_what_it_creates(world: World) -> None:
    """Pipeline, stages, people, leads, their steps and the end, whether or not it names a member."""
    head = await world.head()
    lead = dict.fromkeys(IN_LINES) | {"title": "Deal"}
    deal = Deal(2, "Won", lead, owner="gus", contact="Bob", customer="Initech", closed_at=date(2026, 1, 1))
    for pipeline, by in (("One", None), ("Two", "gus")):
        await import_deals(world.database, Import(world.organisation, pipeline, by=by, create_missing=True), [deal])
    events = await world.events(head)
    assert {event["type"] for event in events} >= {"pipeline.created", "member.created", "lead.created"}
    assert {(event["actor_kind"], event["run_id"], event["depth"]) for event in events} == {("IMPORT", None, 0)}
    assert {event["actor_id"] is None for event in events} == {True, False}
    assert set(await caused(world, "IMPORT_FINISHED")) == {("IMPORT", None, 0)}


async def test_time_causes_what_becomes_overdue(world: World) -> None:
    """Nobody does that."""
    await task(world, "Call", dueOn="2020-01-01")
    await record(world.database, OVERDUE, utc_now(), nobody)
    assert await caused(world, "TASK_OVERDUE") == [("SYSTEM", None, 0)]


async def test_the_log_takes_no_other_kinds(world: World) -> None:
    """The table refuses what no enum names."""
    with pytest.raises(asyncpg.CheckViolationError, match="event_actor_kind_check"):
        await world.sql("UPDATE event SET actor_kind = 'ROBOT'")


async def test_what_is_created_is_shown_as_changes(world: World) -> None:
    """Each field that is not empty, from null to its value; those of a pipeline with its type and its stages."""

    async def made(type_: str) -> dict[str, Any]:
        nodes = (await world.ask(CHANGE_LOG, {"filter": {"types": [type_]}}))["changeLog"]["nodes"]
        assert {change["before"] for change in nodes[0]["changes"]} == {None}
        return {change["field"]: change["after"] for change in nodes[0]["changes"]}

    given = {"title": "Gil", "value": "7", "currency": "EUR", "ownerId": world["rita"], "source": "Fair"}
    await world.change("createLead", {**given, "stageId": world["Won"]})
    assert await made("LEAD_CREATED") == {**given, "value": "7.00"}
    assert await made("CONTACT_CREATED") == {"name": "Contact of ian", "email": "ian@example.com"}
    assert await made("CUSTOMER_CREATED") == {"name": "Acme"}
    empty = {"name": "Empty", "type": "LEAD", "isDefault": "false", "routesNewLeads": "false"}
    pipeline = await made("PIPELINE_CREATED")
    stages = pipeline.pop("stages")
    assert pipeline == empty
    assert f'"id": "{world["Open"]}"' in stages
    await world.change("addStage", {"pipelineId": world["Sales"], "name": "Late", "probability": 80})
    late = {"name": "Late", "kind": "OPEN", "probability": "80", "forecastCategory": "PIPELINE", "requiredFields": "[]"}
    assert await made("STAGE_ADDED") == late
    await world.change("createPool", {"name": "Inbound", "memberIds": [world["mia"]]})
    members = f'["{world["mia"]}"]'
    assert await made("POOL_CREATED") == {"name": "Inbound", "strategy": "ROUND_ROBIN", "memberIds": members}


async def test_an_order_of_stages_is_shown_as_a_change(world: World) -> None:
    """The ids of the stages before and after."""
    before = [world[name] for name in ("New", "Talking", "Offer", "Won", "Lost")]
    after = [before[1], before[0], *before[2:]]
    await world.change("reorderStages", {"pipelineId": world["Sales"], "stageIds": after})
    [node] = (await world.ask(CHANGE_LOG, {"filter": {"types": ["STAGES_REORDERED"]}}))["changeLog"]["nodes"]
    shown = ["[" + ", ".join(f'"{id}"' for id in ids) + "]" for ids in (before, after)]
    assert node["changes"] == [{"field": "stages", "before": shown[0], "after": shown[1]}]
