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
from models.database import Connection, Statement
from models.event_types import Reminded
from resolvers.changes.tasks.due import lock_due, of_task

DUE = Statement(
    text(
        """
        SELECT DISTINCT org_id FROM task WHERE status = 'OPEN' AND reminded_at IS NULL AND remind_at <= :now
        """
    )
)
"""The organisations with reminders to record, from an index of those of all, which holds no others."""

LOCK_DUE = lock_due("remind_at", "remind_at <= :now", "reminded_at")


async def _record_batch(connection: Connection, org_id: UUID, now: datetime, size: int) -> tuple[int, int]:
    """Record a batch of reminders."""
    tasks = await LOCK_DUE.all(connection, org_id=org_id, now=now, size=size)
    if tasks:
        in_order = sorted(tasks, key=lambda task: (task["remind_at"], task["id"]))
        new_events = [of_task(Reminded(remind_at=task["remind_at"].isoformat()), task) for task in in_order]
        await append(connection, org_id, new_events, TIME)
    return len(tasks), len(tasks)


REMINDERS = Recorder("reminders", DUE.all, _record_batch)
