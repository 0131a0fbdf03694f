"""Fills in the words and the keys that rows lack which were not written by changes: of earlier versions, imported or
copied ones; what events of earlier versions lack; and what leads and stages were before there were spans. The keys are
those that records are sorted and recognised by."""

from collections.abc import Awaitable, Callable, Iterable
from dataclasses import dataclass
from uuid import UUID

from sqlalchemy import ARRAY, Text, bindparam, text

from engine.change.records import IDS
from engine.read.rows import ORG
from models.database import Connection, Statement
from models.rules.matching.keys import KEYS, with_keys
from resolvers.changes.created_values import fill_created, unfilled
from resolvers.changes.search_words import FIELDS, PEOPLE, rename, write_new
from resolvers.changes.spans.backfill import fill_spans, unspanned

BATCH = 2_000
"""Records that are written in one transaction."""

FIRST = UUID(int=0)

Progress = Callable[[int, int], None]
"""Called with the number of records that were filled in just now, and of those that were missing in all."""

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

LACKS = {
    **dict.fromkeys(KEYS, "sort_key = ''"),
    "customer": "(sort_key = '' OR name_key = '')",
    "contact": "(sort_key = '' OR (email IS NOT NULL AND email_key IS NULL))",
}
"""Whether a row lacks keys. A domain is missing only with the key beside it: many rows have none."""

WITHOUT_KEYS = {
    table: Statement(
        text(
            f"SELECT id FROM {table} WHERE org_id = :org_id AND id > :after AND {lacks} ORDER BY id LIMIT :size"
        ).bindparams(ORG)
    )
    for table, lacks in LACKS.items()
}

LOCK_LACKING = {
    table: Statement(
        text(
            f"""
            SELECT id, {", ".join(dict.fromkeys(key.source for key in keys.values()))} FROM {table}
            WHERE org_id = :org_id AND id = ANY(:ids) AND {LACKS[table]} ORDER BY id FOR NO KEY UPDATE
            """
        ).bindparams(ORG, IDS)
    )
    for table, keys in KEYS.items()
}
"""What the keys are made of, locked against changes, and without what a change has written meanwhile."""

ANYWHERE = Statement(
    text(
        f"""
        SELECT org_id, count(*) AS records FROM (
            SELECT org_id FROM customer WHERE words IS NULL
            UNION ALL SELECT org_id FROM contact WHERE words IS NULL
            UNION ALL SELECT lead.org_id FROM lead LEFT JOIN lead_search
                ON lead_search.org_id = lead.org_id AND lead_search.lead_id = lead.id
            WHERE lead_search.lead_id IS NULL
            {" ".join(f"UNION ALL SELECT org_id FROM {table} WHERE {lacks}" for table, lacks in LACKS.items())}
        ) AS lacking
        GROUP BY org_id ORDER BY org_id
        """
    )
)
"""The organisations that have records without words or without keys, and how many."""

ONE_AT_A_TIME = Statement(text("SELECT pg_advisory_xact_lock(hashtextextended('words', 0))"))
"""Of two servers that start together, each waits for a batch of the other, and none serves before all are done."""


def _write_keys(table: str) -> Statement:
    columns = KEYS[table]
    return Statement(
        text(
            f"""
            UPDATE {table} SET {", ".join(f"{column} = given.{column}" for column in columns)}
            FROM unnest(:ids, {", ".join(f":{column}" for column in columns)}) AS given (id, {", ".join(columns)})
            WHERE {table}.org_id = :org_id AND {table}.id = given.id
            """
        ).bindparams(ORG, IDS, *(bindparam(column, type_=ARRAY(Text())) for column in columns))
    )


WRITE_KEYS = {table: _write_keys(table) for table in KEYS}


async def _fill_keys(connection: Connection, org_id: UUID, table: str, ids: Iterable[UUID]) -> None:
    rows = [with_keys(table, row) for row in await LOCK_LACKING[table].all(connection, org_id=org_id, ids=list(ids))]
    keys = {column: [row[column] for row in rows] for column in KEYS[table]}
    await WRITE_KEYS[table].run(connection, org_id=org_id, ids=[row["id"] for row in rows], **keys)


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
    *(_filler(WITHOUT_KEYS[table], _fill_keys, table) for table in KEYS),
    *(_filler(WITHOUT_WORDS[noun], _fill_words, noun) for noun in FIELDS),
)
"""In this order: leads copy the words of contacts and customers."""


async def fill(connection: Connection, progress: Progress = lambda done, of: None, *, keeps_log: bool = True) -> None:
    """Write what records and events lack. Each batch is a transaction of its own, unless the caller has one: what ends
    before its end goes on where it was. Does nothing where nothing is missing. `keeps_log` is whether the change log
    is kept for ever."""
    lacking = await ANYWHERE.all(connection)
    total = sum(row["records"] for row in lacking) + await unfilled(connection) + await unspanned(connection)
    for row in lacking:
        for filler in FILLERS:
            await _fill(connection, row["org_id"], filler, lambda done: progress(done, total))
    await fill_created(connection, lambda done: progress(done, total), keeps_log=keeps_log)
    await fill_spans(connection, lambda done: progress(done, total), keeps_log=keeps_log)


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
