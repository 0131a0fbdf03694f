"""Pools of members, and the rules that give leads to them: reading them."""

from typing import Any

from engine.read.json_text import Expression, typed_id
from engine.read.rows import Rows, rows
from engine.read.slots import Args
from models.tables.lead import Lead
from models.tables.member import Member
from models.tables.routing import Pool, PoolMember, RoutingRule
from models.tables.stage import Stage


def id(pool: Any, args: Args) -> Expression:
    """The public id."""
    return typed_id("pool", pool.id)


def pools(root: Any, args: Args) -> Rows:
    """The pools of the organisation, oldest first."""
    found = rows(Pool)
    return found.ordered(found.entity.id.asc())


def members(pool: Any, args: Args) -> Rows:
    """Who shares the leads of a pool, in its order."""
    found = rows(PoolMember)
    place = found.entity
    return found.where(place.pool_id == pool.id).ordered(place.position.asc())


def member(row: Any, args: Args) -> Rows:
    """The member whom a place in a pool, or a rule, names."""
    return rows(Member, row.member_id)


def rules_of(pipeline: Any, args: Args) -> Rows:
    """The routing rules of a pipeline, in order."""
    found = rows(RoutingRule)
    rule = found.entity
    return found.where(rule.pipeline_id == pipeline.id).ordered(rule.position.asc(), rule.id.asc())


def lead(item: Any, args: Args) -> Rows:
    """The lead that was routed, or was not."""
    return rows(Lead, item.lead_id)


def owner(item: Any, args: Args) -> Rows:
    """Who got a lead."""
    return rows(Member, item.owner_id)


def rule(item: Any, args: Args) -> Rows:
    """The rule that decided on a lead."""
    return rows(RoutingRule, item.rule_id)


def pool(rule: Any, args: Args) -> Rows:
    """The pool that a rule gives leads to."""
    return rows(Pool, rule.pool_id)


def stage(rule: Any, args: Args) -> Rows:
    """The stage that a rule is for."""
    return rows(Stage, rule.stage_id)
