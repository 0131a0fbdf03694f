"""The tasks that block a task: added and removed, never in a circle."""

from collections.abc import Collection, Mapping, Sequence
from typing import Any
from uuid import UUID

from sqlalchemy import text

from engine.change.records import ID, IDS, describe
from engine.change.transaction import Change
from engine.read.rows import ORG
from models.database import Row, Statement
from models.event_types import Changed, EventType
from models.rules.ids import public_id
from models.rules.refusal import Refusal, Refused, not_found
from models.tables.event import NewEvent
from resolvers.changes.tasks.locks import LockedTasks, lock_with_leads
from resolvers.changes.tasks.subtasks import expect_no_cycle

MOST_BLOCKERS = 50
"""Tasks that one task can wait for."""

BLOCKERS = Statement(
    text(
        "SELECT blocked_by_id FROM task_dependency WHERE org_id = :org_id AND task_id = :id ORDER BY blocked_by_id"
    ).bindparams(ORG)
)

ADD = Statement(
    text(
        """
        WITH waits AS (
            INSERT INTO task_dependency (org_id, task_id, blocked_by_id) VALUES (:org_id, :id, :blocked_by_id)
        )
        UPDATE task SET updated_at = statement_timestamp(), version = version + 1 WHERE org_id = :org_id AND id = :id
        """
    ).bindparams(ORG)
)

REMOVE = Statement(
    text(
        """
        WITH waited AS (
            DELETE FROM task_dependency
            WHERE org_id = :org_id AND task_id = :id AND blocked_by_id = :blocked_by_id
        )
        UPDATE task SET updated_at = statement_timestamp(), version = version + 1 WHERE org_id = :org_id AND id = :id
        """
    ).bindparams(ORG)
)


WAITING = Statement(
    text(
        """
        SELECT task_id, array_agg(blocked_by_id ORDER BY blocked_by_id) AS blockers FROM task_dependency
        WHERE org_id = :org_id AND task_id = ANY(:ids) GROUP BY task_id ORDER BY task_id
        """
    ).bindparams(ORG, IDS)
)
"""The blocked ones of these tasks, each with the tasks that block it."""

REVISE = Statement(
    text(
        """
        UPDATE task SET updated_at = statement_timestamp(), version = version + 1
        WHERE org_id = :org_id AND id = ANY(:ids)
        """
    ).bindparams(ORG, IDS)
)


WAITING_FOR_LEAD = Statement(
    text(
        """
        SELECT waits.task_id, waits.blocked_by_id
        FROM task AS step
        JOIN task_dependency AS waits ON waits.org_id = step.org_id AND waits.blocked_by_id = step.id
        JOIN task AS other ON other.org_id = waits.org_id AND other.id = waits.task_id
        WHERE step.org_id = :org_id AND step.lead_id = :id AND other.lead_id IS DISTINCT FROM step.lead_id
        """
    ).bindparams(ORG, ID)
)
"""Tasks outside a lead that wait for a task of the lead."""

PARTS_ELSEWHERE = Statement(
    text(
        """
        SELECT part.id, part.parent_id
        FROM task AS step JOIN task AS part ON part.org_id = step.org_id AND part.parent_id = step.id
        WHERE step.org_id = :org_id AND step.lead_id = :id AND part.lead_id IS DISTINCT FROM step.lead_id
        ORDER BY part.id
        """
    ).bindparams(ORG, ID)
)
"""Subtasks of a lead's tasks that are not tasks of the lead themselves."""

DETACH = Statement(
    text(
        """
        UPDATE task SET parent_id = NULL, updated_at = statement_timestamp(), version = version + 1
        WHERE org_id = :org_id AND id = ANY(:ids)
        """
    ).bindparams(ORG, IDS)
)


async def add_task_dependency(
    change: Change, task_id: UUID, blocked_by_id: UUID, expected_version: int | None = None
) -> Mapping[str, Any]:
    """Make a task wait for another. If it already does, nothing happens.

    Raises `Refused`: NOT_FOUND; CONFLICT, showing the task; DEPENDENCY_CYCLE, naming the circle; INVALID.
    """
    return await _change(change, task_id, blocked_by_id, expected_version, add=True)


