"""Spans as the log has them: folded from what events hold, and forgotten and made again as an upgrade makes them."""

import json
from collections import defaultdict
from typing import Any

from models import FOREVER, organisation_id
from models.database import Connection, Database
from resolvers.changes.missing_values import fill
from tests.support.world import World

TABLES = ("lead_span", "stage_span")

Stored = dict[str, list[dict[str, Any]]]


async def stored_spans(connection: Connection) -> Stored:
    """Every span of every organisation."""
    return {
        table: [
            json.loads(row[0]) for row in await connection.fetch(f"SELECT to_jsonb(t) FROM {table} AS t ORDER BY 1")
        ]
        for table in TABLES
    }


async def forget_spans(connection: Connection) -> None:
    """Leave the database as a version has it that knows no spans."""
    for table in TABLES:
        await connection.execute(f"DELETE FROM {table}")
    await connection.execute("UPDATE event_log SET known_from = NULL")


async def expect_spans_made_again(database: Database) -> None:
    """Undoing all that has happened leads to the spans that the changes have written."""
    async with database.acquire() as connection:
        transaction = connection.transaction()
        await transaction.start()
        try:
            before = await stored_spans(connection)
            await forget_spans(connection)
            await fill(connection)
            after = await stored_spans(connection)
        finally:
            await transaction.rollback()
    for table in TABLES:
        assert before[table]
        assert [span for span in after[table] if span not in before[table]] == []
        assert [span for span in before[table] if span not in after[table]] == []


FIELDS = {
    "title": "title",
    "value": "value",
    "currency": "currency",
    "probability": "probability",
    "expectedCloseDate": "expected_close_date",
    "ownerId": "owner_id",
    "forecastCategory": "forecast_category",
}
"""What a span holds of a lead, by the keys of events."""


async def expect_spans_folded(world: World) -> None:
    """The spans of leads say at the end of each change what the log says, read from its beginning: the values of
    `lead.created`, and the changes of all later events."""
    events = await world.events()
    last = {event["occurred_at"]: event["number"] for event in events}
    folded: dict[int, dict[str, dict[str, Any]]] = {}
    leads: dict[str, dict[str, Any]] = {}
    for event in events:
        if event["lead_id"] is not None and event["type"].startswith("lead."):
            _fold(leads, event)
        if event["number"] == last[event["occurred_at"]]:
            folded[event["number"]] = {id: dict(lead) for id, lead in leads.items()}
    found = await world.database.pool.fetch(
        "SELECT * FROM lead_span WHERE org_id = $1", organisation_id(world.organisation)
    )
    spans: dict[int, dict[str, dict[str, Any]]] = defaultdict(dict)
    for span in found:
        shown = {name: _text(span[name]) for name in (*FIELDS.values(), "pipeline_id", "stage_id")}
        for number in folded:
            if span["from_number"] <= number < span["until_number"]:
                assert str(span["lead_id"]) not in spans[number], "two spans hold at once"
                spans[number][str(span["lead_id"])] = shown
    for number, expected in folded.items():
        assert spans[number] == expected, number
    assert {span["until_number"] for span in found if span["until_number"] > len(events)} <= {FOREVER}


def _fold(leads: dict[str, dict[str, Any]], event: Any) -> None:
    id, data = str(event["lead_id"]), json.loads(event["data"])
    if event["type"] in ("lead.deleted", "lead.merged"):
        del leads[id]
        return
    if event["type"] == "lead.created":
        leads[id] = {column: _text(data.get(key)) for key, column in FIELDS.items()}
    if event["type"] in ("lead.created", "lead.stage_changed"):
        leads[id] |= {"pipeline_id": str(event["pipeline_id"]), "stage_id": str(event["stage_id"])}
    changed = {FIELDS[key]: _text(pair[1]) for key, pair in data.get("changes", {}).items() if key in FIELDS}
    if event["type"] == "lead.assigned":
        changed["owner_id"] = _text(data["to"])
    leads[id] |= changed


def _text(value: Any) -> str | None:
    return None if value is None else str(value).removeprefix("member_")
