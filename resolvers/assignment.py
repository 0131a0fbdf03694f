"""Assigning: who works on a lead, one lead or many at a time."""

from collections.abc import Mapping, Sequence
from typing import Any
from uuid import UUID

from sqlalchemy import ARRAY, Uuid, bindparam, text

from models.database import Row, Statement
from models.ids import public_id
from models.member import Role
from models.refusal import Refusal, Refused
from resolvers.change import Change, Happening
from resolvers.locking import FIND, expect_found, expect_version, not_found
from resolvers.reading import ORG

MOST = 500
"""Leads that can be assigned at once."""

LOCK = Statement(
    text(
        """
        SELECT id, owner_id, pipeline_id, stage_id, version FROM lead
        WHERE org_id = :org_id AND id = ANY(:ids) ORDER BY id FOR NO KEY UPDATE
        """
    ).bindparams(ORG, bindparam("ids", type_=ARRAY(Uuid())))
)

LOCK_OWNED = Statement(
    text(
        """
        SELECT id, owner_id, pipeline_id, stage_id, version FROM lead
        WHERE org_id = :org_id AND owner_id = :owner_id AND (closed_at IS NULL OR NOT CAST(:only_open AS boolean))
        ORDER BY id FOR NO KEY UPDATE
        """
    ).bindparams(ORG)
)

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
        WITH zone AS (
            SELECT coalesce(member.time_zone, organisation.time_zone) AS name
            FROM organisation LEFT JOIN member
                ON member.org_id = organisation.id AND member.id = CAST(:to_id AS uuid)
            WHERE organisation.id = :org_id
        ), given AS (
            UPDATE task SET assignee_id = CAST(:to_id AS uuid),
                deadline = CASE
                    WHEN due_on IS NULL THEN due_at ELSE CAST(due_on + 1 AS timestamp) AT TIME ZONE zone.name
                END,
                updated_at = clock_timestamp(), version = version + 1
            FROM zone WHERE org_id = :org_id AND assignee_id = :from_id AND status = 'OPEN'
            RETURNING task.id, task.lead_id
        )
        SELECT given.id, lead.id AS lead_id, lead.owner_id, lead.pipeline_id, lead.stage_id
        FROM given LEFT JOIN lead ON lead.org_id = :org_id AND lead.id = given.lead_id ORDER BY given.id
        """
    ).bindparams(ORG)
)
"""Hand over open tasks, due by the days of whoever has them now; and the leads that they are steps of."""


async def assign_lead(
    change: Change, lead_id: UUID, member_id: UUID | None, expected_version: int | None = None
) -> Mapping[str, Any]:
    """Give a lead to an active member, or to nobody.

    Raises `Refused`: NOT_FOUND, OWNER_INACTIVE, CONFLICT; FORBIDDEN for a rep who gives it to somebody else, or takes
    it from somebody else.
    """
    await expect_found(change, "member", member_id, "memberId")
    (lead,) = await change.all(LOCK, ids=[lead_id]) or (None,)
    if lead is None:
        raise not_found("lead", "leadId")
    expect_version(lead, expected_version, lead=lead_id)
    _expect_allowed(change, lead, member_id)
    await give(change, [(lead, member_id)])
    return {"lead": lead_id}


async def assign_leads(
    change: Change, lead_ids: Sequence[UUID], member_id: UUID | None, all_or_none: bool = False
) -> Mapping[str, Any]:
    """Give up to 500 leads to one member, or to nobody, with a result for each id.

    Raises `Refused` INVALID for too many; with `all_or_none`, also the first refusal of any of them.
    """
    if not 1 <= len(lead_ids) <= MOST:
        raise Refused(Refusal.INVALID, f"Name 1 to {MOST} leads, not {len(lead_ids):,}.", "leadIds")
    await expect_found(change, "member", member_id, "memberId")
    leads = {row["id"]: row for row in await change.all(LOCK, ids=sorted(set(lead_ids)))}
    results, given = [], []
    for at, lead_id in enumerate(lead_ids):
        try:
            lead = leads.get(lead_id)
            if lead is None:
                raise not_found("lead", "leadIds", str(at))
            _expect_allowed(change, lead, member_id)
        except Refused as refused:
            if all_or_none:
                raise Refused(refused.code, refused.message, "leadIds", str(at)) from refused
            results.append(_result(lead_id, refused))
        else:
            results.append(_result(lead_id))
            given.append((lead, member_id))
    done = {lead["id"]: (lead, owner) for lead, owner in given}
    await give(change, list(done.values()))
    return {"results": results, "leads": list(done)}


async def reassign_all(
    change: Change, from_member_id: UUID, to_member_id: UUID | None = None, include_closed: bool = False
) -> Mapping[str, Any]:
    """Move the work of one member to another, or to nobody: open leads (or all) and open tasks.

    Raises `Refused`: NOT_FOUND, OWNER_INACTIVE, INVALID when both are the same.
    """
    if from_member_id == to_member_id:
        raise Refused(Refusal.INVALID, "These are the same member. Name another one to give the work to.", "toMemberId")
    if await change.first(FIND["member"], id=from_member_id) is None:
        raise not_found("member", "fromMemberId")
    await expect_found(change, "member", to_member_id, "toMemberId")
    leads = await change.all(LOCK_OWNED, owner_id=from_member_id, only_open=not include_closed)
    await give(change, [(lead, to_member_id) for lead in leads])
    tasks = await change.all(REASSIGN_TASKS, from_id=from_member_id, to_id=to_member_id)
    hands = {"assigneeId": [_member(from_member_id), _member(to_member_id)]}
    for task in tasks:
        change.emit(
            Happening(
                "task.updated",
                lead_id=task["lead_id"],
                owner_id=task["owner_id"],
                pipeline_id=task["pipeline_id"],
                stage_id=task["stage_id"],
                record_id=task["id"],
                data={"changes": hands},
            )
        )
    return {
        "lead_count": len(leads),
        "task_count": len(tasks),
        "from_member": from_member_id,
        "to_member": to_member_id,
    }


async def give(change: Change, given: Sequence[tuple[Row, UUID | None]], **data: Any) -> None:
    """Write the owners of locked leads, with an event for each that really changes hands."""
    changed = [(lead, owner) for lead, owner in given if lead["owner_id"] != owner]
    if not changed:
        return
    await change.run(ASSIGN, ids=[lead["id"] for lead, _ in changed], owners=[owner for _, owner in changed])
    for lead, owner in changed:
        change.emit(handed(lead, owner, **data))


def handed(lead: Mapping[str, Any], owner_id: UUID | None, **data: Any) -> Happening:
    """The event of a lead that gets another owner."""
    return Happening(
        "lead.assigned",
        lead_id=lead["id"],
        owner_id=owner_id,
        pipeline_id=lead["pipeline_id"],
        stage_id=lead["stage_id"],
        data={"from": _member(lead["owner_id"]), "to": _member(owner_id), **data},
    )


def _expect_allowed(change: Change, lead: Row, member_id: UUID | None) -> None:
    """Whether the caller may hand this lead over: a rep takes what is nobody's, and hands back what is the rep's."""
    if change.scope.role.includes(Role.MANAGER):
        return
    if member_id not in (None, change.actor_id) or lead["owner_id"] not in (None, change.actor_id):
        raise Refused(Refusal.FORBIDDEN, "Only a manager can give leads to others, or take them away.", "memberId")


def _member(id: UUID | None) -> str | None:
    return None if id is None else public_id("member", id)


def _result(lead_id: UUID, refused: Refused | None = None) -> dict[str, Any]:
    return {
        "lead_id": public_id("lead", lead_id),
        "assigned": refused is None,
        "code": refused.code if refused else None,
        "message": refused.message if refused else None,
    }
