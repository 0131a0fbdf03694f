"""What events hold of records that are created, forgotten as earlier versions never knew it, and filled in again."""

import json
from typing import Any

from models.database import Connection, Database
from resolvers.changes.creations import CREATIONS
from resolvers.changes.missing_values import fill

Held = dict[tuple[str, int], tuple[str, str, Any]]

HELD = """
SELECT organisation.key, number, type, actor_kind, data
FROM event JOIN organisation ON organisation.id = event.org_id WHERE type = ANY($1)
"""


async def held(connection: Connection) -> Held:
    """What each event of a creation holds, with its type and the kind of its actor, by organisation and number."""
    found = await connection.fetch(HELD, list(CREATIONS))
    return {(row[0], row["number"]): (row["type"], row["actor_kind"], json.loads(row["data"])) for row in found}


async def forget(connection: Connection) -> None:
    """Leave the log as an earlier version has written it."""
    await connection.execute("UPDATE event SET data = '{}' WHERE type = ANY($1)", list(CREATIONS))
    await connection.execute("UPDATE event SET actor_kind = 'MEMBER'")
    await connection.execute("UPDATE event_log SET unfilled_to = nullif(head, 0)")


async def expect_undone(database: Database) -> None:
    """Undoing all that has happened since leads back to what each event of a creation holds."""
    async with database.acquire() as connection:
        transaction = connection.transaction()
        await transaction.start()
        try:
            before = await held(connection)
            await forget(connection)
            await fill(connection)
            after = await held(connection)
        finally:
            await transaction.rollback()
    assert before
    assert {at: after[at] for at in before if after[at] != before[at]} == {}
