"""Changes of tasks: scheduled, updated, deleted. How they end is in `complete` and `status`."""

from collections.abc import Mapping
from typing import Any
from uuid import UUID

from sqlalchemy import text

from engine.change.records import describe, differing, rewrite
from engine.change.transaction import Change
from engine.read.rows import ORG
from models.database import Row, Statement
from models.ended_event_types import TaskDeleted
from models.event_types import Changed, EventType, Scheduled
from models.rules.refusal import Checks, Refusal, Refused
from models.rules.roles import DELETED_TASK
from models.rules.text import spelled
from models.tables.base import new_id
from resolvers.changes.tasks.dependencies import release
from resolvers.changes.tasks.fields import EMPTY, FIELDS, assignees, public_fields, settle, tidy
from resolvers.changes.tasks.locks import LockedTasks, lock_family, lock_with_leads
from resolvers.changes.tasks.repeat import expect_repeatable
from resolvers.changes.tasks.subtasks import expect_parent

ABOUT = ("lead_id", "contact_id", "customer_id")
"""The records that a task is about; its subtasks and follow-ups are about the same."""

UNTIL_THEN = ("overdue_told_at", "reminded_at", "day_reminder_at")
"""The columns that time fills in."""

MAKE_TASK = FIELDS.make("deadline", "creator_id", default=("status", "completed_at", "outcome", *UNTIL_THEN))

RECORDED = {
    "overdue_told_at": {"due_at", "due_on"},
    "reminded_at": {"remind_at", "due_at", "due_on", "assignee_id"},
    "day_reminder_at": {"remind_at", "due_at", "due_on", "assignee_id"},
}
"""What the event log recorded of a task, and when it is to; and the fields after whose change it is recorded again."""

REVISE_TASK = FIELDS.revise("deadline", *UNTIL_THEN)

DELETE_TASK = Statement(text("DELETE FROM task WHERE org_id = :org_id AND id = :id").bindparams(ORG))
"""Foreign keys delete its subtasks and dependencies, too."""

FOLLOW_UP = "Follow up"
"""The title of a follow-up that is given none."""


async def schedule_follow_up(change: Change, lead_id: UUID, **given: Any) -> Mapping[str, Any]:
    """Schedule the next step of a lead: a task with a due date. The default assignee is the owner of the lead.

    Raises `Refused`: NOT_FOUND; LEAD_CONVERTED, showing the lead; OWNER_INACTIVE; FORBIDDEN; INVALID.
    """
    wanted = tidy_follow_up(given)
    locked = await lock_with_leads(change, lead_ids=(lead_id,))
    return {"task": await schedule(change, locked, {**wanted, "lead_id": lead_id}), "lead": lead_id}


def tidy_follow_up(given: Mapping[str, Any]) -> dict[str, Any]:
    """The fields of a follow-up as they are stored. Raises `Refused` INVALID, also without a due date."""
    with Checks() as check:
        wanted = check(tidy, {**given, "title": FOLLOW_UP if given.get("title") is None else given["title"]})
        check(_expect_due, given)
    return wanted


def check_follow_up(given: Mapping[str, Any]) -> None:
    """Check the fields of a follow-up among the given values. Raises as `tidy_follow_up` does."""
    tidy_follow_up(FIELDS.among(given))


def _expect_due(given: Mapping[str, Any]) -> None:
    if given.get("due_at") is None and given.get("due_on") is None:
        raise Refused(
            Refusal.INVALID,
            "A follow-up needs a due date. Send dueAt for an instant, or dueOn for a whole day.",
            "dueAt",
        )


async def create_task(change: Change, **given: Any) -> Mapping[str, Any]:
    """Make a task: on a lead, about a contact or customer, part of another task, or on its own.

    Raises `Refused`: NOT_FOUND; LEAD_CONVERTED; TASK_CLOSED, SUBTASKS_TOO_DEEP for a parent; OWNER_INACTIVE; FORBIDDEN;
    INVALID.
    """
    wanted = tidy(given)
    parent_id = wanted.get("parent_id")
    locked = await lock_with_leads(change, _given(parent_id), _given(wanted.get("lead_id")))
    parent = None if parent_id is None else await expect_parent(change, locked, parent_id)
    return {"task": await schedule(change, locked, wanted, parent)}


