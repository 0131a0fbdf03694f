"""Recording the reminders of open tasks when their time comes, as `passing_time` says.

A reminder comes once. It comes again after the task was given another reminder, due time or assignee, or was reopened;
one of a task that is done or cancelled by then does not come. What is missed while no process runs comes when the next
one starts: the event says when it should have come.
"""

from datetime import datetime
from uuid import UUID

from sqlalchemy import text

from engine.background.passing_time import TIME, Recorder
from engine.change.events import append
from engine.read.rows import ORG
from models.database import Connection, Row, Statement
from models.event_types import Reminded
from models.tables.event import NewEvent

DUE = Statement(
    text(
        """
        SELECT DISTINCT org_id FROM task WHERE status = 'OPEN' AND reminded_at IS NULL AND remind_at <= :now
        """
    )
)
"""The organisations with reminders to record, from an index of those of all, which holds no others."""

LOCK_DUE = Statement(
    text(
        """
        WITH due AS MATERIALIZED (
            SELECT id, lead_id FROM task
            WHERE org_id = :org_id AND status = 'OPEN' AND reminded_at IS NULL AND remind_at <= :now
            ORDER BY remind_at, id LIMIT :size
        ), held AS MATERIALIZED (
            SELECT id, owner_id, pipeline_id, stage_id FROM lead
            WHERE org_id = :org_id AND id = ANY(ARRAY(SELECT lead_id FROM due))
            FOR SHARE SKIP LOCKED
        ), taken AS MATERIALIZED (
            SELECT task.id, held.id AS lead_id, held.owner_id, held.pipeline_id, held.stage_id
            FROM task LEFT JOIN held ON held.id = task.lead_id
            WHERE task.org_id = :org_id AND task.id = ANY(ARRAY(SELECT id FROM due))
                AND status = 'OPEN' AND reminded_at IS NULL AND remind_at <= :now
                AND (task.lead_id IS NULL OR held.id IS NOT NULL)
            FOR NO KEY UPDATE OF task SKIP LOCKED
        )
        UPDATE task SET reminded_at = :now FROM taken WHERE task.org_id = :org_id AND task.id = taken.id
        RETURNING task.id, task.remind_at, taken.lead_id, taken.owner_id, taken.pipeline_id, taken.stage_id
        """
    ).bindparams(ORG)
)
"""Take the tasks of a batch, with their leads as they are now. What a change or another process holds is left for the
next time. It is no change of the tasks: their version stays."""


async def _record_batch(connection: Connection, org_id: UUID, now: datetime, size: int) -> tuple[int, int]:
    """Record a batch of reminders."""
    tasks = await LOCK_DUE.all(connection, org_id=org_id, now=now, size=size)
    if tasks:
        in_order = sorted(tasks, key=lambda task: (task["remind_at"], task["id"]))
        await append(connection, org_id, [_new_event(task) for task in in_order], TIME)
    return len(tasks), len(tasks)


def _new_event(task: Row) -> NewEvent:
    return NewEvent(
        Reminded(remind_at=task["remind_at"].isoformat()),
        lead_id=task["lead_id"],
        owner_id=task["owner_id"],
        pipeline_id=task["pipeline_id"],
        stage_id=task["stage_id"],
        record_id=task["id"],
    )


REMINDERS = Recorder("reminders", DUE.all, _record_batch)
