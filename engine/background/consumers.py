"""Consumers of the event log: what follows from what happened, made once for each event.

lock      the consumer's row of an organisation is locked, and the next events after its position are read
move      its position becomes the number of the last of them
make      the consumer writes what follows from them

All three are one transaction, so nothing is made twice and nothing is left out, whatever is killed between: the lock is
the lease, as it is for runs. Events come in the order of their commits. A position can be set back, and what follows is
made again. A change itself pays nothing for all this: it writes its events as if nobody read them.

An organisation's row starts at the end of its log, so that an upgrade makes nothing of old events; that of an
organisation which is only some minutes old starts at its first event.
"""

import logging
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from datetime import timedelta
from enum import Enum
from uuid import UUID

from sqlalchemy import BigInteger, Double, Integer, Text, bindparam, text

from engine.change.transaction import CONTENDED
from engine.read.rows import ORG
from models.database import UNREACHABLE, Connection, Database, Row, Statement
from models.tables.base import utc_now
from models.tables.event import Event
from models.timeouts import BACKGROUND

log = logging.getLogger("dealboard.consumers")

BATCH = 500
"""Events of one transaction, at most."""

YOUNG = timedelta(minutes=10)
"""The age of an organisation up to which its consumers start at its first event."""

MANY_FAILURES = 5
"""Failures in a row from which on a consumer is reported as failing, and its batch is a single event."""

FIRST_PAUSE, LONGEST_PAUSE = 1.0, 300.0
"""Seconds before a batch that failed is made again; doubled with each failure."""

NAME = bindparam("name", type_=Text())


@dataclass(frozen=True)
class Consumer:
    """A consumer by its name, and what it makes of events.

    `make` gets the connection of the transaction, the organisation and the events, in order, with all columns of their
    table; `data` is JSON text. It may write whatever a change may, locks as changes do, and appends events, if any,
    last. It returns whether subscribers are to be woken after the commit. What it raises takes everything back, and
    the same events come again after a pause.
    """

    name: str
    make: Callable[[Connection, UUID, Sequence[Row]], Awaitable[bool]]


class Progress(Enum):
    """How a batch has ended."""

    MORE = "there may be more events"
    CAUGHT_UP = "there are no more events"
    NOT_TAKEN = "another process has it, or it waits, or the organisation is suspended"
    EXPIRED = "events that it had not read were pruned"
    FAILED = "it is made again after a pause"


START = Statement(
    text(
        """
        INSERT INTO consumer (org_id, name, position)
        SELECT log.org_id, :name, CASE WHEN own.created_at > :young THEN log.tail - 1 ELSE log.head END
        FROM event_log AS log JOIN organisation AS own ON own.id = log.org_id
        WHERE log.org_id = :org_id
        ON CONFLICT DO NOTHING
        """
    ).bindparams(ORG, NAME)
)

COLUMNS = ", ".join(f"next.{column.name}" for column in Event.__table__.c)
"""What consumers read of an event: everything."""

LOCK = Statement(
    text(
        f"""
        WITH taken AS MATERIALIZED (
            SELECT consumer.position, consumer.failures
            FROM consumer JOIN organisation AS own ON own.id = consumer.org_id
            WHERE consumer.org_id = :org_id AND consumer.name = :name AND consumer.state = 'RUNNING'
                AND own.suspended_at IS NULL
                AND (consumer.retry_at IS NULL OR consumer.retry_at <= statement_timestamp())
            FOR NO KEY UPDATE OF consumer SKIP LOCKED
        )
        SELECT taken.position, taken.failures, log.tail, {COLUMNS}
        FROM taken CROSS JOIN event_log AS log LEFT JOIN LATERAL (
            SELECT * FROM event WHERE event.org_id = :org_id AND event.number > taken.position
            ORDER BY event.number LIMIT :size
        ) AS next ON true
        WHERE log.org_id = :org_id
        ORDER BY next.number
        """
    ).bindparams(ORG, NAME, bindparam("size", type_=Integer()))
)
"""Lock the consumer's row and read the next events. The position is that of the newest version of the row, the events
those of the statement's snapshot: a part of the log without a gap, from a number after which there is none missing."""

MOVE = Statement(
    text(
        """
        UPDATE consumer SET position = :position, failures = 0, error = NULL, retry_at = NULL,
            moved_at = statement_timestamp()
        WHERE org_id = :org_id AND name = :name
        """
    ).bindparams(ORG, NAME, bindparam("position", type_=BigInteger()))
)

