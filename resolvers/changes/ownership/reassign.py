"""Handing over a member's work, leads and tasks, to another member, to a pool or to nobody."""

from collections.abc import Mapping
from typing import Any
from uuid import UUID

from sqlalchemy import text

from engine.change.records import describe
from engine.change.transaction import Change
from engine.read.rows import ORG
from models.database import Row, Statement
from models.event_types import Changed, EventType
from models.rules.refusal import Refusal, Refused, not_found
from models.tables.event import NewEvent
from resolvers.changes.locks import expect_found
from resolvers.changes.ownership.assign import give
from resolvers.changes.ownership.shares import Shared, lock_pools

NO_LEAD: Mapping[str, Any] = dict.fromkeys(("id", "owner_id", "pipeline_id", "stage_id"))

MEMBER = Statement(text("SELECT id FROM member WHERE org_id = :org_id AND id = :id").bindparams(ORG))

LOCK_WORK_LEADS = Statement(
    text(
        """
        SELECT id, owner_id, pipeline_id, stage_id, version, closed_at FROM lead
        WHERE org_id = :org_id AND id = ANY(CAST(:ids AS uuid[]) || ARRAY(
            SELECT id FROM lead WHERE org_id = :org_id AND owner_id = :member_id
            UNION SELECT lead_id FROM task
            WHERE org_id = :org_id AND assignee_id = :member_id AND status = 'OPEN' AND lead_id IS NOT NULL
        ))
        ORDER BY id FOR NO KEY UPDATE
        """
    ).bindparams(ORG)
)
"""The leads that a member owns, and those that the member's open tasks are steps of, in one order. Which they were was
read before they were locked: the row says who owns one now."""

LOCK_WORK_TASKS = Statement(
    text(
        """
        SELECT id, lead_id, due_at, due_on FROM task
        WHERE org_id = :org_id AND assignee_id = :member_id AND status = 'OPEN' ORDER BY id FOR NO KEY UPDATE
        """
    ).bindparams(ORG)
)
"""The open tasks of a member: PostgreSQL asks again, once it holds a row, whether it is still one."""

REASSIGN_TASKS = Statement(
    text(
        """
        UPDATE task SET assignee_id = given.assignee_id,
            deadline = CASE
                WHEN due_on IS NULL THEN due_at
                ELSE CAST(due_on + 1 AS timestamp) AT TIME ZONE coalesce(
                    (SELECT time_zone FROM member WHERE org_id = :org_id AND id = given.assignee_id),
                    (SELECT time_zone FROM organisation WHERE id = :org_id)
                )
            END,
            updated_at = statement_timestamp(), version = version + 1
        FROM unnest(CAST(:ids AS uuid[]), CAST(:assignees AS uuid[])) AS given (id, assignee_id)
        WHERE task.org_id = :org_id AND task.id = given.id
        """
    ).bindparams(ORG)
)
"""Give locked tasks their assignees; each is due by the calendar of its assignee."""


async def reassign_all(
    change: Change,
    from_member_id: UUID,
    to_member_id: UUID | None = None,
    to_pool_id: UUID | None = None,
    include_closed: bool = False,
) -> Mapping[str, Any]:
    """Move the work of one member to another, to a pool or to nobody: open leads (or all) and open tasks.

    A pool shares the leads out, whatever was given today; their tasks go with them, and others to nobody.

    Raises `Refused`: NOT_FOUND, OWNER_INACTIVE, INVALID when both are the same, or a member and a pool are named.
    """
    if from_member_id == to_member_id:
        raise Refused(Refusal.INVALID, "These are the same member. Name another one to give the work to.", "toMemberId")
    if to_member_id is not None and to_pool_id is not None:
        raise Refused(Refusal.INVALID, "Name a member or a pool, not both.", "toPoolId")
    if await change.first(MEMBER, id=from_member_id) is None:
        raise not_found("member", "fromMemberId")
    shared = None if to_pool_id is None else await _lock_pool(change, to_pool_id, from_member_id)
    held, tasks = await _lock_work(change, from_member_id)
    await expect_found(change, "member", to_member_id, "toMemberId")
    leads = [
        lead
        for lead in held.values()
        if lead["owner_id"] == from_member_id and (include_closed or lead["closed_at"] is None)
    ]
    owners: dict[UUID, UUID | None] = {lead["id"]: to_member_id for lead in leads}
    if shared is not None:
        (pool,) = shared.pools.values()
        for lead in leads:
            load = pool.next()
            owners[lead["id"]] = lead["owner_id"] if load is None else load.id
        await shared.remember(change, [])
    await give(change, [(lead, owners[lead["id"]]) for lead in leads])
    assignees = [to_member_id if shared is None else owners.get(task["lead_id"]) for task in tasks]
    await change.run(REASSIGN_TASKS, ids=[task["id"] for task in tasks], assignees=assignees)
    for task, assignee_id in zip(tasks, assignees, strict=True):
        about = held.get(task["lead_id"])
        now = dict(about, owner_id=owners.get(about["id"], about["owner_id"])) if about else NO_LEAD
        changes = describe({"assignee_id": from_member_id}, {"assignee_id": assignee_id})
        change.emit(NewEvent.of_lead(Changed(EventType.TASK_UPDATED, changes), now, task["id"]))
    return {
        "lead_count": len(leads),
        "task_count": len(tasks),
        "from_member": from_member_id,
        "to_member": to_member_id,
    }


async def _lock_work(change: Change, member_id: UUID) -> tuple[dict[UUID, Row], list[Row]]:
    """Lock a member's leads, by id, and open tasks, with the leads that these are steps of: the tasks are handed over
    as they are now, not as they were when they were looked for."""
    named: list[UUID] = []
    while True:
        leads = {row["id"]: row for row in await change.all(LOCK_WORK_LEADS, member_id=member_id, ids=named)}
        tasks = await change.all(LOCK_WORK_TASKS, member_id=member_id)
        # Between the two statements a task may have come to the member; then its lead is not among those locked.
        missing = {task["lead_id"] for task in tasks} - leads.keys() - {None}
        if not missing:
            return leads, tasks
        named = sorted(missing)


async def _lock_pool(change: Change, pool_id: UUID, from_member_id: UUID) -> Shared:
    """Hold a pool that shares out all of a member's work among its other members. Raises `Refused`."""
    shared = await lock_pools(change, [{"pool_id": pool_id, "member_id": None}])
    if pool_id not in shared.pools:
        raise not_found("pool", "toPoolId")
    for load in shared.loads.values():
        load.room = None
        load.active = load.active and load.id != from_member_id
    if not shared.pools[pool_id].staffed:
        raise Refused(
            Refusal.OWNER_INACTIVE,
            "Nobody else in this pool is active and has a capacity. Name another pool.",
            "toPoolId",
        )
    return shared
