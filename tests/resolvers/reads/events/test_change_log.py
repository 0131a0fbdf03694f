"""The change log: what changed, before and after, by whom, when and by which mutation; append only."""

import re
from typing import Any

import pytest

from resolvers.changes.created_values import FILL_ACTOR_KINDS, FILL_DATA
from resolvers.changes.pruned_events import (
    DELETE_GONE_LEADS,
    DELETE_LEAD_SPANS,
    DELETE_NOTIFICATIONS,
    DELETE_STAGE_SPANS,
    KNOW_LESS,
    PRUNE,
)
from tests.support.recipes import task
from tests.support.sql.statements import NAMED
from tests.support.world import MIA, World

CHANGE_LOG = """query($first: Int, $filter: EventFilter) { changeLog(first: $first, filter: $filter) {
    nodes { type mutation actor { id } recordId changes { field before after } }
} }"""

WRITES = re.compile(r"\b(?:UPDATE|DELETE\s+FROM|TRUNCATE|MERGE\s+INTO)\s+(?:ONLY\s+)?event\b(?!_)")
"""Statements that change or remove rows of the log."""

BESIDE = {DELETE_NOTIFICATIONS, DELETE_LEAD_SPANS, DELETE_STAGE_SPANS, *DELETE_GONE_LEADS, KNOW_LESS}
"""Statements of the retention that write to what is made from events."""

RETENTION = {statement for group in PRUNE.values() for statement in group} - BESIDE
"""Statements that remove places within a column that no subscriber can resume from, and, where the server is set not to
keep the change log, the rest of it. No others do."""

FILLS = {FILL_ACTOR_KINDS, FILL_DATA}
"""Statements that give events of earlier versions what they lack, once, when a server is upgraded."""


@pytest.mark.parametrize("name", NAMED)
def test_the_log_is_only_appended_to(name: str) -> None:
    """Only an upgrade changes rows of the log, and only the retention of old events removes any."""
    statement = NAMED[name]
    assert bool(WRITES.search(statement.sql)) == (statement in RETENTION | FILLS)
    assert not re.search(r"\bevent\b.*ON CONFLICT.*DO UPDATE", statement.sql, re.DOTALL)


def test_a_changed_log_would_be_noticed() -> None:
    """The test above finds each way to write to the log, and is not misled by the log's counter."""
    for wrong in ("UPDATE event SET type = ''", "DELETE FROM event AS e", "DELETE FROM ONLY event", "TRUNCATE event"):
        assert WRITES.search(wrong)
    assert not WRITES.search("UPDATE event_log SET head = 1")


async def test_the_log_says_who_changed_what(world: World, strangers: World) -> None:
    """Changes are listed from the newest, filtered by record, actor, type and time, without other organisations'."""
    await world.change("updateLead", {"leadId": world["Ada"], "title": "Ada Abel", "ownerId": None}, **MIA)
    await strangers.change("updateLead", {"leadId": strangers["Ada"], "title": "Theirs"}, **MIA)

    async def describe(first: int = 100, **wanted: Any) -> Any:
        return (await world.ask(CHANGE_LOG, {"first": first, "filter": wanted}))["changeLog"]["nodes"]

    [newest] = await describe(first=1)
    assert newest == {
        "type": "LEAD_UPDATED",
        "mutation": "updateLead",
        "actor": {"id": world["mia"]},
        "recordId": world["Ada"],
        "changes": [{"field": "title", "before": "Ada", "after": "Ada Abel"}],
    }
    assert await describe(recordId=world["Ada"]) == [newest, (await describe(recordId=world["Ada"]))[1]]
    assert {node["recordId"] for node in await describe(recordId=world["Ada"])} == {world["Ada"]}
    several = await describe(recordIds=[world["Sales"], world["Ada"]])
    assert several == [*await describe(recordId=world["Ada"]), *await describe(recordId=world["Sales"])]
    assert await describe(recordIds=[]) == await describe(recordIds=[strangers["Ada"]]) == []
    assert [node["type"] for node in await describe(recordId=world["Sales"])] == ["PIPELINE_CREATED"]
    assert [node["recordId"] for node in await describe(types=["CUSTOMER_CREATED"])] == [world["Acme"]]
    assert [node["type"] for node in await describe(actorIds=[world["mia"]])] == ["LEAD_UPDATED", "CONTACT_CREATED"]
    assert await describe(recordId=strangers["Ada"]) == []
    assert await describe(actorIds=[strangers["mia"]]) == []
    assert await describe(occurredAt={"to": "2001-01-01T00:00:00Z"}) == []


