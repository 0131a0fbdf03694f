"""Fills in the words that rows lack which were not written by changes: of earlier versions, imported or copied ones."""

from collections.abc import Callable
from uuid import UUID

from sqlalchemy import text

from engine.read.rows import ORG
from models.database import Connection, Statement
from resolvers.changes.search_words import FIELDS, PEOPLE, rename, write_new

BATCH = 2_000
"""Records whose words are written in one transaction."""

FIRST = UUID(int=0)

Progress = Callable[[int, int], None]
"""Called with the number of records that were filled in just now, and of those that were missing in all."""

LACKING = {
    **{
        noun: Statement(
            text(
                f"""
                SELECT id FROM {noun} WHERE org_id = :org_id AND id > :after AND words IS NULL
                ORDER BY id LIMIT :size
                """
            ).bindparams(ORG)
        )
        for noun in PEOPLE
    },
    "lead": Statement(
        text(
            """
            SELECT lead.id FROM lead
            WHERE lead.org_id = :org_id AND lead.id > :after AND NOT EXISTS (
                SELECT FROM lead_search WHERE lead_search.org_id = lead.org_id AND lead_search.lead_id = lead.id
            )
            ORDER BY lead.id LIMIT :size
            """
        ).bindparams(ORG)
    ),
}

ANYWHERE = Statement(
    text(
        """
        SELECT org_id, count(*) AS records FROM (
            SELECT org_id FROM customer WHERE words IS NULL
            UNION ALL SELECT org_id FROM contact WHERE words IS NULL
            UNION ALL SELECT lead.org_id FROM lead LEFT JOIN lead_search
                ON lead_search.org_id = lead.org_id AND lead_search.lead_id = lead.id
            WHERE lead_search.lead_id IS NULL
        ) AS lacking
        GROUP BY org_id ORDER BY org_id
        """
    )
)
"""The organisations that have records without words."""

ONE_AT_A_TIME = Statement(text("SELECT pg_advisory_xact_lock(hashtextextended('words', 0))"))
"""Of two servers that start together, each waits for a batch of the other, and none serves before all are done."""


async def fill(connection: Connection, progress: Progress = lambda done, of: None) -> None:
    """Write the words of all records that have none. Each batch is a transaction of its own, unless the caller has one:
    what ends before its end goes on where it was. Does nothing where none are missing."""
    lacking = await ANYWHERE.all(connection)
    total = sum(row["records"] for row in lacking)
    for row in lacking:
        for noun in FIELDS:
            after: UUID | None = FIRST
            while after is not None:
                async with connection.transaction():
                    # What a crash loses is missing again at the next start, so nothing waits for the disk.
                    await connection.execute("SET LOCAL synchronous_commit = off")
                    await ONE_AT_A_TIME.run(connection)
                    ids = await _fill(connection, row["org_id"], noun, after)
                progress(len(ids), total)
                after = ids[-1] if len(ids) == BATCH else None


async def _fill(connection: Connection, org_id: UUID, noun: str, after: UUID) -> list[UUID]:
    ids = [row["id"] for row in await LACKING[noun].all(connection, org_id=org_id, after=after, size=BATCH)]
    if ids:
        await (write_new if noun == "lead" else rename)(connection, org_id, noun, ids)
    return ids
