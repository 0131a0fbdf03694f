"""Makes the spans of what was there before spans were written: of each organisation whose `known_from` is null.

A batch holds its leads, finds their spans from the log, and writes all of them anew, in one transaction. What ends
before its end goes on where it was, and leads that changed meanwhile are made from what they are by then.
"""

from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from typing import Any
from uuid import UUID

import orjson
from sqlalchemy import ARRAY, Text, bindparam, text

from engine.change.records import IDS
from engine.read.rows import ORG
from models.database import DIALECT, Connection, Row, Statement
from models.rules.ids import split_id
from models.rules.text import spelled
from models.tables.analytics.spans import LeadSpan, StageSpan
from models.tables.base import Base
from resolvers.changes.leads.fields import FIELDS
from resolvers.changes.spans.gone import keep_gone
from resolvers.changes.spans.held import CHANGES, LEAD_EVENTS, OF_LEAD, OF_STAGE, STAGE_EVENTS, matters
from resolvers.changes.spans.undoing import Kinds, Span, lead_spans, stage_spans

BATCH = 1_000
"""Leads whose spans are made in one transaction."""

FIRST = UUID(int=0)
TYPES = bindparam("types", type_=ARRAY(Text()))

UNKNOWN = Statement(
    text(
        """
        SELECT event_log.org_id, count(lead.id) AS leads
        FROM event_log LEFT JOIN lead ON lead.org_id = event_log.org_id
        WHERE event_log.known_from IS NULL GROUP BY event_log.org_id ORDER BY event_log.org_id
        """
    )
)
"""The organisations without spans of what was there before, and how many leads they have."""

ONE_AT_A_TIME = Statement(text("SELECT pg_advisory_xact_lock(hashtextextended('spans', 0))"))
"""Of two servers that start together, each waits for a batch of the other, and none serves before all are done."""

NEXT_LEADS = Statement(
    text(
        """
        SELECT named.id, EXISTS (
            SELECT FROM lead_span WHERE lead_span.org_id = :org_id AND lead_span.lead_id = named.id
                AND lead_span.from_number <= coalesce((
                    SELECT event.number FROM event WHERE event.org_id = :org_id AND event.lead_id = named.id
                    ORDER BY event.number LIMIT 1
                ), lead_span.from_number)
        ) AS is_done
        FROM (
            (SELECT id FROM lead WHERE org_id = :org_id AND id > :after ORDER BY id LIMIT CAST(:size AS int))
            UNION (
                SELECT DISTINCT lead_id FROM event WHERE org_id = :org_id AND lead_id > :after
                ORDER BY lead_id LIMIT CAST(:size AS int)
            )
        ) AS named ORDER BY named.id LIMIT CAST(:size AS int)
        """
    ).bindparams(ORG)
)
"""The next leads that are there or that the log names, and whether their spans go back to their first event."""

SHARE_LEADS = Statement(
    text("SELECT * FROM lead WHERE org_id = :org_id AND id = ANY(:ids) ORDER BY id FOR SHARE").bindparams(ORG, IDS)
)

LEAD_LOG = Statement(
    text(
        """
        SELECT lead_id, number, type, occurred_at, mutation, pipeline_id, stage_id, from_pipeline_id, from_stage_id,
            data
        FROM event WHERE org_id = :org_id AND lead_id = ANY(:ids) AND type = ANY(:types) ORDER BY lead_id, number
        """
    ).bindparams(ORG, IDS, TYPES)
)

SHARE_STAGES = Statement(text("SELECT * FROM stage WHERE org_id = :org_id ORDER BY id FOR SHARE").bindparams(ORG))

STAGE_LOG = Statement(
    text(
        """
        SELECT pipeline_id, stage_id, number, type, occurred_at, data
        FROM event WHERE org_id = :org_id AND type = ANY(:types) ORDER BY pipeline_id, number
        """
    ).bindparams(ORG, TYPES)
)

KINDS = Statement(
    text(
        "SELECT stage_id, until_number, kind FROM stage_span WHERE org_id = :org_id ORDER BY stage_id, until_number"
    ).bindparams(ORG)
)

CLEAR = {
    noun: Statement(
        text(f"DELETE FROM {noun}_span WHERE org_id = :org_id AND {noun}_id = ANY(:ids)").bindparams(ORG, IDS)
    )
    for noun in ("lead", "stage")
}


def _write(model: type[Base], *names: str) -> Statement:
    columns = ", ".join(names)
    typed = ", ".join(f"{name} {model.__table__.c[name].type.compile(DIALECT)}" for name in names)
    return Statement(
        text(
            f"INSERT INTO {model.__tablename__} (org_id, {columns}) SELECT :org_id, {columns}"
            f" FROM jsonb_to_recordset(CAST(:rows AS jsonb)) AS made ({typed})"
        ).bindparams(ORG)
    )


NUMBERS = ("from_number", "until_number")
WRITE_LEADS = _write(LeadSpan, "lead_id", *NUMBERS, *OF_LEAD)
WRITE_STAGES = _write(StageSpan, "stage_id", *NUMBERS, *OF_STAGE)