async def schedule(
    change: Change, locked: LockedTasks, wanted: Mapping[str, Any], like: Row | None = None, likely: UUID | None = None
) -> UUID:
    """Make a task of tidy fields, with its event; its lead and the task it comes from are locked.

    It is about the same records as the task that it is `like`, also where one was archived since. Without an assignee
    it is for the `likely` one, else for the owner of the lead, else for the caller; inactive members are passed over.

    Raises `Refused` as `settle` does.
    """
    before = {**EMPTY, "deadline": None, **({name: like[name] for name in ABOUT} if like else {})}
    lead_id = {**before, **wanted}["lead_id"]
    lead = None if lead_id is None else locked.lead(lead_id)
    if "assignee_id" not in wanted:
        before["assignee_id"] = await _first_active(change, likely, lead["owner_id"] if lead else None)
    fields = {**before, **await settle(change, before, wanted, lead)}
    if fields["recurrence"] is not None:
        expect_repeatable(fields, "recurrence")
    task = {**fields, "id": new_id()}
    await change.run(MAKE_TASK, **task, creator_id=change.actor_id)
    change.emit(locked.about(Scheduled(record=public_fields(fields)), task))
    task_id: UUID = task["id"]
    return task_id


async def update_task(
    change: Change, task_id: UUID, expected_version: int | None = None, **given: Any
) -> Mapping[str, Any]:
    """Update fields of a task. Omitted fields stay, null empties a field; without a difference, nothing happens.

    When the task moves to another lead, the lead that it leaves gets an event of its own.

    Raises `Refused`: NOT_FOUND; CONFLICT, showing the task; LEAD_CONVERTED; TASK_CLOSED, SUBTASKS_TOO_DEEP,
    DEPENDENCY_CYCLE for a parent; OWNER_INACTIVE; FORBIDDEN; INVALID.
    """
    wanted = tidy(given)
    locked = await lock_with_leads(change, (task_id, *_given(wanted.get("parent_id"))), _given(wanted.get("lead_id")))
    task = locked.task(task_id, expected_version)
    after = {**task, **wanted}
    if wanted.get("lead_id") not in (None, task["lead_id"]):
        locked.lead(wanted["lead_id"])
    decides = [name for name in ("recurrence", "due_at", "due_on", "parent_id") if name in given]
    if after["recurrence"] is not None and decides:
        expect_repeatable(after, spelled(decides[0]))
    changes = differing(task, await settle(change, task, wanted, locked.leads.get(after["lead_id"])))
    if changes.get("parent_id") is not None:
        await expect_parent(change, locked, changes["parent_id"], child=task)
    if changes:
        now = {**task, **changes}
        # Recorded again if its new deadline passes as well, or its new reminder comes.
        again = {told: None for told, by in RECORDED.items() if by & changes.keys()}
        await rewrite(change, REVISE_TASK, task, {**changes, **again})
        changes.pop("deadline", None)
        if None not in (task["lead_id"], now["lead_id"]) and "lead_id" in changes:
            left = Changed(EventType.TASK_UPDATED, describe(task, {"lead_id": now["lead_id"]}))
            change.emit(locked.about(left, task))
        updated = Changed(EventType.TASK_UPDATED, describe(task, changes))
        change.emit(locked.about(updated, task if now["lead_id"] is None else now))
    return {"task": task_id}


async def delete_task(change: Change, task_id: UUID, expected_version: int | None = None) -> Mapping[str, Any]:
    """Delete a task with its subtasks; tasks that they blocked are released. The events keep the fields they had.

    Raises `Refused`: NOT_FOUND; CONFLICT, showing the task; FORBIDDEN for a rep who is neither its creator nor its
    assignee.
    """
    locked = await lock_family(change, task_id, waiting=True)
    task = locked.task(task_id, expected_version)
    if not DELETED_TASK.includes(change.caller.role, change.actor_id, task):
        raise Refused(
            Refusal.FORBIDDEN,
            "Only a manager, the creator or the assignee can delete a task. Cancel it instead.",
            "taskId",
            shown={"task": task_id},
        )
    gone = (*locked.subtasks(task_id), task)
    released = await release(change, locked, {row["id"] for row in gone})
    await change.run(DELETE_TASK, id=task_id)
    for deleted in gone:
        change.emit(locked.about(TaskDeleted(record=public_fields(deleted), status=deleted["status"]), deleted))
    for new_event in released:
        change.emit(new_event)
    return {"deleted_task_id": f"task_{task_id}", "lead": task["lead_id"]}


async def _first_active(change: Change, *member_ids: UUID | None) -> UUID:
    """The first of these members who is still active, or else the caller."""
    named = [id for id in member_ids if id is not None]
    found = await assignees(change, *named) if set(named) - {change.actor_id} else {}
    return next((id for id in named if id in found and found[id]["active"]), change.actor_id)


def _given(id: UUID | None) -> tuple[UUID, ...]:
    return () if id is None else (id,)
