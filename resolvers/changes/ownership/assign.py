"""Assigning: who works on a lead, one lead or many at a time."""

from collections.abc import Mapping, Sequence
from typing import Any
from uuid import UUID

from sqlalchemy import ARRAY, Uuid, bindparam, text

from engine.change.transaction import Change
from engine.read.rows import ORG
from models.database import Row, Statement
from models.rules.ids import public_id
from models.rules.refusal import Refusal, Refused, not_found
from models.rules.roles import Role
from models.tables.event import EventType, NewEvent
from resolvers.changes.locks import expect_found, expect_version
from resolvers.changes.ownership.shares import Shared, lock_pools

NO_LEAD: Mapping[str, Any] = dict.fromkeys(("id", "owner_id", "pipeline_id", "stage_id"))

MOST = 500
"""Leads that can be assigned at once."""

MEMBER = Statement(text("SELECT id FROM member WHERE org_id = :org_id AND id = :id").bindparams(ORG))

LOCK_LEADS = Statement(
    text(
        """
        SELECT id, owner_id, pipeline_id, stage_id, version FROM lead
        WHERE org_id = :org_id AND id = ANY(:ids) ORDER BY id FOR NO KEY UPDATE
        """
    ).bindparams(ORG, bindparam("ids", type_=ARRAY(Uuid())))
)

LOCK_NAMED_LEADS = Statement(
    text(
        """
        SELECT id, owner_id, pipeline_id, stage_id, version FROM lead
        WHERE org_id = :org_id AND id = ANY(:ids || ARRAY(
            SELECT into_id FROM merged_record WHERE org_id = :org_id AND id = ANY(:ids)
        ))
        ORDER BY id FOR NO KEY UPDATE
        """
    ).bindparams(ORG, bindparam("ids", type_=ARRAY(Uuid())))
)
"""The leads named, and those that the ids of merged ones stand for, in one order."""

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

