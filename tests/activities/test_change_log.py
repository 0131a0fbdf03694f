"""The change log: what was changed, from what to what, by whom, when and by which mutation; append only."""

import re
from typing import Any

import pytest

from models.database import Statement
from tests.changes.world import MIA, World
from tests.reading.test_scoping import STATEMENTS

CHANGE_LOG = """query($first: Int, $filter: EventFilter) { changeLog(first: $first, filter: $filter) {
    nodes { type mutation actor { id } recordId changes { field before after } }
} }"""

WRITES = re.compile(r"\b(?:UPDATE|DELETE\s+FROM|TRUNCATE|MERGE\s+INTO)\s+(?:ONLY\s+)?event\b(?!_)")
"""What changes or removes rows of the log."""

RETENTION = {"history.DELETE_PLACES ", "history.DELETE ", "history.DELETE_OF_GONE_LEADS "}
"""What removes places within a column that nobody can go back to, and, where the server is told not to keep the change
log, the rest of it. Nothing else does."""


@pytest.mark.parametrize("name", STATEMENTS)
def test_the_log_is_only_appended_to(name: str) -> None:
    """No statement changes a row of it, and none but those that keep it to its set age removes one."""
    statement: Statement = STATEMENTS[name]
    assert bool(WRITES.search(statement.sql)) == (name in RETENTION)
    assert not re.search(r"\bevent\b.*ON CONFLICT.*DO UPDATE", statement.sql, re.DOTALL)


def test_a_changed_log_would_be_noticed() -> None:
    """The test above finds each way to write to it, and is not misled by the counter of the log."""
    for wrong in ("UPDATE event SET type = ''", "DELETE FROM event AS e", "DELETE FROM ONLY event", "TRUNCATE event"):
        assert WRITES.search(wrong)
    assert not WRITES.search("UPDATE event_log SET head = 1")


async def test_the_log_tells_who_changed_what(world: World, strangers: World) -> None:
    """The newest first, filtered by record, actor, type and time; nothing of another organisation."""
    await world.change("updateLead", {"leadId": world["Ada"], "title": "Ada Abel", "ownerId": None}, **MIA)
    await strangers.change("updateLead", {"leadId": strangers["Ada"], "title": "Theirs"}, **MIA)

    async def told(first: int = 100, **wanted: Any) -> Any:
        return (await world.ask(CHANGE_LOG, {"first": first, "filter": wanted}))["changeLog"]["nodes"]

    [newest] = await told(first=1)
    assert newest == {
        "type": "LEAD_UPDATED",
        "mutation": "updateLead",
        "actor": {"id": world["mia"]},
        "recordId": world["Ada"],
        "changes": [{"field": "title", "before": "Ada", "after": "Ada Abel"}],
    }
    assert await told(recordId=world["Ada"]) == [newest, (await told(recordId=world["Ada"]))[1]]
    assert {node["recordId"] for node in await told(recordId=world["Ada"])} == {world["Ada"]}
    assert [node["type"] for node in await told(recordId=world["Sales"])] == ["PIPELINE_CREATED"]
    assert [node["recordId"] for node in await told(types=["CUSTOMER_CREATED"])] == [world["Acme"]]
    assert [node["type"] for node in await told(actorIds=[world["mia"]])] == ["LEAD_UPDATED", "CONTACT_CREATED"]
    assert await told(recordId=strangers["Ada"]) == []
    assert await told(actorIds=[strangers["mia"]]) == []
    assert await told(occurredAt={"to": "2001-01-01T00:00:00Z"}) == []
