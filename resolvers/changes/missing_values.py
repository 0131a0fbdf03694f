"""Fills in the words and the sort keys that rows lack which were not written by changes: of earlier versions, imported
or copied ones."""

from collections.abc import Awaitable, Callable, Iterable
from dataclasses import dataclass
from uuid import UUID

from sqlalchemy import ARRAY, Text, bindparam, text

from engine.change.records import IDS
from engine.read.rows import ORG
from models.database import Connection, Statement
from models.rules.sort_key import SORTED, sort_key
from resolvers.changes.search_words import FIELDS, PEOPLE, rename, write_new

BATCH = 2_000
"""Records that are written in one transaction."""

FIRST = UUID(int=0)

Progress = Callable[[int, int], None]
"""Called with the number of records that were filled in just now, and of those that were missing in all."""

KEYS = bindparam("keys", type_=ARRAY(Text()))

WITHOUT_WORDS = {
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

WITHOUT_KEY = {
    table: Statement(
        text(
            f"SELECT id FROM {table} WHERE org_id = :org_id AND id > :after AND sort_key = '' ORDER BY id LIMIT :size"
        ).bindparams(ORG)
    )
    for table in SORTED
}

NAMES = {
    table: Statement(
        text(f"SELECT id, {name} AS name FROM {table} WHERE org_id = :org_id AND id = ANY(:ids)").bindparams(ORG, IDS)
    )
    for table, name in SORTED.items()
}

ANYWHERE = Statement(
    text(
        f"""
        SELECT org_id, count(*) AS records FROM (
            SELECT org_id FROM customer WHERE words IS NULL
            UNION ALL SELECT org_id FROM contact WHERE words IS NULL
            UNION ALL SELECT lead.org_id FROM lead LEFT JOIN lead_search
                ON lead_search.org_id = lead.org_id AND lead_search.lead_id = lead.id
            WHERE lead_search.lead_id IS NULL
            {" ".join(f"UNION ALL SELECT org_id FROM {table} WHERE sort_key = ''" for table in SORTED)}
        ) AS lacking
        GROUP BY org_id ORDER BY org_id
        """
    )
)
"""The organisations that have records without words or without sort keys, and how many."""

ONE_AT_A_TIME = Statement(text("SELECT pg_advisory_xact_lock(hashtextextended('words', 0))"))
"""Of two servers that start together, each waits for a batch of the other, and none serves before all are done."""


def _write_keys(table: str) -> Statement:
    """Write sort keys that are missing still: a change that came between has written that of the name it gave."""
    return Statement(
        text(
            f"""
            UPDATE {table} SET sort_key = given.key FROM unnest(:ids, :keys) AS given (id, key)
            WHERE {table}.org_id = :org_id AND {table}.id = given.id AND {table}.sort_key = ''
            """
        ).bindparams(ORG, IDS, KEYS)
    )


WRITE_KEYS = {table: _write_keys(table) for table in SORTED}


async def _fill_keys(connection: Connection, org_id: UUID, table: str, ids: Iterable[UUID]) -> None:
    rows = await NAMES[table].all(connection, org_id=org_id, ids=list(ids))
    keys = [sort_key(row["name"]) for row in rows]
    await WRITE_KEYS[table].run(connection, org_id=org_id, ids=[row["id"] for row in rows], keys=keys)


async def _fill_words(connection: Connection, org_id: UUID, noun: str, ids: Iterable[UUID]) -> None:
    await (write_new if noun == "lead" else rename)(connection, org_id, noun, ids)


@dataclass(frozen=True)
class Filler:
    """Values that rows of a table may lack: which rows do, and what writes them."""

    lacking: Statement
    write: Callable[[Connection, UUID, Iterable[UUID]], Awaitable[None]]


def _filler(lacking: Statement, write: Callable[..., Awaitable[None]], table: str) -> Filler:
    return Filler(lacking, lambda connection, org_id, ids: write(connection, org_id, table, ids))


FILLERS = (
    *(_filler(WITHOUT_KEY[table], _fill_keys, table) for table in SORTED),
    *(_filler(WITHOUT_WORDS[noun], _fill_words, noun) for noun in FIELDS),
)
"""In this order: leads copy the words of contacts and customers."""


async def fill(connection: Connection, progress: Progress = lambda done, of: None) -> None:
    """Write what records lack. Each batch is a transaction of its own, unless the caller has one: what ends before its
    end goes on where it was. Does nothing where nothing is missing."""
    lacking = await ANYWHERE.all(connection)
    total = sum(row["records"] for row in lacking)
    for row in lacking:
        for filler in FILLERS:
            await _fill(connection, row["org_id"], filler, lambda done: progress(done, total))


async def _fill(connection: Connection, org_id: UUID, filler: Filler, progress: Callable[[int], None]) -> None:
    after: UUID | None = FIRST
    while after is not None:
        async with connection.transaction():
            # What a crash loses is missing again at the next start, so nothing waits for the disk.
            await connection.execute("SET LOCAL synchronous_commit = off")
            await ONE_AT_A_TIME.run(connection)
            found = await filler.lacking.all(connection, org_id=org_id, after=after, size=BATCH)
            ids = [row["id"] for row in found]
            if ids:
                await filler.write(connection, org_id, ids)
        progress(len(ids))
        after = ids[-1] if len(ids) == BATCH else None
