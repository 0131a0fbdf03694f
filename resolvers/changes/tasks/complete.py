"""Completing tasks, one or many at a time: what blocks them, the follow-up and the next occurrence."""

from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any
from uuid import UUID

from sqlalchemy import text

from engine.change.records import IDS
from engine.change.transaction import Change
from engine.read.rows import ORG
from models.database import Row, Statement
from models.rules.ids import public_id
from models.rules.refusal import Checks, Refusal, Refused
from models.rules.text import prose
from models.tables.task import TaskStatus
from resolvers.changes.tasks.create_update import schedule, tidy_follow_up
from resolvers.changes.tasks.locks import LockedTasks, lock_with_leads
from resolvers.changes.tasks.repeat import repeat
from resolvers.changes.tasks.status import end, expect_open

MOST = 500
"""Tasks that one mutation can complete."""

OBSTACLES = Statement(
    text(
        """
        SELECT parent_id AS waiting, id AS awaited, title, true AS is_subtask FROM task
        WHERE org_id = :org_id AND parent_id = ANY(:ids) AND status = 'OPEN'
        UNION ALL
        SELECT dependency.task_id, task.id, task.title, false
        FROM task_dependency AS dependency
            JOIN task ON task.org_id = dependency.org_id AND task.id = dependency.blocked_by_id
        WHERE dependency.org_id = :org_id AND dependency.task_id = ANY(:ids) AND task.status = 'OPEN'
        ORDER BY awaited
        """
    ).bindparams(ORG, IDS)
)
"""The open subtasks of tasks, and the open tasks that block them."""


async def complete_task(
    change: Change,
    task_id: UUID,
    outcome: str | None = None,
    follow_up: Mapping[str, Any] | None = None,
    force: bool | None = False,
    expected_version: int | None = None,
) -> Mapping[str, Any]:
    """Complete a task, and schedule its follow-up, in one transaction. A task that repeats gets its next occurrence.

    Raises `Refused`: NOT_FOUND; CONFLICT, TASK_CLOSED, SUBTASKS_OPEN, TASK_BLOCKED, showing the task; for the follow-up
    what `schedule_follow_up` raises.
    """
    tidy_outcome, wanted = tidy_completion({"outcome": outcome, "follow_up": follow_up})
    locked = await lock_with_leads(change, (task_id,))
    task = locked.task(task_id, expected_version)
    _expect_completable(task, [] if force else await change.all(OBSTACLES, ids=[task_id]))
    following = await _complete(change, locked, [task], tidy_outcome)
    shown: dict[str, Any] = {"task": task_id, "next_occurrence": following.get(task_id), "lead": task["lead_id"]}
    if wanted is not None:
        with _under("followUp"):
            shown["follow_up"] = await schedule(change, locked, wanted, task, likely=task["assignee_id"])
    return shown


def tidy_completion(given: Mapping[str, Any]) -> tuple[str | None, dict[str, Any] | None]:
    """The outcome of a task and the fields of its follow-up, as they are stored. Raises `Refused` INVALID."""
    follow_up = given.get("follow_up")
    with Checks() as check:
        tidied = check(prose, given.get("outcome"), "outcome")
        wanted = None if follow_up is None else check(_tidy_follow_up, follow_up)
    return tidied, wanted


def _tidy_follow_up(given: Mapping[str, Any]) -> dict[str, Any]:
    with _under("followUp"):
        return tidy_follow_up(given)


async def complete_tasks(
    change: Change, task_ids: Sequence[UUID], outcome: str | None = None, force: bool | None = False
) -> Mapping[str, Any]:
    """Complete up to 500 tasks, with a result for each id. Tasks that block others may be among them, in any order.

    Raises `Refused` INVALID for too many.
    """
    tidy_outcome = prose(outcome, "outcome")
    if not 1 <= len(task_ids) <= MOST:
        raise Refused(Refusal.INVALID, f"{len(task_ids):,} tasks are out of range: send 1 to {MOST}.", "taskIds")
    locked = await lock_with_leads(change, task_ids)
    obstacles: dict[UUID, list[Row]] = {}
    for row in [] if force else await change.all(OBSTACLES, ids=list(locked.tasks)):
        obstacles.setdefault(row["waiting"], []).append(row)
    done = _in_order(locked, obstacles)
    refused: dict[UUID, Refused] = {}
    for task_id in set(task_ids) - done.keys():
        try:
            task = locked.task(task_id)
            left = [row for row in obstacles.get(task_id, ()) if row["awaited"] not in done]
            _expect_completable(task, left)
        except Refused as refusal:
            refused[task_id] = refusal
    following = await _complete(change, locked, list(done.values()), tidy_outcome)
    return {
        "results": [_result(task_id, refused.get(task_id)) for task_id in task_ids],
        "tasks": list(done),
        "next_occurrences": list(following.values()),
    }


async def _complete(
    change: Change, locked: LockedTasks, tasks: Collection[Row], outcome: str | None
) -> dict[UUID, UUID]:
    """Complete locked tasks; returns the ids of the next occurrences, by the ids of the tasks that repeat."""
    await end(change, locked, tasks, TaskStatus.DONE, outcome)
    return await repeat(change, locked, [task for task in tasks if task["recurrence"] is not None])


def _in_order(locked: LockedTasks, obstacles: Mapping[UUID, Sequence[Row]]) -> dict[UUID, Row]:
    """The locked tasks that can be completed together, each after those it waits for."""
    done: dict[UUID, Row] = {}
    waiting = {id: task for id, task in locked.tasks.items() if task["status"] == TaskStatus.OPEN}
    while free := [id for id in waiting if all(row["awaited"] in done for row in obstacles.get(id, ()))]:
        done |= {id: waiting.pop(id) for id in free}
    return done


def _expect_completable(task: Row, obstacles: Sequence[Row]) -> None:
    """Refuse a task that is closed or blocked, or has open subtasks."""
    expect_open(task)
    subtasks = [row["title"] for row in obstacles if row["is_subtask"]]
    if subtasks:
        raise Refused(
            Refusal.SUBTASKS_OPEN,
            f"These subtasks are still open: {_listed(subtasks)}. Complete them first, or send force: true.",
            "taskId",
            shown={"task": task["id"]},
        )
    if obstacles:
        titles = _listed([row["title"] for row in obstacles])
        raise Refused(
            Refusal.TASK_BLOCKED,
            f"This task is blocked by: {titles}. Complete what blocks it first, or send force: true.",
            "taskId",
            shown={"task": task["id"]},
        )


def _listed(titles: Sequence[str]) -> str:
    """The first titles, and how many more there are."""
    shown = ", ".join(f"“{title}”" for title in titles[:5])
    return shown if len(titles) <= 5 else f"{shown} and {len(titles) - 5} more"


@contextmanager
def _under(*field: str) -> Iterator[None]:
    """Prefix the path of a refusal in this block with a part of the input."""
    try:
        yield
    except Refused as refused:
        raise refused.under(*field) from refused


def _result(task_id: UUID, refused: Refused | None) -> dict[str, Any]:
    return {
        "task_id": public_id("task", task_id),
        "completed": refused is None,
        "code": refused.code if refused else None,
        "message": refused.message if refused else None,
    }
