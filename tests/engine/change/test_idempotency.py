"""Outcomes of idempotency keys: what is kept of them, and for how long."""

import asyncio
from datetime import timedelta

import pytest

from engine.change import idempotency
from engine.change.idempotency import forget
from engine.live import retention
from models import organisation_id
from models.database import Database
from models.tables.base import utc_now
from resolvers.changes.pruned_events import PRUNE
from tests.support.recipes import opportunities
from tests.support.world import World, tables


async def keys(database: Database) -> list[str]:
    """The keys that are remembered, oldest first."""
    return [row["key"] for row in await database.pool.fetch("SELECT key FROM outcome ORDER BY created_at, key")]


async def remembered(world: World, *ages: tuple[str, float]) -> None:
    """Changes with these keys, so many hours ago."""
    for key, hours in ages:
        await world.change("createContact", {"name": key, "idempotencyKey": key})
        await world.sql(
            "UPDATE outcome SET created_at = now() - make_interval(secs => $2) WHERE key = $1", key, hours * 3600
        )


async def test_old_outcomes_are_deleted(world: World, strangers: World) -> None:
    """In batches, of every organisation; with a key that is remembered the change is done once, with others again."""
    await remembered(world, ("a", 80), ("b", 79), ("c", 78), ("d", 71))
    await remembered(strangers, ("e", 73), ("f", 1))
    await forget(world.database, utc_now() - timedelta(hours=72), 2, 0)
    assert await keys(world.database) == ["d", "f"]
    for key, count in (("d", 1), ("a", 2)):
        await world.change("createContact", {"name": key, "idempotencyKey": key})
        found = await world.database.pool.fetchval(
            "SELECT count(*) FROM contact WHERE org_id = $1 AND name = $2", organisation_id(world.organisation), key
        )
        assert found == count


async def test_an_organisation_keeps_its_newest(
    world: World, strangers: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    """However many it sends: they take no room from others, and what others keep does not depend on them."""
    monkeypatch.setattr(idempotency, "MOST_KEPT", 3)
    await remembered(world, *((f"k{nth}", 10 - nth) for nth in range(8)))
    await remembered(strangers, ("x", 9), ("y", 8), ("z", 7))
    await forget(world.database, utc_now() - timedelta(hours=72), 2, 0)
    assert await keys(world.database) == ["x", "y", "z", "k5", "k6", "k7"]


async def test_dry_runs_are_not_remembered(world: World) -> None:
    """They save nothing; the change itself can be sent with the same key."""
    await opportunities(world)
    await world.change("qualifyLead", {"leadId": world["Bob"]})
    given = {"leadId": world["Bob"], "idempotencyKey": "once"}
    show = "opportunity { id }"
    dry = await world.change("convertLead", {**given, "dryRun": True}, show)
    assert await keys(world.database) == []
    assert dry["opportunity"] is None
    first = await world.change("convertLead", {**given, "dryRun": False}, show)
    assert await keys(world.database) == ["once"]
    assert await world.change("convertLead", {**given, "dryRun": False}, show) == first
    assert first["opportunity"] is not None


async def test_they_are_deleted_in_the_background(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """Also where events are kept for ever."""
    await remembered(world, ("old", 3), ("new", 1))
    monkeypatch.setattr(retention, "FAILED", 0.01)
    async with retention.pruning(world.database, 0, PRUNE[True], 2.0), asyncio.timeout(20):
        while await keys(world.database) != ["new"]:
            """It comes by itself."""


async def test_a_merged_record_is_answered_by_the_one_that_stays(world: World) -> None:
    """The change is not made again; its record is the one it was merged into, alone and in lists."""
    update = {"leadId": world["Ada"], "title": "Ada & sons", "idempotencyKey": "update"}
    assign = {"leadIds": [world["Ada"], world["Bob"]], "memberId": world["mia"], "idempotencyKey": "assign"}
    await world.change("updateLead", update, "lead { id }")
    await world.change("assignLeads", assign, "leads { id } results { leadId }")
    await world.change("mergeLeads", {"winnerId": world["Cleo"], "loserId": world["Ada"]})
    before = await tables(world.database)
    again = await world.change("updateLead", update, "lead { id title }")
    assert again["lead"] == {"id": world["Cleo"], "title": "Cleo"}
    again = await world.change("assignLeads", assign, "leads { id } results { leadId }")
    assert again["leads"] == [{"id": world["Cleo"]}, {"id": world["Bob"]}]
    assert again["results"] == [{"leadId": world["Ada"]}, {"leadId": world["Bob"]}]
    assert await tables(world.database) == before


async def test_what_is_gone_is_left_out(world: World) -> None:
    """No null where the schema promises a record: an item without a record that is asked of it is left out."""
    rule = {"name": "All", "condition": {"value": {"isSet": True}}, "memberId": world["mia"]}
    await world.change("setRoutingRules", {"pipelineId": world["Sales"], "rules": [rule]})
    given = {"pipelineId": world["Sales"], "idempotencyKey": "route"}
    show = "routedCount routed { lead { title } } named: routed { lead { title } rule { name } } unrouted { reason }"
    named = [{"lead": {"title": title}, "rule": {"name": "All"}} for title in ("Ada", "Dan")]
    first = await world.change("routeUnassigned", given, show)
    assert (first["routedCount"], first["named"]) == (2, named)
    await world.change("deleteLead", {"leadId": world["Dan"]})
    again = await world.change("routeUnassigned", given, show)
    assert (again["routedCount"], again["routed"], again["named"]) == (2, [{"lead": {"title": "Ada"}}], named[:1])
    replaced = [{**rule, "name": "Others"}]
    await world.change("setRoutingRules", {"pipelineId": world["Sales"], "rules": replaced})
    again = await world.change("routeUnassigned", given, show)
    assert (again["routed"], again["named"]) == ([{"lead": {"title": "Ada"}}], [])
    await world.change("deleteLead", {"leadId": world["Cleo"]})
    assert (await world.change("routeUnassigned", given, "unrouted { lead { title } }"))["unrouted"] == []


async def test_a_deleted_record_is_null(world: World) -> None:
    """Where the schema allows it; lists are without it."""
    update = {"leadId": world["Ada"], "title": "Ada & sons", "idempotencyKey": "update"}
    assign = {"leadIds": [world["Ada"], world["Bob"]], "memberId": world["mia"], "idempotencyKey": "assign"}
    await world.change("updateLead", update, "lead { id }")
    await world.change("assignLeads", assign, "leads { id }")
    await world.change("deleteLead", {"leadId": world["Ada"]})
    assert (await world.change("updateLead", update, "lead { id }"))["lead"] is None
    assert (await world.change("assignLeads", assign, "leads { id }"))["leads"] == [{"id": world["Bob"]}]
