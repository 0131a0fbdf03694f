"""Creating, updating and deleting pools."""

from collections.abc import Mapping, Sequence
from typing import Any
from uuid import UUID

from sqlalchemy import ARRAY, Uuid, bindparam, text

from engine.change.fields import Fields, required
from engine.change.records import describe, differing, inserted, not_null, rewrite
from engine.change.transaction import Change
from engine.read.rows import ORG
from models.database import Statement
from models.ended_event_types import PoolDeleted
from models.event_types import Changed, EventType, PoolCreated
from models.rules.ids import public_id
from models.rules.refusal import Checks, Refusal, Refused, not_found
from models.rules.sharing import PoolStrategy
from models.rules.text import line
from models.tables.base import new_id
from models.tables.event import NewEvent
from models.tables.routing import Pool, PoolMember
from resolvers.changes.locks import LOCK_ORGANISATION, expect_version

MOST_POOLS = 200
"""Pools of an organisation."""

MOST_MEMBERS = 200
"""Members of a pool."""

MEMBER_IDS = bindparam("member_ids", type_=ARRAY(Uuid()))

COUNT_POOLS = Statement(text("SELECT count(*) AS pools FROM pool WHERE org_id = :org_id").bindparams(ORG))

TAKE_POOL = Statement(text("SELECT * FROM pool WHERE org_id = :org_id AND id = :id FOR UPDATE").bindparams(ORG))

PLACES = Statement(
    text(
        "SELECT member_id FROM pool_member WHERE org_id = :org_id AND pool_id = :pool_id ORDER BY position"
    ).bindparams(ORG)
)

KEEP_MEMBERS = Statement(
    text(
        "SELECT id, active FROM member WHERE org_id = :org_id AND id = ANY(:member_ids) ORDER BY id FOR KEY SHARE"
    ).bindparams(ORG, MEMBER_IDS)
)

NEW_PLACE = inserted(
    PoolMember,
    {
        "org_id": "CAST(:org_id AS uuid)",
        "pool_id": "CAST(:pool_id AS uuid)",
        "member_id": "wanted.id",
        "position": "wanted.nth - 1",
    },
    default=("given", "credit", "latest"),
)

ARRANGE = Statement(
    text(
        f"""
        WITH gone AS (
            DELETE FROM pool_member
            WHERE org_id = :org_id AND pool_id = :pool_id AND member_id <> ALL(CAST(:member_ids AS uuid[]))
        )
        INSERT INTO pool_member ({NEW_PLACE.columns}) SELECT {NEW_PLACE.values}
        FROM unnest(CAST(:member_ids AS uuid[])) WITH ORDINALITY AS wanted (id, nth)
        ON CONFLICT (org_id, pool_id, member_id) DO UPDATE SET position = excluded.position, credit = 0
        """
    ).bindparams(ORG)
)
"""Give a pool these members in this order. Members who stay keep their count of leads, and since when they have waited;
what was owed is forgotten."""

FORGET_CREDIT = Statement(
    text("UPDATE pool_member SET credit = 0 WHERE org_id = :org_id AND pool_id = :pool_id").bindparams(ORG)
)

USED_BY = Statement(
    text(
        """
        SELECT routing_rule.name, pipeline.name AS pipeline FROM routing_rule
        JOIN pipeline ON pipeline.org_id = routing_rule.org_id AND pipeline.id = routing_rule.pipeline_id
        WHERE routing_rule.org_id = :org_id AND pool_id = :id AND pipeline.deleted_at IS NULL LIMIT 1
        """
    ).bindparams(ORG)
)

DELETE = Statement(
    text(
        """
        WITH rules AS (DELETE FROM routing_rule WHERE org_id = :org_id AND pool_id = :id)
        DELETE FROM pool WHERE org_id = :org_id AND id = :id
        """
    ).bindparams(ORG)
)
"""Its members are no longer of it, by their foreign key; rules of deleted pipelines go with it."""

FIELDS = Fields(Pool, name=required(line), strategy=required())

MAKE_POOL = FIELDS.make(default=("turn",))

REVISE_POOL = FIELDS.revise("turn")


