"""Reading pools of members, and the rules that assign leads to them."""

from typing import Any

from engine.read.rows import Rows, rows
from engine.read.slots import Args
from models.tables.routing import Pool, PoolMember, RoutingRule


def pools(root: Any, args: Args) -> Rows:
    """The pools of the organisation, oldest first."""
    found = rows(Pool)
    return found.ordered(found.entity.id.asc())


def members(pool: Any, args: Args) -> Rows:
    """The members who share the leads of a pool, in its order."""
    found = rows(PoolMember)
    place = found.entity
    return found.where(place.pool_id == pool.id).ordered(place.position.asc())


def rules_of(pipeline: Any, args: Args) -> Rows:
    """The routing rules of a pipeline, in order."""
    found = rows(RoutingRule)
    rule = found.entity
    return found.where(rule.pipeline_id == pipeline.id).ordered(rule.position.asc(), rule.id.asc())


def rule(item: Any, args: Args) -> Rows:
    """The rule that routed a lead."""
    return rows(RoutingRule, item.rule_id)


def pool(rule: Any, args: Args) -> Rows:
    """The pool that a rule assigns leads to."""
    return rows(Pool, rule.pool_id)
