"""Routing: open leads without an owner are assigned by the rules of their pipeline.

Routing locks, in this order, the pools and the members that the rules name, and the leads; so no lead is given
twice, a round robin goes on where it stood, and no member gets more than a day's leads.
"""

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from functools import lru_cache
from typing import Any
from uuid import UUID

import orjson
from sqlalchemy import Integer, Uuid, bindparam, case, func, literal_column, text

from engine.change.records import IDS
from engine.change.transaction import Change
from engine.read.rows import ORG, rows
from models.database import Row, Statement
from models.rules.ids import public_id
from models.rules.refusal import Refusal, Refused, not_found
from models.rules.sharing import Load, Sharing
from models.tables.lead import Lead
from resolvers.changes.leads.place import KNOWN
from resolvers.changes.locks import LOCK_PIPELINE
from resolvers.changes.ownership.assign import ASSIGN, handed
from resolvers.changes.ownership.rules import RULES, as_rule
from resolvers.changes.ownership.shares import Shared, lock_pools
from resolvers.changes.pipeline_stages import STAGES_IN_ORDER
from resolvers.changes.pipelines.stages import KNOWN_STAGES
from resolvers.conditions.sql import compiled
from resolvers.conditions.stored import stored

MOST = 10_000
"""Leads that are routed at once."""

LARGE = 5_000
"""Bytes of rules that are compiled in a thread."""


def _lock(nobodys: str) -> Statement:
    return Statement(
        text(
            f"""
            SELECT id, owner_id, pipeline_id, stage_id, version FROM lead
            WHERE org_id = :org_id AND pipeline_id = :pipeline_id AND {nobodys} AND closed_at IS NULL
                AND stage_id = coalesce(CAST(:stage_id AS uuid), stage_id)
                AND id > coalesce(CAST(:after_id AS uuid), '00000000-0000-0000-0000-000000000000')
            ORDER BY id LIMIT :size FOR NO KEY UPDATE
            """
        ).bindparams(ORG)
    )


LOCK_UNOWNED = _lock("owner_id IS NULL")
"""The open leads without an owner, in the order they came in."""

LEFT = "ARRAY(SELECT id FROM member WHERE org_id = :org_id AND NOT active)"

LOCK_LEFT = _lock(f"(owner_id IS NULL OR owner_id = ANY({LEFT}))")
"""The same, with those whose owner is no longer active."""
ROUTES_NEW = Statement(
    text("SELECT id FROM pipeline WHERE org_id = :org_id AND id = :id AND routes_new_leads").bindparams(ORG)
)


class Unrouted(StrEnum):
    """Why a lead was not routed."""

    NO_RULE = "NO_RULE"
    MEMBER_INACTIVE = "MEMBER_INACTIVE"
    DAILY_CAP = "DAILY_CAP"
    POOL_EMPTY = "POOL_EMPTY"


WHY: Mapping[Unrouted, str] = {
    Unrouted.NO_RULE: "No rule of the pipeline matches this lead. Add a last rule without a condition, for the rest.",
    Unrouted.MEMBER_INACTIVE: "The member of the rule {rule!r} is deactivated. Name an active one in the rule.",
    Unrouted.DAILY_CAP: "Everybody in the rule {rule!r} has reached the daily cap. Raise it, or route again tomorrow.",
    Unrouted.POOL_EMPTY: "Nobody in the pool of the rule {rule!r} is active and has a capacity. Add such a member.",
}


@dataclass(frozen=True)
class Route:
    """The outcome for one lead: its new owner, and by which rule; or why it has none."""

    lead: Row
    rule: Row | None
    owner_id: UUID | None
    why: Unrouted | None


async def route_unassigned(
    change: Change,
    pipeline_id: UUID,
    stage_id: UUID | None = None,
    after_lead_id: UUID | None = None,
    inactive_owners: bool | None = False,
    dry_run: bool = False,
) -> Mapping[str, Any]:
    """Give the open leads of a pipeline that nobody works on to those whom its rules name, up to 10,000 of them. With
    `inactive_owners`, that includes leads whose owner is no longer active.

    Raises `Refused`: NOT_FOUND; INVALID for a stage of another pipeline.
    """
    if await change.first(LOCK_PIPELINE, id=pipeline_id) is None:
        raise not_found("pipeline", "pipelineId")
    await _expect_stage(change, pipeline_id, stage_id)
    if after_lead_id is not None and await change.first(KNOWN, card_id=after_lead_id) is None:
        raise not_found("lead", "afterLeadId")
    rules = await change.all(RULES, pipeline_id=pipeline_id)
    shared = await lock_pools(change, rules)
    lock = LOCK_LEFT if inactive_owners else LOCK_UNOWNED
    leads = await change.all(lock, pipeline_id=pipeline_id, stage_id=stage_id, after_id=after_lead_id, size=MOST + 1)
    routes = await _routes(change, rules, shared, leads[:MOST])
    if not dry_run:
        await _write(change, shared, routes)
    given = [route for route in routes if route.owner_id is not None]
    left = [route for route in routes if route.owner_id is None]
    return {
        "pipeline": pipeline_id,
        "routed_count": len(given),
        "unrouted_count": len(left),
        "has_more": len(leads) > MOST,
        "last_lead_id": public_id("lead", routes[-1].lead["id"]) if routes else None,
        "routed": [
            {"lead_id": one.lead["id"], "owner_id": one.owner_id, "rule_id": one.rule and one.rule["id"]}
            for one in given
        ],
        "unrouted": [_result(one) for one in left],
    }