async def create_pool(
    change: Change, name: str, member_ids: Sequence[UUID], strategy: str = PoolStrategy.ROUND_ROBIN
) -> Mapping[str, Any]:
    """Create a pool of members. Raises `Refused`: NOT_FOUND; OWNER_INACTIVE; INVALID."""
    fields = FIELDS.tidy({"name": name, "strategy": strategy})
    await change.run(LOCK_ORGANISATION)
    found = await change.first(COUNT_POOLS)
    if found is not None and found["pools"] >= MOST_POOLS:
        raise Refused(
            Refusal.INVALID, f"Your organisation has {MOST_POOLS} pools, as many as it can. Delete one first."
        )
    await _expect_members(change, member_ids)
    pool_id = new_id()
    await change.run(MAKE_POOL, id=pool_id, **fields)
    await change.run(ARRANGE, pool_id=pool_id, member_ids=list(member_ids))
    members = [public_id("member", id) for id in member_ids]
    change.emit(NewEvent(PoolCreated(record=FIELDS.public(fields), member_ids=members), record_id=pool_id))
    return {"pool": pool_id}


async def update_pool(
    change: Change, pool_id: UUID, expected_version: int | None = None, **given: Any
) -> Mapping[str, Any]:
    """Change name, strategy or members of a pool. Whose turn it was keeps it, if still a member.

    Raises `Refused`: NOT_FOUND; CONFLICT, showing the pool; OWNER_INACTIVE for a new member; INVALID.
    """
    named = list(not_null(given.pop("member_ids"), "memberIds")) if "member_ids" in given else None
    wanted = FIELDS.tidy(given)
    pool = await change.first(TAKE_POOL, id=pool_id)
    if pool is None:
        raise not_found("pool", "poolId")
    expect_version(pool, expected_version, pool=pool_id)
    before = [row["member_id"] for row in await change.all(PLACES, pool_id=pool_id)]
    members: list[UUID] = before if named is None else named
    changes = differing(pool, wanted)
    described = dict(describe(pool, changes))
    if members != before:
        await _expect_members(change, members, before)
        changes["turn"] = members.index(before[pool["turn"]]) if before[pool["turn"]] in members else 0
        described["memberIds"] = [[public_id("member", id) for id in ids] for ids in (before, members)]
    if not changes:
        return {"pool": pool_id}
    await rewrite(change, REVISE_POOL, pool, changes)
    if members != before:
        await change.run(ARRANGE, pool_id=pool_id, member_ids=members)
    elif "strategy" in changes:
        await change.run(FORGET_CREDIT, pool_id=pool_id)
    change.emit(NewEvent(Changed(EventType.POOL_UPDATED, described), record_id=pool_id))
    return {"pool": pool_id}


async def delete_pool(change: Change, pool_id: UUID, expected_version: int | None = None) -> Mapping[str, Any]:
    """Delete a pool that no rule names. Raises `Refused`: NOT_FOUND; CONFLICT or POOL_IN_USE, showing the pool."""
    pool = await change.first(TAKE_POOL, id=pool_id)
    if pool is None:
        raise not_found("pool", "poolId")
    expect_version(pool, expected_version, pool=pool_id)
    used = await change.first(USED_BY, id=pool_id)
    if used is not None:
        raise Refused(
            Refusal.POOL_IN_USE,
            f"The rule {used['name']!r} of the pipeline {used['pipeline']!r} uses this pool. Change the rule first.",
            "poolId",
            shown={"pool": pool_id},
        )
    members = [public_id("member", row["member_id"]) for row in await change.all(PLACES, pool_id=pool_id)]
    await change.run(DELETE, id=pool_id)
    change.emit(NewEvent(PoolDeleted(record=FIELDS.public(pool), member_ids=members), record_id=pool_id))
    return {"deleted_pool_id": public_id("pool", pool_id)}


async def _expect_members(change: Change, member_ids: Sequence[UUID], before: Sequence[UUID] = ()) -> None:
    """Refuse members that do not exist, are named twice, or are inactive and were not in the pool before."""
    if not 1 <= len(member_ids) <= MOST_MEMBERS:
        raise Refused(Refusal.INVALID, f"A pool has 1 to {MOST_MEMBERS} members, not {len(member_ids):,}.", "memberIds")
    found = {row["id"]: row for row in await change.all(KEEP_MEMBERS, member_ids=sorted(set(member_ids)))}

    def expect_joins(at: int, id: UUID) -> None:
        path = ("memberIds", str(at))
        if id not in found:
            raise not_found("member", *path)
        if id in member_ids[:at]:
            raise Refused(Refusal.INVALID, "This member is named twice. Name each once.", *path)
        if not found[id]["active"] and id not in before:
            raise Refused(Refusal.OWNER_INACTIVE, "This member is deactivated. Name an active one.", *path)

    with Checks() as check:
        for at, id in enumerate(member_ids):
            check(expect_joins, at, id)