ASSIGN = Statement(
    text(
        """
        UPDATE lead SET owner_id = given.owner_id, updated_at = clock_timestamp(), version = version + 1
        FROM unnest(CAST(:ids AS uuid[]), CAST(:owners AS uuid[])) AS given (id, owner_id)
        WHERE lead.org_id = :org_id AND lead.id = given.id
        """
    ).bindparams(ORG)
)
"""Give each lead its owner, who may be nobody."""

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
            updated_at = clock_timestamp(), version = version + 1
        FROM unnest(CAST(:ids AS uuid[]), CAST(:assignees AS uuid[])) AS given (id, assignee_id)
        WHERE task.org_id = :org_id AND task.id = given.id
        """
    ).bindparams(ORG)
)
"""Give locked tasks their assignees; each is due by the calendar of its assignee."""


async def assign_lead(
    change: Change, lead_id: UUID, expected_version: int | None = None, **given: UUID | None
) -> Mapping[str, Any]:
    """Give a lead to an active member, `member_id`, or to nobody.

    Raises `Refused`: NOT_FOUND, OWNER_INACTIVE, CONFLICT; INVALID when it is not said to whom; FORBIDDEN for a rep who
    gives it to somebody else, or takes it from somebody else.
    """
    member_id = _whom(given)
    await expect_found(change, "member", member_id, "memberId")
    (lead,) = await change.all(LOCK_LEADS, ids=[lead_id]) or (None,)
    if lead is None:
        raise not_found("lead", "leadId")
    expect_version(lead, expected_version, lead=lead_id)
    _expect_allowed(change, lead, member_id)
    await give(change, [(lead, member_id)])
    return {"lead": lead_id}


async def assign_leads(
    change: Change, lead_ids: Sequence[UUID], all_or_none: bool = False, **given: UUID | None
) -> Mapping[str, Any]:
    """Give up to 500 leads to one member, `member_id`, or to nobody, with a result for each id.

    Raises `Refused` INVALID for too many, or when it is not said to whom; with `all_or_none`, also the first refusal of
    any of them.
    """
    member_id = _whom(given)
    if not 1 <= len(lead_ids) <= MOST:
        raise Refused(Refusal.INVALID, f"Name 1 to {MOST} leads, not {len(lead_ids):,}.", "leadIds")
    await expect_found(change, "member", member_id, "memberId")
    leads = {row["id"]: row for row in await change.all(LOCK_NAMED_LEADS, ids=sorted(set(lead_ids)))}
    into = await change.merged(set(lead_ids) - leads.keys())
    # Between the two statements one may have been merged into a lead that is not among those locked.
    if missing := set(into.values()) - leads.keys():
        leads |= {row["id"]: row for row in await change.all(LOCK_LEADS, ids=sorted(missing))}
    results, done = [], {}
    for at, lead_id in enumerate(lead_ids):
        try:
            lead = leads.get(into.get(lead_id, lead_id))
            if lead is None:
                raise not_found("lead", "leadIds", str(at))
            _expect_allowed(change, lead, member_id)
        except Refused as refused:
            if all_or_none:
                raise Refused(refused.code, refused.message, "leadIds", str(at)) from refused
            results.append(_result(lead_id, refused))
        else:
            results.append(_result(lead_id))
            done[lead["id"]] = (lead, member_id)
    await give(change, list(done.values()))
    return {"results": results, "leads": list(done)}


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
        changes = {"assigneeId": [_member(from_member_id), _member(assignee_id)]}
        change.emit(NewEvent.of_lead(EventType.TASK_UPDATED, now, task["id"], changes=changes))
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
            Refusal.OWNER_INACTIVE, "Nobody else in this pool can be given leads. Name another pool.", "toPoolId"
        )
    return shared


async def give(change: Change, given: Sequence[tuple[Row, UUID | None]], **data: Any) -> None:
    """Write the owners of locked leads, with an event for each that really changes hands."""
    changed = [(lead, owner) for lead, owner in given if lead["owner_id"] != owner]
    if not changed:
        return
    await change.run(ASSIGN, ids=[lead["id"] for lead, _ in changed], owners=[owner for _, owner in changed])
    for lead, owner in changed:
        change.emit(handed(lead, owner, **data))


def handed(lead: Mapping[str, Any], owner_id: UUID | None, **data: Any) -> NewEvent:
    """The event of a lead that gets another owner."""
    return NewEvent(
        EventType.LEAD_ASSIGNED,
        lead_id=lead["id"],
        owner_id=owner_id,
        pipeline_id=lead["pipeline_id"],
        stage_id=lead["stage_id"],
        data={"from": _member(lead["owner_id"]), "to": _member(owner_id), **data},
    )


def _expect_allowed(change: Change, lead: Row, member_id: UUID | None) -> None:
    """Whether the caller may hand this lead over: a rep takes what is nobody's, and hands back what is the rep's."""
    if change.caller.role.includes(Role.MANAGER):
        return
    if member_id not in (None, change.actor_id) or lead["owner_id"] not in (None, change.actor_id):
        raise Refused(Refusal.FORBIDDEN, "Only a manager can give leads to others, or take them away.", "memberId")


def _whom(given: Mapping[str, UUID | None]) -> UUID | None:
    """The member who is named; null is nobody, and has to be sent, so that no lead loses its owner by an omission."""
    if "member_id" not in given:
        raise Refused(Refusal.INVALID, "Say to whom: name a member, or send null for nobody.", "memberId")
    return given["member_id"]


def _member(id: UUID | None) -> str | None:
    return None if id is None else public_id("member", id)


def _result(lead_id: UUID, refused: Refused | None = None) -> dict[str, Any]:
    return {
        "lead_id": public_id("lead", lead_id),
        "assigned": refused is None,
        "code": refused.code if refused else None,
        "message": refused.message if refused else None,
    }
