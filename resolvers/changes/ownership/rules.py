"""The routing rules of a pipeline: set as one list, since their order is what they mean."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any
from uuid import UUID

import orjson
from sqlalchemy import ARRAY, Uuid, bindparam, text

from engine.change.records import IDS, inserted, public
from engine.change.transaction import Change
from engine.read.rows import ORG
from models.database import Row, Statement
from models.event_types import Changed, EventType
from models.rules.refusal import Checks, Refusal, Refused, not_found
from models.rules.text import line, spelled
from models.tables.base import new_id
from models.tables.event import NewEvent
from models.tables.routing import RoutingRule
from resolvers.changes.pipeline_stages import RESHAPED, PipelineStages, lock_stages
from resolvers.changes.pipelines.stages import KNOWN_STAGES
from resolvers.conditions.stored import Named, expect_known, kept
from resolvers.conditions.tree import size

MOST_RULES = 100
"""Rules of a pipeline: each lead is held against all of them."""

MOST_PARTS = 1_000
"""Groups, negations and tests in the conditions of all rules of a pipeline, which are one statement."""

RULES = Statement(
    text(
        """
        SELECT id, name, stage_id, condition, member_id, pool_id FROM routing_rule
        WHERE org_id = :org_id AND pipeline_id = :pipeline_id ORDER BY position, id
        """
    ).bindparams(ORG)
)

KEEP_MEMBERS = Statement(
    text(
        "SELECT id, active FROM member WHERE org_id = :org_id AND id = ANY(:ids) ORDER BY id FOR KEY SHARE"
    ).bindparams(ORG, IDS)
)

KEEP_POOLS = Statement(
    text("SELECT id FROM pool WHERE org_id = :org_id AND id = ANY(:ids) ORDER BY id FOR KEY SHARE").bindparams(ORG, IDS)
)
"""Pools, against being deleted."""

CLEAR = Statement(
    text("DELETE FROM routing_rule WHERE org_id = :org_id AND pipeline_id = :pipeline_id").bindparams(ORG)
)

FIELDS = ("name", "stage_id", "condition", "member_id", "pool_id")

NEW_RULES = inserted(
    RoutingRule,
    {
        "org_id": "CAST(:org_id AS uuid)",
        "id": "new.id",
        "pipeline_id": "CAST(:pipeline_id AS uuid)",
        "position": "new.nth - 1",
        **{name: f"new.{name}" for name in FIELDS},
    },
)

INSERT = Statement(
    text(
        f"""
        INSERT INTO routing_rule ({NEW_RULES.columns}) SELECT {NEW_RULES.values}
        FROM unnest(
            CAST(:ids AS uuid[]), CAST(:names AS text[]), CAST(:stage_ids AS uuid[]), CAST(:conditions AS jsonb[]),
            CAST(:member_ids AS uuid[]), CAST(:pool_ids AS uuid[])
        ) WITH ORDINALITY AS new (id, name, stage_id, condition, member_id, pool_id, nth)
        """
    ).bindparams(ORG, bindparam("ids", type_=ARRAY(Uuid())))
)

Rule = Mapping[str, Any]


async def set_routing_rules(
    change: Change, pipeline_id: UUID, rules: Sequence[Mapping[str, Any]], expected_version: int | None = None
) -> Mapping[str, Any]:
    """Replace the rules of a pipeline by these, in this order.

    Raises `Refused`, with the path into the list: NOT_FOUND; CONFLICT, showing the pipeline; OWNER_INACTIVE; WRONG_ID;
    INVALID.
    """
    if len(rules) > MOST_RULES:
        raise Refused(
            Refusal.INVALID, f"A pipeline has at most {MOST_RULES} rules, not {len(rules):,}. Send fewer.", "rules"
        )
    wanted, named = tidy_rules(rules)
    shape = await lock_stages(change, pipeline_id, expected_version)
    with Checks() as check:
        await check.later(expect_known(change, named))
        await check.later(_expect_stages(change, shape, wanted))
        await check.later(_expect_pools(change, wanted))
        await check.later(_expect_members(change, wanted))
    before = await change.all(RULES, pipeline_id=pipeline_id)
    if wanted == [as_rule(row) for row in before]:
        return {"pipeline": pipeline_id}
    await change.run(CLEAR, pipeline_id=pipeline_id)
    await change.run(
        INSERT,
        pipeline_id=pipeline_id,
        ids=[new_id() for _ in wanted],
        names=[rule["name"] for rule in wanted],
        conditions=[None if rule["condition"] is None else orjson.dumps(rule["condition"]).decode() for rule in wanted],
        **{f"{name}s": [rule[name] for rule in wanted] for name in ("stage_id", "member_id", "pool_id")},
    )
    await reshaped(change, pipeline_id, before, await change.all(RULES, pipeline_id=pipeline_id))
    return {"pipeline": pipeline_id}


async def reshaped(change: Change, pipeline_id: UUID, before: Sequence[Row], after: Sequence[Row]) -> None:
    """Count other rules as a change of their pipeline, which is held, with its event."""
    await change.run(RESHAPED, id=pipeline_id)
    changes = {"routingRules": [_public([as_rule(row) for row in rules]) for rules in (before, after)]}
    updated = Changed(EventType.PIPELINE_UPDATED, changes)
    change.emit(NewEvent(updated, pipeline_id=pipeline_id, record_id=pipeline_id))


def as_rule(row: Row) -> dict[str, Any]:
    """A kept rule with its condition read."""
    condition = row["condition"]
    return {**{name: row[name] for name in FIELDS}, "condition": None if condition is None else orjson.loads(condition)}


def check_rules(given: Mapping[str, Any]) -> None:
    """Check the rules of an input. Raises as `tidy_rules` does."""
    tidy_rules(given["rules"])


def tidy_rules(rules: Sequence[Rule]) -> tuple[list[dict[str, Any]], list[Named]]:
    """The rules as they are stored, and what their conditions name. Raises `Refused` INVALID, WRONG_ID."""
    with Checks() as check:
        wanted = [check(_tidied, rule, "rules", str(at)) for at, rule in enumerate(rules)]
        named = [check(_conditioned, rule, "rules", str(at), "condition") for at, rule in enumerate(wanted) if rule]
    _expect_few_parts(wanted)
    return wanted, [one for found in named for one in found]


def _tidied(given: Mapping[str, Any], *path: str) -> dict[str, Any]:
    rule = {name: given.get(name) for name in FIELDS}
    with Checks() as check:
        rule["name"] = check(line, given["name"] or "", *path, "name")
        check(_expect_one_target, rule, *path)
    return rule


def _expect_one_target(rule: Rule, *path: str) -> None:
    if (rule["member_id"] is None) == (rule["pool_id"] is None):
        raise Refused(
            Refusal.INVALID,
            "A rule assigns to a member or to a pool. Send either memberId or poolId.",
            *path,
            "memberId",
        )


def _conditioned(rule: dict[str, Any], *path: str) -> list[Named]:
    """Bring the condition of a rule into its canonical form; returns what it names."""
    if rule["condition"] is None:
        return []
    rule["condition"], named = kept(rule["condition"], *path)
    return named


def _expect_few_parts(rules: Sequence[Rule]) -> None:
    parts = sum(size(rule["condition"]) for rule in rules if rule["condition"] is not None)
    if parts > MOST_PARTS:
        message = (
            f"The conditions of these rules have {parts:,} parts; those of a pipeline have at most {MOST_PARTS:,}."
            " List values with `in` instead of in an `or`, or send fewer rules."
        )
        raise Refused(Refusal.INVALID, message, "rules")


async def _expect_stages(change: Change, shape: PipelineStages, rules: Sequence[Rule]) -> None:
    here = set(shape.ids)
    elsewhere = {rule["stage_id"] for rule in rules} - here - {None}
    known = {row["id"] for row in await change.all(KNOWN_STAGES, ids=list(elsewhere))} if elsewhere else set()

    def expect_here(stage_id: UUID | None, *path: str) -> None:
        if stage_id in elsewhere - known:
            raise not_found("stage", *path)
        if stage_id in known:
            raise Refused(
                Refusal.INVALID, "This stage belongs to another pipeline. Name a stage of this one, or none.", *path
            )

    _each(rules, "stage_id", expect_here)


async def _expect_members(change: Change, rules: Sequence[Rule]) -> None:
    ids = sorted({rule["member_id"] for rule in rules} - {None})
    found = {row["id"]: row for row in await change.all(KEEP_MEMBERS, ids=ids)} if ids else {}

    def expect_active(member_id: UUID | None, *path: str) -> None:
        if member_id is not None and member_id not in found:
            raise not_found("member", *path)
        if member_id is not None and not found[member_id]["active"]:
            raise Refused(Refusal.OWNER_INACTIVE, "This member is deactivated. Name an active one.", *path)

    _each(rules, "member_id", expect_active)


async def _expect_pools(change: Change, rules: Sequence[Rule]) -> None:
    ids = sorted({rule["pool_id"] for rule in rules} - {None})
    found = {row["id"] for row in await change.all(KEEP_POOLS, ids=ids)} if ids else set()

    def expect_known_pool(pool_id: UUID | None, *path: str) -> None:
        if pool_id is not None and pool_id not in found:
            raise not_found("pool", *path)

    _each(rules, "pool_id", expect_known_pool)


def _each(rules: Sequence[Rule], name: str, expect: Callable[..., None]) -> None:
    """Check one field of each rule."""
    with Checks() as check:
        for at, rule in enumerate(rules):
            check(expect, rule[name], "rules", str(at), spelled(name))


def _public(rules: Sequence[Rule]) -> list[dict[str, Any]]:
    """Rules as an event holds them."""
    return [
        {spelled(name): value if name == "condition" else public(name, value) for name, value in rule.items()}
        for rule in rules
    ]
