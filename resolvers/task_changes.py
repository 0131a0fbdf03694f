"""Changes of tasks: scheduled, updated, deleted. How they end stands in `task_completion`."""

from collections.abc import Mapping
from typing import Any
from uuid import UUID

from sqlalchemy import text

from models.base import new_id
from models.database import Row, Statement
from models.member import Role
from models.refusal import Refusal, Refused
from models.task import Task
from resolvers.change import Change
from resolvers.reading import ORG
from resolvers.recurrence import expect_repeatable
from resolvers.revision import differing, make, public, revise, spelled, told
from resolvers.subtasks import expect_parent
from resolvers.task_fields import ASSIGNEE, EMPTY, settle, tidy
from resolvers.task_holding import Held, hold

COLUMNS = (*EMPTY, "deadline")

MAKE_TASK = make(Task, *COLUMNS, "creator_id")

REVISE_TASK = revise(Task, *COLUMNS)

SUBTASKS = Statement(
    text("SELECT * FROM task WHERE org_id = :org_id AND parent_id = :id ORDER BY id FOR NO KEY UPDATE").bindparams(ORG)
)

DELETE_TASK = Statement(text("DELETE FROM task WHERE org_id = :org_id AND id = :id").bindparams(ORG))
"""Subtasks and dependencies go with it, by their foreign keys."""

FOLLOW_UP = "Follow up"
"""What a follow-up is called that is given no title."""


async def schedule_follow_up(change: Change, lead_id: UUID, **given: Any) -> Mapping[str, Any]:
    """Plan the next step of a lead: a task on it that is due. Without an assignee it is for whoever owns the lead.

    Raises `Refused`: NOT_FOUND; LEAD_CONVERTED, showing the lead; OWNER_INACTIVE; FORBIDDEN; INVALID.
    """
    wanted = tidy({**given, "title": FOLLOW_UP if given.get("title") is None else given["title"], "lead_id": lead_id})
    if wanted.get("due_at") is None and wanted.get("due_on") is None:
        raise Refused(Refusal.INVALID, "Say when it is due: at an instant, dueAt, or all day, dueOn.", "dueAt")
    held = await hold(change, lead_ids=(lead_id,))
    return {"task": await schedule(change, held, wanted), "lead": lead_id}


async def create_task(change: Change, **given: Any) -> Mapping[str, Any]:
    """Make a task: on a lead, about a contact or customer, part of another task, or on its own.

    Raises `Refused`: NOT_FOUND; LEAD_CONVERTED, showing the lead; TASK_CLOSED, SUBTASKS_TOO_DEEP, showing the parent;
    OWNER_INACTIVE; FORBIDDEN; INVALID.
    """
    wanted = tidy(given)
    parent_id = wanted.get("parent_id")
    held = await hold(change, _given(parent_id), _given(wanted.get("lead_id")))
    if parent_id is not None:
        parent = await expect_parent(change, held, parent_id)
        wanted = {**{name: parent[name] for name in ("lead_id", "contact_id", "customer_id")}, **wanted}
    return {"task": await schedule(change, held, wanted)}


async def schedule(change: Change, held: Held, wanted: Mapping[str, Any]) -> UUID:
    """Make a task of tidy fields, with its event; its lead and parent are held. Raises `Refused` as `settle` does."""
    lead_id = wanted.get("lead_id")
    lead = None if lead_id is None else held.lead(lead_id)
    before = EMPTY if "assignee_id" in wanted else {**EMPTY, "assignee_id": await _default_assignee(change, lead)}
    due = {"due_at": None, **wanted}  # so that the deadline is looked at
    fields = {**before, **await settle(change, before, due, lead)}
    if fields["recurrence"] is not None:
        expect_repeatable(fields, "recurrence")
    task = {**fields, "id": new_id()}
    await change.run(MAKE_TASK, **task, creator_id=change.actor_id)
    change.emit(held.about("task.scheduled", task, **_public(fields)))
    task_id: UUID = task["id"]
    return task_id


async def update_task(
    change: Change, task_id: UUID, expected_version: int | None = None, **given: Any
) -> Mapping[str, Any]:
    """Change fields of a task. What is left out stays, null empties; where nothing differs, nothing happens.

    Raises `Refused`: NOT_FOUND; CONFLICT, showing the task; LEAD_CONVERTED; TASK_CLOSED, SUBTASKS_TOO_DEEP,
    DEPENDENCY_CYCLE for a parent; OWNER_INACTIVE; FORBIDDEN; INVALID.
    """
    wanted = tidy(given)
    held = await hold(change, (task_id, *_given(wanted.get("parent_id"))), _given(wanted.get("lead_id")))
    task = held.task(task_id, expected_version)
    after = {**task, **wanted}
    if wanted.get("lead_id") not in (None, task["lead_id"]):
        held.lead(wanted["lead_id"])
    if wanted.get("parent_id") not in (None, task["parent_id"]):
        await expect_parent(change, held, wanted["parent_id"], child=task)
    if after["recurrence"] is not None and {"recurrence", "due_at", "due_on", "parent_id"} & given.keys():
        expect_repeatable(after, next(spelled(name) for name in ("recurrence", *given) if name in given))
    lead = held.leads.get(after["lead_id"])
    changes = differing(task, await settle(change, task, wanted, lead))
    if changes:
        now = {**task, **changes}
        await change.run(REVISE_TASK, **now)
        changes.pop("deadline", None)
        change.emit(held.about("task.updated", now, **told(task, changes)))
    return {"task": task_id}


async def delete_task(change: Change, task_id: UUID, expected_version: int | None = None) -> Mapping[str, Any]:
    """Delete a task with its subtasks. The events keep what their fields were.

    Raises `Refused`: NOT_FOUND; CONFLICT, showing the task; FORBIDDEN for a rep who neither made it nor has to do it.
    """
    held = await hold(change, (task_id,))
    task = held.task(task_id, expected_version)
    if change.actor_id not in (task["assignee_id"], task["creator_id"]) and not change.scope.role.includes(
        Role.MANAGER
    ):
        raise Refused(
            Refusal.FORBIDDEN,
            "Only a manager, who made it, or who has to do it can delete a task. Cancel it instead.",
            "taskId",
            shown={"task": task_id},
        )
    subtasks: list[Row] = await change.all(SUBTASKS, id=task_id)
    await change.run(DELETE_TASK, id=task_id)
    for deleted in (*subtasks, task):
        change.emit(held.about("task.deleted", deleted, status=deleted["status"], **_public(deleted)))
    return {"deleted_task_id": f"task_{task_id}", "lead": task["lead_id"]}


async def _default_assignee(change: Change, lead: Row | None) -> UUID:
    """Whoever owns the lead, while active; else the caller."""
    owner_id: UUID | None = lead["owner_id"] if lead else None
    if owner_id is None or owner_id == change.actor_id:
        return change.actor_id
    found = await change.first(ASSIGNEE, id=owner_id)
    return owner_id if found and found["active"] else change.actor_id


def _given(id: UUID | None) -> tuple[UUID, ...]:
    return () if id is None else (id,)


def _public(task: Mapping[str, Any]) -> dict[str, Any]:
    """The fields of a task as its events tell them."""
    return {spelled(name): public(name, task[name]) for name in EMPTY}
