"""The demo organisation's routing: a pool of its representatives, and the rules that give them incoming leads."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import orjson

Add = Callable[..., list[dict[str, Any]]]

POOL = "Inbound"
FROM_FAIRS = {"and": [{"source": {"equals": "Trade fair"}}, {"customerIndustry": {"in": ["Energy", "Health"]}}]}


def routing_rows(
    add: Add, pipeline: Mapping[str, Any], manager: Mapping[str, Any], reps: Sequence[Mapping[str, Any]]
) -> list[dict[str, Any]]:
    """Add a pool and two rules; returns the rows of the pool's members, which have no id of their own."""
    (pool,) = add("pool", [{"name": POOL, "strategy": "ROUND_ROBIN", "turn": 0}], 200)
    rules = (
        ("Energy and health from fairs", FROM_FAIRS, manager["id"], None),
        ("Everything else", None, None, pool["id"]),
    )
    add(
        "routing_rule",
        (
            {
                "pipeline_id": pipeline["id"],
                "position": position,
                "name": name,
                "condition": None if condition is None else orjson.dumps(condition).decode(),
                "member_id": member_id,
                "pool_id": pool_id,
            }
            for position, (name, condition, member_id, pool_id) in enumerate(rules)
        ),
        200,
    )
    place = {"org_id": pool["org_id"], "pool_id": pool["id"], "given": 0, "credit": 0}
    return [{**place, "member_id": rep["id"], "position": position} for position, rep in enumerate(reps)]
