"""Assigning leads to members, one or many at a time."""

from collections.abc import Mapping, Sequence
from typing import Any
from uuid import UUID

from sqlalchemy import ARRAY, Uuid, bindparam, text

from engine.change.records import public
from engine.change.transaction import Change
from engine.read.rows import ORG
from models.database import Row, Statement
from models.event_types import Assigned, Routed
from models.rules.ids import public_id
from models.rules.refusal import Refusal, Refused, not_found
from models.tables.event import NewEvent
from resolvers.changes.leads.fields import expect_may_assign
from resolvers.changes.locks import expect_found, expect_version

MOST = 500
"""Leads that can be assigned at once."""

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

ASSIGN = Statement(
    text(
        """
        UPDATE lead SET owner_id = given.owner_id, updated_at = statement_timestamp(), version = version + 1
        FROM unnest(CAST(:ids AS uuid[]), CAST(:owners AS uuid[])) AS given (id, owner_id)
        WHERE lead.org_id = :org_id AND lead.id = given.id
        """
    ).bindparams(ORG)
)
"""Set the owner of each lead, or none."""


async def assign_lead(
    change: Change, lead_id: UUID, expected_version: int | None = None, **given: UUID | None
) -> Mapping[str, Any]:
    """Assign a lead to an active member, `member_id`, or to nobody.

    Raises `Refused`: NOT_FOUND, OWNER_INACTIVE, CONFLICT; INVALID when `member_id` is left out; FORBIDDEN for a rep
    who assigns it to somebody else, or takes it from somebody else.
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


async def give(change: Change, given: Sequence[tuple[Row, UUID | None]]) -> None:
    """Write the owners of locked leads, with an event for each that really changes hands."""
    changed = [(lead, owner) for lead, owner in given if lead["owner_id"] != owner]
    if not changed:
        return
    await change.run(ASSIGN, ids=[lead["id"] for lead, _ in changed], owners=[owner for _, owner in changed])
    for lead, owner in changed:
        change.emit(handed(lead, owner))


def handed(lead: Mapping[str, Any], owner_id: UUID | None, rule: Row | None = None) -> NewEvent:
    """The event of a lead that is assigned to another owner, or to none; by a routing rule, if one is named."""
    from_, to = public("owner_id", lead["owner_id"]), public("owner_id", owner_id)
    what = Assigned(from_=from_, to=to)
    if rule is not None:
        what = Routed(from_=from_, to=to, rule=rule["name"], pool_id=public("pool_id", rule["pool_id"]))
    return NewEvent.of_lead(what, {**lead, "owner_id": owner_id})


def _expect_allowed(change: Change, lead: Row, member_id: UUID | None) -> None:
    """Whether the caller may hand this lead over: a rep takes what is nobody's, and hands back what is the rep's."""
    expect_may_assign(change, lead["owner_id"], member_id, "memberId")


def _whom(given: Mapping[str, UUID | None]) -> UUID | None:
    """The member who is named; null is nobody, and has to be sent, so that no lead loses its owner by an omission."""
    if "member_id" not in given:
        raise Refused(Refusal.INVALID, "Name the member to assign to, or send null for nobody.", "memberId")
    return given["member_id"]


def _result(lead_id: UUID, refused: Refused | None = None) -> dict[str, Any]:
    return {
        "lead_id": public_id("lead", lead_id),
        "assigned": refused is None,
        "code": refused.code if refused else None,
        "message": refused.message if refused else None,
    }