async def test_the_log_keeps_what_is_gone(world: World) -> None:
    """For a deleted or merged record, each field that was not empty is listed with its last value."""

    async def held(type_: str) -> dict[str, Any]:
        [node] = (await world.ask(CHANGE_LOG, {"first": 1, "filter": {"types": [type_]}}))["changeLog"]["nodes"]
        assert {change["after"] for change in node["changes"]} == {None}
        return {change["field"]: change["before"] for change in node["changes"]}

    given = {"leadId": world["Ada"], "type": "CALL", "subject": "Hello", "body": "They pay 900", "duration": 60}
    occurred_at = "2025-03-01T10:00:00+00:00"
    made = await world.change("logActivity", {**given, "occurredAt": occurred_at}, "activity { id }")
    await world.change("deleteActivity", {"activityId": made["activity"]["id"]})
    fields = {name: str(value) for name, value in given.items() if name != "leadId"}
    assert await held("ACTIVITY_DELETED") == {**fields, "occurredAt": occurred_at, "participants": "[]"}

    await task(world, "Call", dueOn="2031-05-01", assigneeId=None)
    await world.change("deleteTask", {"taskId": world["Call"]})
    fields = {"title": "Call", "dueOn": "2031-05-01", "priority": "NORMAL", "status": "OPEN"}
    assert await held("TASK_DELETED") == fields

    await world.change("mergeContacts", {"winnerId": world["contact of mia"], "loserId": world["contact of rita"]})
    assert await held("CONTACT_MERGED") == {"name": "Contact of rita", "email": "rita@example.com"}
    made = await world.change("createCustomer", {"name": "Bolt", "externalId": "b-1"}, "customer { id }")
    await world.change("mergeCustomers", {"winnerId": world["Acme"], "loserId": made["customer"]["id"]})
    assert await held("CUSTOMER_MERGED") == {"name": "Bolt", "externalId": "b-1"}
    await world.change("mergeLeads", {"winnerId": world["Cleo"], "loserId": world["Bob"]})
    fields = {"title": "Bob", "value": "250.50", "currency": "USD", "ownerId": world["rita"]}
    assert await held("LEAD_MERGED") == fields
    await world.change("deleteLead", {"leadId": world["Cleo"]})
    assert await held("LEAD_DELETED") == {**fields, "title": "Cleo", "description": "Merged from “Bob”"}

    made = await world.change("createPool", {"name": "Inbound", "memberIds": [world["mia"]]}, "pool { id }")
    await world.change("deletePool", {"poolId": made["pool"]["id"]})
    fields = {"name": "Inbound", "strategy": "ROUND_ROBIN", "memberIds": f'["{world["mia"]}"]'}
    assert await held("POOL_DELETED") == fields
    await world.change("deleteStage", {"stageId": world["Talking"], "moveLeadsTo": world["New"]})
    fields = {"name": "Talking", "kind": "OPEN", "probability": "30", "rottenAfterDays": "14", "requiredFields": "[]"}
    fields["forecastCategory"] = "PIPELINE"
    assert await held("STAGE_DELETED") == fields
    await world.change("deletePipeline", {"pipelineId": world["Empty"]})
    fields = {"name": "Empty", "isDefault": "false", "routesNewLeads": "false", "stages": '["Open"]'}
    assert await held("PIPELINE_DELETED") == fields
