"""How the work of a member is handed over: locked leads and open tasks, to another member, to a pool or to nobody."""

from collections.abc import Mapping, Sequence
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
from resolvers.changes.ownership.assign import give
from resolvers.changes.ownership.shares import Shared, lock_pools

NO_LEAD: Mapping[str, Any] = dict.fromkeys(("id", "owner_id", "pipeline_id", "stage_id"))

REASSIGN_TASKS = Statement(
    text(
        """
        UPDATE task SET assignee_id = given.assignee_id, reminded_at = NULL, day_reminder_at = NULL,
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


async def hand_over(
    change: Change,
    leads: Sequence[Row],
    tasks: Sequence[Row],
    held: Mapping[UUID, Row],
    to_member_id: UUID | None,
    shared: Shared | None,
) -> None:
    """Give locked leads and tasks to a member, to a pool (`shared`) or to nobody. `held` are the locked leads that the
    tasks are steps of, by id; tasks go with the leads that a pool shares out, and others to nobody."""
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
        changes = describe({"assignee_id": task["assignee_id"]}, {"assignee_id": assignee_id})
        change.emit(NewEvent.of_lead(Changed(EventType.TASK_UPDATED, changes), now, task["id"]))


async def lock_pool(change: Change, pool_id: UUID, from_member_id: UUID) -> Shared:
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
