"""Gives events of earlier versions what they lack: what each record was like when it was created, and what kind of
actor caused them.

An event stays as it is where the log does not say all that has happened to its record: events may have been deleted
with their age. `event_log.unfilled_to` says how far this is: events up to that number may lack values. Each batch
lowers it in its transaction, so what ends before its end goes on where it was.
"""

from collections.abc import Callable
from uuid import UUID

import orjson
from sqlalchemy import ARRAY, Text, bindparam, text

from engine.read.rows import ORG
from models.database import Connection, Statement
from models.event_types import EventType
from models.tables.event import ActorKind, EventData
from resolvers.changes.creations import CREATIONS, RANGE, created
from resolvers.changes.imports.import_events import IMPORT

BATCH = 2_000
"""Numbers of events that are looked at in one transaction."""

UNFILLED = Statement(text("SELECT org_id, unfilled_to FROM event_log WHERE unfilled_to IS NOT NULL ORDER BY org_id"))
"""The organisations whose events may lack values, and up to which number."""

PLACE = Statement(text("SELECT tail, unfilled_to FROM event_log WHERE org_id = :org_id").bindparams(ORG))

LACKING_TYPES = Statement(
    text(
        """
        SELECT DISTINCT type FROM event
        WHERE org_id = :org_id AND number BETWEEN :from_number AND :to_number
            AND type = ANY(:types) AND data = CAST('{}' AS jsonb)
        """
    ).bindparams(ORG, *RANGE, bindparam("types", type_=ARRAY(Text())))
)

FILL_ACTOR_KINDS = Statement(
    text(
        f"""
        UPDATE event SET actor_kind = CASE WHEN mutation = '{IMPORT}'
            THEN '{ActorKind.IMPORT}' ELSE '{ActorKind.SYSTEM}' END
        WHERE org_id = :org_id AND number BETWEEN :from_number AND :to_number
            AND actor_kind = '{ActorKind.MEMBER}' AND (mutation = '{IMPORT}' OR type = '{EventType.TASK_OVERDUE}')
        """
    ).bindparams(ORG, *RANGE)
)

FILL_DATA = Statement(
    text(
        """
        UPDATE event SET data = given.data
        FROM unnest(CAST(:numbers AS bigint[]), CAST(:data AS jsonb[])) AS given (number, data)
        WHERE event.org_id = :org_id AND event.number = given.number AND event.data = CAST('{}' AS jsonb)
        """
    ).bindparams(ORG)
)

PASS = Statement(
    text("UPDATE event_log SET unfilled_to = CAST(:to_number AS bigint) WHERE org_id = :org_id").bindparams(ORG)
)
"""Says how far this is. Runs last, because changes that append to the log wait for this row."""

ONE_AT_A_TIME = Statement(text("SELECT pg_advisory_xact_lock(hashtextextended('created', 0))"))
"""Of two servers that start together, each waits for a batch of the other, and none serves before all are done."""


async def unfilled(connection: Connection) -> int:
    """How many events may lack values."""
    return sum(row["unfilled_to"] for row in await UNFILLED.all(connection))


async def fill_created(connection: Connection, progress: Callable[[int], None], *, keeps_log: bool) -> None:
    """Give events what they lack, batch by batch, each in a transaction of its own unless the caller has one.
    `keeps_log` is whether the change log is kept for ever. Calls `progress` with the number of events that it has
    looked at. Does nothing where nothing is lacking."""
    for row in await UNFILLED.all(connection):
        count: int | None = 0
        while count is not None:
            progress(count)
            async with connection.transaction():
                # What a crash loses is lacking again at the next start, so nothing waits for the disk.
                await connection.execute("SET LOCAL synchronous_commit = off")
                await ONE_AT_A_TIME.run(connection)
                count = await _fill_batch(connection, row["org_id"], keeps_log)


async def _fill_batch(connection: Connection, org_id: UUID, keeps_log: bool) -> int | None:
    """Fill the newest events that have not been looked at; returns how many these were, or None if there are none."""
    place = await PLACE.first(connection, org_id=org_id)
    if place is None or place["unfilled_to"] is None:
        return None
    last: int = place["unfilled_to"]
    first = max(last - BATCH + 1, 1)
    bounds = {"org_id": org_id, "from_number": first, "to_number": last}
    await FILL_ACTOR_KINDS.run(connection, **bounds)
    data: dict[int, EventData] = {}
    for found in await LACKING_TYPES.all(connection, **bounds, types=list(CREATIONS)):
        creation = CREATIONS[EventType(found["type"])]
        rows = await creation.lacking.all(connection, **bounds)
        known = [row for row in rows if keeps_log or row["number"] >= place["tail"] or creation.keeps_log(row)]
        data |= await created(connection, org_id, creation, known)
    if data:
        texts = [orjson.dumps(what.data()).decode() for what in data.values()]
        await FILL_DATA.run(connection, org_id=org_id, numbers=list(data), data=texts)
    await PASS.run(connection, org_id=org_id, to_number=first - 1 or None)
    return last - first + 1
