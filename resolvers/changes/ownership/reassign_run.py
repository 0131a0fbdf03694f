"""Handing over more work of a member than fits in a request: a run does it, first the leads with their tasks, then the
other tasks."""

from uuid import UUID

from sqlalchemy import text

from engine.background.runs import Given, RunKind, Step
from engine.change.records import IDS
from engine.change.transaction import Change
from engine.read.rows import ORG
from models.database import Row, Statement
from models.rules.refusal import Refusal, Refused
from resolvers.changes import run_sizes
from resolvers.changes.locks import expect_found
from resolvers.changes.ownership.handing_over import hand_over, lock_pool

WORK_OF = Statement(
    text(
        """
        SELECT (
            SELECT count(*) FROM lead
            WHERE org_id = :org_id AND owner_id = :member_id AND (:include_closed OR closed_at IS NULL)
        ) + (
            SELECT count(*) FROM task WHERE org_id = :org_id AND assignee_id = :member_id AND status = 'OPEN'
        ) AS records
        """
    ).bindparams(ORG)
)

SOME_LEADS = Statement(
    text(
        """
        SELECT id FROM lead
        WHERE org_id = :org_id AND owner_id = :member_id AND (:include_closed OR closed_at IS NULL)
        ORDER BY id LIMIT CAST(:most AS int)
        """
    ).bindparams(ORG)
)

SOME_TASKS = Statement(
    text(
        """
        SELECT id, lead_id FROM task WHERE org_id = :org_id AND assignee_id = :member_id AND status = 'OPEN'
        ORDER BY id LIMIT CAST(:most AS int)
        """
    ).bindparams(ORG)
)

LOCK_LEADS_BY_ID = Statement(
    text(
        """
        SELECT id, owner_id, pipeline_id, stage_id, version, closed_at FROM lead
        WHERE org_id = :org_id AND id = ANY(:ids) ORDER BY id FOR NO KEY UPDATE
        """
    ).bindparams(ORG, IDS)
)


def _lock_tasks(column: str) -> Statement:
    return Statement(
        text(
            f"""
            SELECT id, lead_id, assignee_id FROM task
            WHERE org_id = :org_id AND assignee_id = :member_id AND status = 'OPEN' AND {column} = ANY(:ids)
            ORDER BY id FOR NO KEY UPDATE
            """
        ).bindparams(ORG, IDS)
    )


LOCK_TASKS_OF_LEADS = _lock_tasks("lead_id")

LOCK_TASKS_BY_ID = _lock_tasks("id")


async def work_of(change: Change, member_id: UUID, include_closed: bool) -> int:
    """How many leads and open tasks of a member would be handed over."""
    rows = await change.all(WORK_OF, member_id=member_id, include_closed=include_closed)
    count: int = rows[0]["records"]
    return count


async def _batch(change: Change, given: Given, done: int) -> Step:
    """Hand over the next leads with their tasks; without any, the next tasks."""
    member_id, to_member_id, pool_id = given["from_member_id"], given["to_member_id"], given["to_pool_id"]
    shared = None if pool_id is None else await lock_pool(change, pool_id, member_id)
    some = {"member_id": member_id, "most": run_sizes.BATCH}
    ids = [row["id"] for row in await change.all(SOME_LEADS, include_closed=given["include_closed"], **some)]
    if ids:
        held = await _lock_leads(change, ids)
        leads = [
            lead
            for lead in held.values()
            if lead["owner_id"] == member_id and (given["include_closed"] or lead["closed_at"] is None)
        ]
        mine = [lead["id"] for lead in leads]
        tasks = await change.all(LOCK_TASKS_OF_LEADS, member_id=member_id, ids=mine)
    else:
        found = await change.all(SOME_TASKS, **some)
        if not found:
            return Step(0, is_last=True)
        held, leads = await _lock_leads(change, sorted({row["lead_id"] for row in found} - {None})), []
        locked = await change.all(LOCK_TASKS_BY_ID, member_id=member_id, ids=[row["id"] for row in found])
        # One that went to another lead meanwhile waits for the next batch, which locks that lead before it.
        tasks = [task for task in locked if task["lead_id"] is None or task["lead_id"] in held]
    await expect_found(change, "member", to_member_id, "toMemberId")
    await hand_over(change, leads, tasks, held, to_member_id, shared)
    if leads and not change.new_events:
        raise Refused(Refusal.OWNER_INACTIVE, "Nobody in the pool can take more leads. Name another one.", "toPoolId")
    return Step(len(leads) + len(tasks))


async def _lock_leads(change: Change, ids: list[UUID]) -> dict[UUID, Row]:
    return {row["id"]: row for row in await change.all(LOCK_LEADS_BY_ID, ids=ids)}


async def _give_up(change: Change, given: Given) -> None:
    """Nothing is set aside for such a run: what is handed over stays so."""


REASSIGNING = RunKind(_batch, _give_up)