FAIL = Statement(
    text(
        """
        UPDATE consumer SET failures = failures + 1, error = :error, retry_at = (
            statement_timestamp() AT TIME ZONE 'UTC'
            + make_interval(secs => least(:longest, :first * power(2, least(failures, 20))))
        ) AT TIME ZONE 'UTC'
        WHERE org_id = :org_id AND name = :name RETURNING failures
        """
    ).bindparams(
        ORG,
        NAME,
        bindparam("error", type_=Text()),
        bindparam("first", type_=Double()),
        bindparam("longest", type_=Double()),
    )
)

EXPIRE = Statement(
    text(
        """
        UPDATE consumer SET state = 'EXPIRED'
        WHERE org_id = :org_id AND state = 'RUNNING' AND position + 1 < :to_number RETURNING name, position
        """
    ).bindparams(ORG, bindparam("to_number", type_=BigInteger()))
)
"""Mark the consumers that have not read all events before a number, which are pruned."""


async def start(database: Database, org_id: UUID, name: str) -> None:
    """Create a consumer's row of an organisation, at the place where it starts. Nothing happens if it exists."""
    async with database.acquire() as connection:
        await START.run(connection, org_id=org_id, name=name, young=utc_now() - YOUNG)


async def consume(
    database: Database, consumer: Consumer, org_id: UUID, wake: Callable[[UUID], Awaitable[None]]
) -> Progress:
    """Make the next batch of a consumer of an organisation. Raises when the database cannot be reached."""
    try:
        async with database.transaction(BACKGROUND) as connection:
            outcome, wakes = await _batch(connection, consumer, org_id)
    except CONTENDED:
        return Progress.MORE  # what it met ends; the batch is made again in its next turn
    except UNREACHABLE:
        raise
    except Exception as failure:
        await _fail(database, consumer, org_id, failure)
        return Progress.FAILED
    if wakes:
        await wake(org_id)
    return outcome


async def _batch(connection: Connection, consumer: Consumer, org_id: UUID) -> tuple[Progress, bool]:
    rows = await LOCK.all(connection, org_id=org_id, name=consumer.name, size=BATCH)
    if not rows:
        return Progress.NOT_TAKEN, False
    if rows[0]["position"] + 1 < rows[0]["tail"]:
        await expire(connection, org_id, rows[0]["tail"])
        return Progress.EXPIRED, False
    events = rows[: _size(rows[0]["failures"])] if rows[0]["number"] is not None else []
    if not events:
        return Progress.CAUGHT_UP, False
    await MOVE.run(connection, org_id=org_id, name=consumer.name, position=events[-1]["number"])
    wakes = await consumer.make(connection, org_id, events)
    return Progress.MORE if len(rows) == BATCH or len(events) < len(rows) else Progress.CAUGHT_UP, wakes


def _size(failures: int) -> int:
    """Events of the next batch: fewer after failures, so that in the end only the one at fault stands still."""
    return BATCH if failures == 0 else max(1, BATCH >> 2 * failures)


async def _fail(database: Database, consumer: Consumer, org_id: UUID, failure: Exception) -> None:
    """Keep the failure and when to try again. Its message is not kept: it may quote what belongs to customers."""
    log.error("the consumer %s of the organisation %s failed", consumer.name, org_id, exc_info=failure)
    error = " ".join(filter(None, [type(failure).__qualname__, getattr(failure, "sqlstate", None)]))
    async with database.transaction(BACKGROUND) as connection:
        failures = await FAIL.value(
            connection, org_id=org_id, name=consumer.name, error=error, first=FIRST_PAUSE, longest=LONGEST_PAUSE
        )
    if failures == MANY_FAILURES:
        log.error(
            "the consumer %s of the organisation %s has failed %d times in a row and stands still. It is tried again"
            " every %d seconds, and nothing is left out. `dealboard consumers` shows the event and the error.",
            consumer.name,
            org_id,
            failures,
            LONGEST_PAUSE,
        )


async def expire(connection: Connection, org_id: UUID, to_number: int) -> None:
    """Mark the consumers of an organisation that have not read all events before this number, and log which."""
    for found in await EXPIRE.all(connection, org_id=org_id, to_number=to_number):
        log.error(
            "CURSOR_EXPIRED: the consumer %s of the organisation %s has read up to event %d, and events up to %d are"
            " pruned. It stands still until `dealboard consumers --org KEY --replay %s --to %d` lets it go on.",
            *(found["name"], org_id, found["position"], to_number - 1, found["name"], to_number - 1),
        )