async def lock_for_new(change: Change, pipeline_id: UUID) -> None:
    """Lock, before any lead, the pools and members that the rules of a pipeline may assign a new lead to.

    Who holds a lead and then wants a pool, and who routes and wants that lead, would wait for each other.
    """
    await lock_pools(change, await change.all(RULES, pipeline_id=pipeline_id))


async def route_new(change: Change, lead: Mapping[str, Any]) -> None:
    """Give a lead that was just made to whom the rules of its pipeline name, if nobody works on it and the pipeline
    routes new leads."""
    if lead["owner_id"] is not None or await change.first(ROUTES_NEW, id=lead["pipeline_id"]) is None:
        return
    while True:
        rules = await change.all(RULES, pipeline_id=lead["pipeline_id"])
        at = (await _matched(change, rules, [lead["id"]]))[lead["id"]]
        if at is None:
            return
        shared = await lock_pools(change, [rules[at]])
        # The pipeline is not held. Meanwhile other rules may have been set, and the pool of this one deleted.
        if rules[at]["pool_id"] in (None, *shared.pools):
            await _write(change, shared, [_route(lead, rules[at], shared)])
            return


async def _expect_stage(change: Change, pipeline_id: UUID, stage_id: UUID | None) -> None:
    if stage_id is None:
        return
    if stage_id not in [row["id"] for row in await change.all(STAGES_IN_ORDER, id=pipeline_id)]:
        if not await change.all(KNOWN_STAGES, ids=[stage_id]):
            raise not_found("stage", "stageId")
        raise Refused(Refusal.INVALID, "This stage belongs to another pipeline. Name a stage of this one.", "stageId")


async def _routes(change: Change, rules: Sequence[Row], shared: Shared, leads: Sequence[Row]) -> list[Route]:
    found = await _matched(change, rules, [lead["id"] for lead in leads])
    return [
        Route(lead, None, None, Unrouted.NO_RULE) if at is None else _route(lead, rules[at], shared)
        for lead in leads
        for at in [found[lead["id"]]]
    ]


async def _matched(change: Change, rules: Sequence[Row], lead_ids: Sequence[UUID]) -> Mapping[UUID, int | None]:
    """The place of the first rule that fits, for each of these leads: one statement for all of them."""
    if not rules or not lead_ids:
        return dict.fromkeys(lead_ids)
    described = orjson.dumps(
        [{"stage": row["stage_id"], "condition": as_rule(row)["condition"]} for row in rules], default=str
    )
    # Large rules take up to a quarter of a second to compile: others are served meanwhile.
    large = len(described) > LARGE
    statement, values = await asyncio.to_thread(_first_match, described) if large else _first_match(described)
    found = await change.all(statement, ids=list(lead_ids), **values)
    return {row["id"]: row["rule"] for row in found}


@lru_cache(maxsize=200)
def _first_match(rules: bytes) -> tuple[Statement, Mapping[str, Any]]:
    """The statement that finds, for each lead, the first of these rules that fits, and the values bound in it."""
    values: dict[str, Any] = {}

    def register(get: Any, _use: object = None) -> str:
        values[f"c{len(values)}"] = get({})
        return f"c{len(values) - 1}"

    found = rows(Lead)
    lead = found.entity
    branches = []
    for at, rule in enumerate(orjson.loads(rules)):
        fits: Any = literal_column("true")
        if rule["condition"] is not None:
            fits = compiled(stored(rule["condition"], register), lead)
        if rule["stage"] is not None:
            name = register(lambda _, stage=rule["stage"]: UUID(stage))
            fits = (lead.stage_id == bindparam(name, type_=Uuid())) & fits
        branches.append((fits, literal_column(str(at), Integer())))
    chosen = case(*branches).label("rule")
    statement = Statement(found.where(lead.id == func.any(IDS)).select(lead.id, chosen))
    _ = statement.sql  # compiled here, in the thread that this runs in
    return statement, values


def _route(lead: Mapping[str, Any], rule: Row, shared: Shared) -> Route:
    """Assign a lead by a rule: to whom, or why to nobody."""
    if rule["member_id"] is not None:
        load: Load = shared.loads[rule["member_id"]]
        if not load.available:
            return Route(lead, rule, None, Unrouted.DAILY_CAP if load.active else Unrouted.MEMBER_INACTIVE)
        load.take()
        return Route(lead, rule, load.id, None)
    pool: Sharing = shared.pools[rule["pool_id"]]
    chosen = pool.next()
    if chosen is not None:
        return Route(lead, rule, chosen.id, None)
    return Route(lead, rule, None, Unrouted.DAILY_CAP if pool.staffed else Unrouted.POOL_EMPTY)


async def _write(change: Change, shared: Shared, routes: Sequence[Route]) -> None:
    """Give the leads to their owners, with an event each, and remember how far the pools have come."""
    given = [route for route in routes if route.owner_id is not None]
    if not given:
        return
    await change.run(ASSIGN, ids=[one.lead["id"] for one in given], owners=[one.owner_id for one in given])
    await shared.remember(change, [one.owner_id for one in given if one.owner_id is not None])
    for one in given:
        change.emit(handed(one.lead, one.owner_id, one.rule))


def _result(route: Route) -> dict[str, Any]:
    assert route.why is not None
    message = WHY[route.why].format(rule=route.rule["name"] if route.rule else None)
    rule_id = route.rule["id"] if route.rule else None
    return {"lead_id": route.lead["id"], "rule_id": rule_id, "reason": route.why.value, "message": message}
