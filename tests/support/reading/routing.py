"""The rules of reading pools and routing rules."""

import json
from collections.abc import Callable, Mapping
from typing import Any

from tests.support.reading.records import Record, World

Given = Mapping[str, Any]


def pools(world: World, source: Any, given: Given) -> list[Record]:
    return sorted(world.all("pool"), key=lambda pool: pool.row["id"])


def members(world: World, pool: Record, given: Given) -> list[Record]:
    return sorted(world.all("pool_member", pool_id=pool.row["id"]), key=lambda place: place.row["position"])


def rules(world: World, pipeline: Record, given: Given) -> list[Record]:
    return sorted(world.all("routing_rule", pipeline_id=pipeline.row["id"]), key=lambda rule: rule.row["position"])


def condition(world: World, rule: Record, given: Given) -> Any:
    return rule.row["condition"] and json.loads(rule.row["condition"])


ROUTING_RULES: Mapping[tuple[str, str], Callable[[World, Any, Given], Any]] = {
    ("Query", "pools"): pools,
    ("Pool", "members"): members,
    ("PoolMember", "member"): lambda world, place, given: world.one("member", place.row["member_id"]),
    ("Pipeline", "routingRules"): rules,
    ("RoutingRule", "condition"): condition,
    ("RoutingRule", "stage"): lambda world, rule, given: world.one("stage", rule.row["stage_id"]),
    ("RoutingRule", "member"): lambda world, rule, given: world.one("member", rule.row["member_id"]),
    ("RoutingRule", "pool"): lambda world, rule, given: world.one("pool", rule.row["pool_id"]),
}
