"""Handing over a member's work, leads and tasks, to another member, to a pool or to nobody."""

from collections.abc import Mapping
from typing import Any
from uuid import UUID

from sqlalchemy import text

from engine.background.runs import start
from engine.change.transaction import Change
from engine.read.rows import ORG
from models.database import Row, Statement
from models.rules.refusal import Refusal, Refused, not_found
from resolvers.changes import run_sizes
from resolvers.changes.locks import expect_found
from resolvers.changes.ownership.handing_over import hand_over, lock_pool
from resolvers.changes.ownership.reassign_run import work_of

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
        SELECT id, lead_id, assignee_id FROM task
        WHERE org_id = :org_id AND assignee_id = :member_id AND status = 'OPEN' ORDER BY id FOR NO KEY UPDATE
        """
    ).bindparams(ORG)
)
"""The open tasks of a member: PostgreSQL asks again, once it holds a row, whether it is still one."""


async def reassign_all(
    change: Change,
    from_member_id: UUID,
    to_member_id: UUID | None = None,
    to_pool_id: UUID | None = None,
    include_closed: bool = False,
) -> Mapping[str, Any]:
    """Move the work of one member to another, to a pool or to nobody: open leads (or all) and open tasks.

    A pool shares the leads out, whatever was given today; their tasks go with them, and others to nobody.

    More than fits in a request is handed over by a run, in batches.

    Raises `Refused`: NOT_FOUND, OWNER_INACTIVE, INVALID when both are the same, or a member and a pool are named.
    """
    if from_member_id == to_member_id:
        raise Refused(Refusal.INVALID, "These are the same member. Name another one to give the work to.", "toMemberId")
    if to_member_id is not None and to_pool_id is not None:
        raise Refused(Refusal.INVALID, "Name a member or a pool, not both.", "toPoolId")
    if await change.first(MEMBER, id=from_member_id) is None:
        raise not_found("member", "fromMemberId")
    shared = None if to_pool_id is None else await lock_pool(change, to_pool_id, from_member_id)
    shown = {"from_member": from_member_id, "to_member": to_member_id}
    total = await work_of(change, from_member_id, bool(include_closed))
    if total > run_sizes.AT_ONCE:
        await expect_found(change, "member", to_member_id, "toMemberId")
        named = {"from_member_id": from_member_id, "to_member_id": to_member_id, "to_pool_id": to_pool_id}
        return {"run": await start(change, {**named, "include_closed": bool(include_closed)}, total), **shown}
    held, tasks = await _lock_work(change, from_member_id)
    await expect_found(change, "member", to_member_id, "toMemberId")
    leads = [
        lead
        for lead in held.values()
        if lead["owner_id"] == from_member_id and (include_closed or lead["closed_at"] is None)
    ]
    await hand_over(change, leads, tasks, held, to_member_id, shared)
    return {"lead_count": len(leads), "task_count": len(tasks), **shown}


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
