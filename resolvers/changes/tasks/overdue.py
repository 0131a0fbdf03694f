"""Recording open tasks that pass their deadline, as events in the log of their organisation.

Every process looks again and again, also right after it has started, for open tasks whose deadline has passed and that
have not been recorded as overdue. The first process records them, in small batches. The mark on the task is set in the
transaction that writes the event, so each is recorded once, however many processes look or were down at the time.

A task is recorded again after it was given another due time, or was reopened, but not because another assignee's clock
moved the end of its day. A task that is late already when it is created or imported is recorded like any other: a
reader of late tasks means all of them. Many of them come batch by batch, each organisation in its turn.
"""

from collections.abc import Sequence
from contextlib import AbstractAsyncContextManager
from datetime import datetime
from uuid import UUID

from sqlalchemy import text

from engine.read.rows import ORG
from models.database import Connection, Database, Row, Statement
from models.event_types import Overdue
from models.tables.event import NewEvent
from models.timeouts import BACKGROUND
from resolvers.changes.tasks.clockwork import Wake, looking, record

BATCH = 500
"""Tasks that one transaction records."""

BETWEEN = 0.05
"""Seconds between two batches of an organisation, in which its log is free for others."""

LATE = Statement(
    text(
        """
        SELECT DISTINCT org_id FROM task WHERE status = 'OPEN' AND overdue_told_at IS NULL AND deadline < :now
        """
    )
)
"""The organisations that have overdue tasks to record, from an index of the deadlines of all: what is not late costs
nothing, however many organisations there are."""

LOCK_LATE = Statement(
    text(
        """
        WITH late AS MATERIALIZED (
            SELECT id, lead_id FROM task
            WHERE org_id = :org_id AND status = 'OPEN' AND overdue_told_at IS NULL AND deadline < :now
            ORDER BY deadline, id LIMIT :size
        ), held AS MATERIALIZED (
            SELECT id, owner_id, pipeline_id, stage_id FROM lead
            WHERE org_id = :org_id AND id = ANY(ARRAY(SELECT lead_id FROM late))
            FOR SHARE SKIP LOCKED
        ), taken AS MATERIALIZED (
            SELECT task.id, held.id AS lead_id, held.owner_id, held.pipeline_id, held.stage_id
            FROM task LEFT JOIN held ON held.id = task.lead_id
            WHERE task.org_id = :org_id AND task.id = ANY(ARRAY(SELECT id FROM late))
                AND status = 'OPEN' AND overdue_told_at IS NULL AND deadline < :now
                AND (task.lead_id IS NULL OR held.id IS NOT NULL)
            FOR NO KEY UPDATE OF task SKIP LOCKED
        )
        UPDATE task SET overdue_told_at = :now FROM taken WHERE task.org_id = :org_id AND task.id = taken.id
        RETURNING task.id, task.deadline, taken.lead_id, taken.owner_id, taken.pipeline_id, taken.stage_id
        """
    ).bindparams(ORG)
)
"""Take the tasks of a batch, with their leads as they are now. What a change or another process holds is left for the
next time, so nobody waits for this and this waits for nobody. It is no change of the tasks: their version stays."""


async def record_overdue(database: Database, now: datetime, wake: Wake) -> None:
    """Record every open task whose deadline was before this instant and that has not been recorded as overdue."""

    async def mark(connection: Connection, org_id: UUID) -> Sequence[NewEvent]:
        tasks = await LOCK_LATE.all(connection, org_id=org_id, now=now, size=BATCH)
        return [_new_event(task) for task in sorted(tasks, key=lambda task: (task["deadline"], task["id"]))]

    async with database.transaction(BACKGROUND) as connection:
        late = [row["org_id"] for row in await LATE.all(connection, now=now)]
    await record(database, late, mark, wake, size=BATCH, between=BETWEEN)


def _new_event(task: Row) -> NewEvent:
    return NewEvent(
        Overdue(deadline=task["deadline"].isoformat()),
        lead_id=task["lead_id"],
        owner_id=task["owner_id"],
        pipeline_id=task["pipeline_id"],
        stage_id=task["stage_id"],
        record_id=task["id"],
    )


def recording_overdue(database: Database, seconds: float, wake: Wake) -> AbstractAsyncContextManager[None]:
    """Record overdue tasks in the background: at once, then every so many seconds; 0 leaves it to other processes."""
    return looking(database, seconds, lambda now: record_overdue(database, now, wake))
