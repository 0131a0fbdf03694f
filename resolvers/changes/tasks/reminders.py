"""Recording the reminders of open tasks when their time comes, as `passing_time` says.

A task is reminded of at `remind_at`, or else at `day_reminder_at`. A reminder comes once. It comes again after the task
was given another reminder, due time or assignee, or was reopened; one of a task that is done or cancelled by then does
not come. What is missed while no process runs comes when the next one starts: the event says when it should have come.
"""

from datetime import datetime
from functools import partial
from uuid import UUID

from sqlalchemy import text

from engine.background.passing_time import TIME, Recorder
from engine.change.events import append
from models.database import Connection, Statement
from models.event_types import Reminded
from resolvers.changes.tasks.day_reminders import ON_A_DAY
from resolvers.changes.tasks.due import lock_due, of_task

DUE = Statement(
    text(
        """
        SELECT DISTINCT org_id FROM task WHERE status = 'OPEN' AND reminded_at IS NULL AND remind_at <= :now
        """
    )
)

OF_DAY = f"day_reminder_at <= :now AND {ON_A_DAY}"

DAY_DUE = Statement(
    text(f"SELECT DISTINCT org_id FROM task WHERE status = 'OPEN' AND reminded_at IS NULL AND {OF_DAY}")
)
"""The organisations with reminders to record, from an index of those of all, which holds no others."""

LOCK_DUE = lock_due("remind_at", "remind_at <= :now", "reminded_at")

LOCK_DAY_DUE = lock_due("day_reminder_at", OF_DAY, "reminded_at")


async def _record_batch(
    statement: Statement, column: str, connection: Connection, org_id: UUID, now: datetime, size: int
) -> tuple[int, int]:
    """Record a batch of reminders, whose instants are in this column."""
    tasks = await statement.all(connection, org_id=org_id, now=now, size=size)
    if tasks:
        in_order = sorted(tasks, key=lambda task: (task[column], task["id"]))
        new_events = [of_task(Reminded(remind_at=task[column].isoformat()), task) for task in in_order]
        await append(connection, org_id, new_events, TIME)
    return len(tasks), len(tasks)


REMINDERS = Recorder("reminders", DUE.all, partial(_record_batch, LOCK_DUE, "remind_at"))

DAY_REMINDERS = Recorder("reminders of days", DAY_DUE.all, partial(_record_batch, LOCK_DAY_DUE, "day_reminder_at"))