async def remove_task_dependency(
    change: Change, task_id: UUID, blocked_by_id: UUID, expected_version: int | None = None
) -> Mapping[str, Any]:
    """Make a task stop waiting for another. If it does not wait, nothing happens.

    Raises `Refused`: NOT_FOUND; CONFLICT, showing the task.
    """
    return await _change(change, task_id, blocked_by_id, expected_version, add=False)


async def _change(
    change: Change, task_id: UUID, blocked_by_id: UUID, expected_version: int | None, *, add: bool
) -> Mapping[str, Any]:
    locked = await lock_with_leads(change, (task_id, blocked_by_id))
    task = locked.task(task_id, expected_version)
    if blocked_by_id not in locked.tasks:
        raise not_found("task", "blockedById")
    before = [row["blocked_by_id"] for row in await change.all(BLOCKERS, id=task_id)]
    shown = {"task": task_id, "blocker": blocked_by_id}
    if (blocked_by_id in before) == add:
        return shown
    if add and len(before) >= MOST_BLOCKERS:
        raise Refused(
            Refusal.INVALID,
            f"This task already waits for {MOST_BLOCKERS} others, the most it can. Remove one first.",
            "blockedById",
        )
    if add:
        await expect_no_cycle(change, task_id, blocked_by_id, "blockedById")
    await change.run(ADD if add else REMOVE, id=task_id, blocked_by_id=blocked_by_id)
    after = sorted({*before, blocked_by_id}) if add else [id for id in before if id != blocked_by_id]
    change.emit(_waits_for(locked, task, before, after))
    return shown


async def release_from(change: Change, lead_id: UUID) -> list[NewEvent]:
    """Let other tasks no longer wait for, or be parts of, the tasks of a lead that is about to be deleted; returns the
    events that say so. The lead is locked, so that nothing begins to wait for its tasks meanwhile."""
    waiting = await change.all(WAITING_FOR_LEAD, id=lead_id)
    parts = await change.all(PARTS_ELSEWHERE, id=lead_id)
    if not waiting and not parts:
        return []
    locked = await lock_with_leads(change, [*(row["task_id"] for row in waiting), *(row["id"] for row in parts)])
    released = await release(change, locked, {row["blocked_by_id"] for row in waiting})
    return [*released, *await _detach(change, locked, parts)]


async def _detach(change: Change, locked: LockedTasks, parts: Sequence[Row]) -> list[NewEvent]:
    """Let held tasks be parts of nothing, as far as they are still what they were found to be; the events."""
    found = [locked.tasks[row["id"]] for row in parts if row["id"] in locked.tasks]
    parents = {row["id"]: row["parent_id"] for row in parts}
    alone = [task for task in found if task["parent_id"] == parents[task["id"]]]
    await change.run(DETACH, ids=[task["id"] for task in alone])
    return [locked.about(Changed(EventType.TASK_UPDATED, describe(task, {"parent_id": None})), task) for task in alone]


async def release(change: Change, locked: LockedTasks, gone: Collection[UUID]) -> list[NewEvent]:
    """Let the locked tasks no longer wait for those about to be deleted; returns the events that say so."""
    waiting = await change.all(WAITING, ids=sorted(locked.tasks.keys() - set(gone)))
    new_events = []
    for row in waiting:
        left = [id for id in row["blockers"] if id not in gone]
        if left != row["blockers"]:
            new_events.append(_waits_for(locked, locked.tasks[row["task_id"]], row["blockers"], left))
    await change.run(REVISE, ids=[new_event.record_id for new_event in new_events])
    return new_events


def _waits_for(locked: LockedTasks, task: Row, before: Sequence[UUID], after: Sequence[UUID]) -> NewEvent:
    pair = [[public_id("task", id) for id in ids] for ids in (before, after)]
    return locked.about(Changed(EventType.TASK_UPDATED, {"blockedBy": pair}), task)
