"""The status of tasks: completed, cancelled and reopened."""

from collections.abc import Collection, Mapping
from typing import Any
from uuid import UUID

from sqlalchemy import text

from engine.change.records import IDS, describe, differing
from engine.change.shards import CLOCK
from engine.change.transaction import Change
from engine.read.rows import ORG
from models.database import Row, Statement
from models.event_types import Changed, ChangedType, EventType
from models.rules.refusal import Refusal, Refused
from models.rules.text import prose
from models.tables.task import TaskStatus
from resolvers.changes.tasks.fields import deadline
from resolvers.changes.tasks.locks import LockedTasks, lock_family

END = Statement(
    text(
        f"""
        UPDATE task SET status = :status, outcome = :outcome,
            completed_at = CASE WHEN :status = 'DONE' THEN clock.now END,
            recurrence = CASE WHEN :status <> 'DONE' THEN recurrence END,
            updated_at = statement_timestamp(), version = version + 1
        FROM {CLOCK} WHERE org_id = :org_id AND id = ANY(:ids)
        """
    ).bindparams(ORG, IDS)
)
"""The rule moves to the next occurrence, so that completing a reopened task does not repeat it twice."""

BEGIN_AGAIN = Statement(
    text(
        """
        UPDATE task SET status = 'OPEN', completed_at = NULL, outcome = NULL, deadline = :deadline,
            overdue_told_at = NULL, reminded_at = NULL, day_reminder_at = NULL, updated_at = statement_timestamp(),
            version = version + 1
        WHERE org_id = :org_id AND id = :id
        """
    ).bindparams(ORG)
)


async def cancel_task(
    change: Change, task_id: UUID, reason: str | None = None, expected_version: int | None = None
) -> Mapping[str, Any]:
    """Cancel a task, with its open subtasks. A task that repeats gets no next occurrence.

    Raises `Refused`: NOT_FOUND; CONFLICT, TASK_CLOSED, showing the task; INVALID.
    """
    why = prose(reason, "reason")
    locked = await lock_family(change, task_id)
    task = locked.task(task_id, expected_version)
    expect_open(task)
    subtasks = [row for row in locked.subtasks(task_id) if row["status"] == TaskStatus.OPEN]
    await end(change, locked, [*subtasks, task], TaskStatus.CANCELLED, why)
    return {"task": task_id, "lead": task["lead_id"]}


async def reopen_task(change: Change, task_id: UUID, expected_version: int | None = None) -> Mapping[str, Any]:
    """Reopen a task that was completed or cancelled. Its earlier outcome stays in its events.

    The tasks that wait for it are locked with it, so that none of them is completed while it is reopened.

    Raises `Refused`: NOT_FOUND; CONFLICT, TASK_OPEN, TASK_CLOSED for its parent, LEAD_CONVERTED, showing the task.
    """
    locked = await lock_family(change, task_id, waiting=True)
    task = locked.task(task_id, expected_version)
    if task["status"] == TaskStatus.OPEN:
        raise Refused(
            Refusal.TASK_OPEN, "This task is already open. Leave it as it is.", "taskId", shown={"task": task_id}
        )
    lead = locked.leads.get(task["lead_id"])
    if lead is not None and lead["converted_at"] is not None:
        raise Refused(
            Refusal.LEAD_CONVERTED,
            "The lead of this task was converted. Create a task on the opportunity instead.",
            "taskId",
            shown={"task": task_id},
        )
    parent = locked.tasks.get(task["parent_id"])
    if parent is not None and parent["status"] != TaskStatus.OPEN:
        raise Refused(
            Refusal.TASK_CLOSED,
            f"Its parent “{parent['title']}” is closed. Reopen the parent first.",
            "taskId",
            shown={"task": task_id},
        )
    await change.run(BEGIN_AGAIN, id=task_id, deadline=await deadline(change, task))
    changes = {"status": TaskStatus.OPEN.value, "completed_at": None, "outcome": None}
    reopened = Changed(EventType.TASK_REOPENED, describe(task, differing(task, changes)))
    change.emit(locked.about(reopened, task))
    return {"task": task_id, "lead": task["lead_id"]}


async def end(
    change: Change, locked: LockedTasks, tasks: Collection[Row], status: TaskStatus, outcome: str | None
) -> None:
    """Complete or cancel locked tasks, with an event for each."""
    await change.run(END, ids=[task["id"] for task in tasks], status=status.value, outcome=outcome)
    changes: dict[str, Any] = {"status": status.value, "outcome": outcome}
    if status is TaskStatus.DONE:
        changes["recurrence"] = None
    type_: ChangedType = EventType.TASK_COMPLETED if status is TaskStatus.DONE else EventType.TASK_CANCELLED
    for task in tasks:
        change.emit(locked.about(Changed(type_, describe(task, differing(task, changes))), task))


def expect_open(task: Row) -> None:
    """Refuse, with TASK_CLOSED, a task that is closed."""
    if task["status"] != TaskStatus.OPEN:
        ended = "done" if task["status"] == TaskStatus.DONE else "cancelled"
        raise Refused(
            Refusal.TASK_CLOSED,
            f"This task is already {ended}. Reopen it first.",
            "taskId",
            shown={"task": task["id"]},
        )
