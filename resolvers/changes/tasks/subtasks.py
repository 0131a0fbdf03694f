"""Tasks that wait for others: parents for their subtasks, and blocked tasks for the tasks that block them.

Both are edges of one graph, which has no circle: no task on a circle could ever be completed.
"""

from collections import deque
from collections.abc import Mapping
from typing import Any
from uuid import UUID

from sqlalchemy import text

from engine.change.records import IDS
from engine.change.transaction import Change
from engine.read.rows import ORG
from models.database import Row, Statement
from models.rules.refusal import Refusal, Refused, not_found
from models.tables.task import TaskStatus
from resolvers.changes.tasks.locks import LockedTasks

MOST_SUBTASKS = 100
"""Subtasks that a task can have."""

FAMILY = Statement(
    text(
        """
        SELECT count(*) FILTER (WHERE parent_id = :parent_id) AS siblings,
            count(*) FILTER (WHERE parent_id = CAST(:child_id AS uuid)) AS children
        FROM task WHERE org_id = :org_id AND parent_id IN (:parent_id, CAST(:child_id AS uuid))
        """
    ).bindparams(ORG)
)

TAKE_LOG = Statement(text("SELECT head FROM event_log WHERE org_id = :org_id FOR UPDATE").bindparams(ORG))
"""One change of the graph at a time: each takes the log's counter, which it ends with anyway, before it looks."""

WAITS = Statement(
    text(
        """
        WITH RECURSIVE waits (waiting, awaited) AS (
            SELECT CAST(NULL AS uuid), CAST(:start AS uuid)
            UNION
            SELECT waits.awaited, further.awaited FROM waits CROSS JOIN LATERAL (
                SELECT blocked_by_id AS awaited FROM task_dependency
                WHERE task_dependency.org_id = :org_id AND task_dependency.task_id = waits.awaited
                UNION ALL
                SELECT id FROM task WHERE task.org_id = :org_id AND task.parent_id = waits.awaited
            ) AS further
        )
        SELECT waiting, awaited FROM waits WHERE waiting IS NOT NULL
        """
    ).bindparams(ORG)
)
"""Every edge of the graph that can be reached from a task: one task waits for another."""

TITLES = Statement(text("SELECT id, title FROM task WHERE org_id = :org_id AND id = ANY(:ids)").bindparams(ORG, IDS))


async def expect_parent(change: Change, locked: LockedTasks, parent_id: UUID, child: Row | None = None) -> Row:
    """The locked task that is to be the parent of a new task, or of `child`.

    Raises `Refused`: NOT_FOUND, TASK_CLOSED, SUBTASKS_TOO_DEEP, DEPENDENCY_CYCLE, INVALID.
    """
    parent = locked.tasks.get(parent_id)
    if parent is None:
        raise not_found("task", "parentId")
    if parent["status"] != TaskStatus.OPEN:
        raise Refused(
            Refusal.TASK_CLOSED,
            "The parent is done or cancelled. Reopen it first, or choose another parent.",
            "parentId",
        )
    family = await change.first(FAMILY, parent_id=parent_id, child_id=child and child["id"])
    assert family is not None
    if parent["parent_id"] is not None or family["children"] or (child and child["id"] == parent_id):
        raise Refused(
            Refusal.SUBTASKS_TOO_DEEP,
            "Subtasks are one level deep. Choose a parent that is not a subtask, for a task that has no subtasks.",
            "parentId",
        )
    if family["siblings"] >= MOST_SUBTASKS:
        raise Refused(
            Refusal.INVALID,
            f"This task already has {MOST_SUBTASKS} subtasks, the most it can. Choose another parent.",
            "parentId",
        )
    if child is not None:
        await expect_no_cycle(change, parent_id, child["id"], "parentId")
    return parent


async def expect_no_cycle(change: Change, waiting: UUID, awaited: UUID, *field: str) -> None:
    """Refuse, naming the circle, that one task waits for another which waits for it, however indirectly."""
    await change.run(TAKE_LOG)
    steps = await change.all(WAITS, start=awaited)
    way = _way(steps, awaited, waiting)
    if way is None:
        return
    titles = {row["id"]: row["title"] for row in await change.all(TITLES, ids=way)}
    circle = " → ".join(f"“{titles[id]}”" for id in (waiting, *way))
    raise Refused(
        Refusal.DEPENDENCY_CYCLE,
        f"These tasks would wait for each other in a circle: {circle}. Remove one of the steps first.",
        *field,
    )


def _way(steps: list[Mapping[str, Any]], start: UUID, end: UUID) -> list[UUID] | None:
    """The shortest way along the steps, or None."""
    further: dict[UUID, list[UUID]] = {}
    for step in steps:
        further.setdefault(step["waiting"], []).append(step["awaited"])
    before: dict[UUID, UUID | None] = {start: None}
    found = deque([start])
    while found and end not in before:
        here = found.popleft()
        for there in sorted(further.get(here, ())):
            if there not in before:
                before[there] = here
                found.append(there)
    if end not in before:
        return None
    way: list[UUID] = []
    at: UUID | None = end
    while at is not None:
        way.insert(0, at)
        at = before[at]
    return way
