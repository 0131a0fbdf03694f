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
from models.database import Connection, Statement
from models.event_types import Overdue
from resolvers.changes.tasks.due import lock_due, of_task

LATE = Statement(
    text(
        """
        SELECT DISTINCT org_id FROM task WHERE status = 'OPEN' AND overdue_told_at IS NULL AND deadline < :now
        """
    )
)
"""The organisations that have overdue tasks to record, from an index of the deadlines of all: what is not late costs
nothing, however many organisations there are."""

LOCK_LATE = lock_due("deadline", "deadline < :now", "overdue_told_at")


async def _record_batch(connection: Connection, org_id: UUID, now: datetime, size: int) -> tuple[int, int]:
    """Record a batch of tasks."""
    tasks = await LOCK_LATE.all(connection, org_id=org_id, now=now, size=size)
    if tasks:
        in_order = sorted(tasks, key=lambda task: (task["deadline"], task["id"]))
        new_events = [of_task(Overdue(deadline=task["deadline"].isoformat()), task) for task in in_order]
        await append(connection, org_id, new_events, TIME)
    return len(tasks), len(tasks)


OVERDUE = Recorder("overdue tasks", LATE.all, _record_batch)
