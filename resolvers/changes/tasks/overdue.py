"""Recording open tasks that pass their deadline, as `passing_time` says.

A task is recorded again after it was given another due time, or was reopened, but not because another assignee's clock
moved the end of its day. A task that is late already when it is created or imported is recorded like any other: a
reader of late tasks means all of them.
"""

from datetime import datetime
from uuid import UUID

from sqlalchemy import text

from engine.background.passing_time import TIME, Recorder
from engine.change.events import append
from engine.read.rows import ORG
from models.database import Connection, Row, Statement
from models.event_types import Overdue
from models.tables.event import NewEvent

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


async def _record_batch(connection: Connection, org_id: UUID, now: datetime, size: int) -> tuple[int, int]:
    """Record a batch of tasks."""
    tasks = await LOCK_LATE.all(connection, org_id=org_id, now=now, size=size)
    if tasks:
        in_order = sorted(tasks, key=lambda task: (task["deadline"], task["id"]))
        await append(connection, org_id, [_new_event(task) for task in in_order], TIME)
    return len(tasks), len(tasks)


def _new_event(task: Row) -> NewEvent:
    return NewEvent(
        Overdue(deadline=task["deadline"].isoformat()),
        lead_id=task["lead_id"],
        owner_id=task["owner_id"],
        pipeline_id=task["pipeline_id"],
        stage_id=task["stage_id"],
        record_id=task["id"],
    )


OVERDUE = Recorder("overdue tasks", LATE.all, _record_batch)
