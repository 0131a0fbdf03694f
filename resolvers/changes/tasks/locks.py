"""The tasks that a change decides on and their leads, locked: leads before tasks, each by id.

A lead is locked with its tasks: none of them changes while it moves, changes hands or is converted, and what it knows
of them (`has_open_task`) is decided by one change at a time.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from sqlalchemy import ARRAY, Uuid, bindparam, text

from engine.change.records import IDS
from engine.change.transaction import Change
from engine.read.rows import ORG
from models.database import Row, Statement
from models.rules.refusal import Refusal, Refused, not_found
from models.tables.event import EventData, NewEvent
from resolvers.changes.locks import expect_version

LOCK_LEADS = Statement(
    text(
        """
        SELECT id, owner_id, pipeline_id, stage_id, converted_at FROM lead
        WHERE org_id = :org_id AND id = ANY(:ids || ARRAY(
            SELECT lead_id FROM task WHERE org_id = :org_id AND id = ANY(:task_ids) AND lead_id IS NOT NULL
        ))
        ORDER BY id FOR NO KEY UPDATE
        """
    ).bindparams(ORG, IDS, bindparam("task_ids", type_=ARRAY(Uuid())))
)
"""The leads named, and the leads of the tasks."""

LOCK_TASKS = Statement(
    text("SELECT * FROM task WHERE org_id = :org_id AND id = ANY(:ids) ORDER BY id FOR NO KEY UPDATE").bindparams(
        ORG, IDS
    )
)

FAMILY_SQL = """
    SELECT id FROM task WHERE org_id = :org_id AND parent_id = :id
    UNION ALL SELECT parent_id FROM task WHERE org_id = :org_id AND id = :id AND parent_id IS NOT NULL
"""

FAMILY = Statement(text(FAMILY_SQL).bindparams(ORG))
"""The subtasks of a task, and its parent."""

FAMILY_AND_WAITING = Statement(
    text(
        f"""
        {FAMILY_SQL}
        UNION ALL SELECT task_id FROM task_dependency WHERE org_id = :org_id AND blocked_by_id = ANY(ARRAY(
            SELECT id FROM task WHERE org_id = :org_id AND (id = :id OR parent_id = :id)
        ))
        """
    ).bindparams(ORG)
)
"""These, and the tasks that wait for it or for a subtask."""


@dataclass(frozen=True)
class LockedTasks:
    """Locked tasks and leads, by id."""

    tasks: Mapping[UUID, Row]
    leads: Mapping[UUID, Row]

    def task(self, task_id: UUID, expected_version: int | None = None) -> Row:
        """One of the tasks. Raises `Refused`: NOT_FOUND; CONFLICT, showing it, when its version is another."""
        task = self.tasks.get(task_id)
        if task is None:
            raise not_found("task", "taskId")
        expect_version(task, expected_version, task=task_id)
        return task

    def subtasks(self, task_id: UUID) -> list[Row]:
        """The subtasks of a task, if they were locked with it, oldest first."""
        return [task for task in self.tasks.values() if task["parent_id"] == task_id]

    def lead(self, lead_id: UUID) -> Row:
        """The lead that a task is to belong to. Raises `Refused`: NOT_FOUND, LEAD_CONVERTED."""
        lead = self.leads.get(lead_id)
        if lead is None:
            raise not_found("lead", "leadId")
        if lead["converted_at"] is not None:
            raise Refused(
                Refusal.LEAD_CONVERTED,
                "This lead was converted, and its open tasks moved to the opportunity. Send the id of the opportunity.",
                "leadId",
                shown={"lead": lead_id},
            )
        return lead

    def about(self, what: EventData, task: Mapping[str, Any]) -> NewEvent:
        """An event of a task, which is also one of its lead."""
        lead = self.leads.get(task["lead_id"]) or dict.fromkeys(("id", "owner_id", "pipeline_id", "stage_id"))
        return NewEvent.of_lead(what, lead, task["id"])


async def lock_with_leads(change: Change, task_ids: Iterable[UUID] = (), lead_ids: Iterable[UUID] = ()) -> LockedTasks:
    """Lock these leads, the leads of these tasks, and the tasks. Missing records are left out."""
    wanted = sorted(set(task_ids))
    leads: dict[UUID, Row] = {}
    named = set(lead_ids)
    while True:
        found = await change.all(LOCK_LEADS, ids=sorted(named), task_ids=wanted)
        leads = {row["id"]: row for row in found}
        tasks = {row["id"]: row for row in await change.all(LOCK_TASKS, ids=wanted)} if wanted else {}
        # Between the two statements a conversion may have carried a task over; then its lead is not among those locked.
        moved = {task["lead_id"] for task in tasks.values()} - leads.keys() - {None}
        if not moved:
            return LockedTasks(tasks, leads)
        named |= moved


async def lock_family(change: Change, task_id: UUID, *, waiting: bool = False) -> LockedTasks:
    """Lock a task with its parent and all its subtasks, and with those that wait for any of them, if asked. While it
    is locked, it gets no more of them.

    They are looked for first and locked together: two changes that begin at two tasks of one family would wait for
    each other otherwise.
    """
    statement = FAMILY_AND_WAITING if waiting else FAMILY
    family = {task_id} | {row["id"] for row in await change.all(statement, id=task_id)}
    while True:
        locked = await lock_with_leads(change, family)
        relatives = {row["id"] for row in await change.all(statement, id=task_id)}
        if relatives <= family:
            return locked
        family |= relatives