KNOW = Statement(
    text(
        """
        UPDATE event_log SET known_from = CASE WHEN CAST(:keeps_log AS boolean) THEN 0 ELSE greatest(tail - 1, 0) END
        WHERE org_id = :org_id AND known_from IS NULL
        """
    ).bindparams(ORG)
)
"""Says from where the spans hold: where events were deleted with their age, not before those that are left."""


async def unspanned(connection: Connection) -> int:
    """How many leads have no spans of what they were before."""
    return sum(row["leads"] for row in await UNKNOWN.all(connection))


async def fill_spans(connection: Connection, progress: Callable[[int], None], *, keeps_log: bool) -> None:
    """Make the spans that are missing, batch by batch, each in a transaction of its own unless the caller has one.
    `keeps_log` is whether the change log is kept for ever. Calls `progress` with the number of leads that it has looked
    at. Does nothing where nothing is missing."""
    for row in await UNKNOWN.all(connection):
        await _fill(connection, row["org_id"], progress, keeps_log)


async def _fill(connection: Connection, org_id: UUID, progress: Callable[[int], None], keeps_log: bool) -> None:
    async with connection.transaction():
        await ONE_AT_A_TIME.run(connection)
        await _span_stages(connection, org_id)
    after: UUID | None = FIRST
    while after is not None:
        async with connection.transaction():
            # What a crash loses is missing again at the next start, so nothing waits for the disk.
            await connection.execute("SET LOCAL synchronous_commit = off")
            await ONE_AT_A_TIME.run(connection)
            found = await NEXT_LEADS.all(connection, org_id=org_id, after=after, size=BATCH)
            there = await _span_leads(connection, org_id, [row["id"] for row in found if not row["is_done"]])
        progress(there)
        after = found[-1]["id"] if len(found) == BATCH else None
    await KNOW.run(connection, org_id=org_id, keeps_log=keeps_log)


async def span_all(connection: Connection, org_id: UUID, lead_ids: Sequence[UUID]) -> None:
    """Make the spans of all stages of an organisation, and of these leads."""
    await _span_stages(connection, org_id)
    await _span_leads(connection, org_id, lead_ids)


async def _span_stages(connection: Connection, org_id: UUID) -> None:
    stages, events = defaultdict(list), defaultdict(list)
    for row in await SHARE_STAGES.all(connection, org_id=org_id):
        stages[row["pipeline_id"]].append(row)
    for row in await STAGE_LOG.all(connection, org_id=org_id, types=list(STAGE_EVENTS)):
        if _matters(row):
            events[row["pipeline_id"]].append(row)
    rows = [
        {"stage_id": id, **_numbers(span), **span.values}
        for pipeline_id, of_one in stages.items()
        for id, span in stage_spans(of_one, events[pipeline_id])
    ]
    await CLEAR["stage"].run(connection, org_id=org_id, ids=[row["id"] for of_one in stages.values() for row in of_one])
    await WRITE_STAGES.run(connection, org_id=org_id, rows=orjson.dumps(rows, default=str).decode())


async def _span_leads(connection: Connection, org_id: UUID, ids: Sequence[UUID]) -> int:
    """Make the spans of these leads; returns how many of them are there."""
    if not ids:
        return 0
    leads = {row["id"]: _public(row) for row in await SHARE_LEADS.all(connection, org_id=org_id, ids=ids)}
    kinds = Kinds(await KINDS.all(connection, org_id=org_id))
    events = defaultdict(list)
    for row in await LEAD_LOG.all(connection, org_id=org_id, ids=ids, types=list(LEAD_EVENTS)):
        if _matters(row):
            events[row["lead_id"]].append(row)
    rows = [
        {"lead_id": id, **_numbers(span), **_stored(span.values)}
        for id in ids
        for span in lead_spans(leads.get(id), events[id], kinds)
    ]
    await CLEAR["lead"].run(connection, org_id=org_id, ids=ids)
    await WRITE_LEADS.run(connection, org_id=org_id, rows=orjson.dumps(rows, default=str).decode())
    if gone := [id for id in ids if id not in leads]:
        await keep_gone(connection, org_id, gone)
    return len(leads)


def _matters(event: Row) -> bool:
    return matters(event["type"], orjson.loads(event["data"]).get(CHANGES) or ())


def _numbers(span: Span) -> Mapping[str, int]:
    return {"from_number": span.from_number, "until_number": span.until_number}


def _public(lead: Row) -> Mapping[str, Any]:
    """A lead, with its fields as events hold them."""
    return {**lead, **FIELDS.public(lead), spelled("forecast_category"): lead["forecast_category"]}


def _stored(values: Mapping[str, Any]) -> Mapping[str, Any]:
    """What a lead was, as a span holds it."""
    owner = values["ownerId"]
    held = {name: values[name if name in values else spelled(name)] for name in OF_LEAD}
    return {**held, "owner_id": None if owner is None else split_id(owner)[1]}
