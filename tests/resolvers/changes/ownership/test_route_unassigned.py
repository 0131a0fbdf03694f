"""routeUnassigned: leads without an owner get one by the rules of their pipeline."""

import asyncio
import json
from collections import Counter
from typing import Any

import pytest

from models import Role, organisation_id
from tests.support.consistency import expect_consistent
from tests.support.recipes import pool
from tests.support.sql.counting import Counting
from tests.support.world import World, tables

SHOW = (
    "routedCount unroutedCount hasMore lastLeadId routed { lead { title } owner { name } rule { name } } "
    "unrouted { lead { title } reason message rule { name } }"
)

ADD_LEADS = """
INSERT INTO lead (org_id, id, pipeline_id, stage_id, rank, title, source, stage_entered_at)
SELECT org_id, gen_random_uuid(), pipeline_id, stage_id, 'V' || nth, 'Lead ' || nth,
    (ARRAY['Web', 'Fair', 'Phone'])[1 + nth % 3], now()
FROM lead, generate_series(1, $1::int) AS nth WHERE lead.title = $2
"""


async def rules(world: World, *given: dict[str, Any]) -> None:
    """Set the rules of Sales."""
    named = [{"name": f"Rule {at}", **rule} for at, rule in enumerate(given)]
    await world.change("setRoutingRules", {"pipelineId": world["Sales"], "rules": named})


async def route(world: World, **given: Any) -> dict[str, Any]:
    """Route the leads of Sales."""
    return await world.change("routeUnassigned", {"pipelineId": world["Sales"], **given}, SHOW)


async def open_leads(world: World, count: int) -> None:
    """Insert so many leads into New beside Ada, in no particular order, without history."""
    await world.sql(ADD_LEADS, count, "Ada")
    await world.sql("DELETE FROM lead WHERE org_id <> $1", organisation_id(world.organisation))


async def owners(world: World) -> Counter[str | None]:
    """How many of the added leads each member owns."""
    found = await world.database.pool.fetch(
        "SELECT member.subject FROM lead LEFT JOIN member ON member.org_id = lead.org_id AND member.id = owner_id"
        " WHERE title LIKE 'Lead %'"
    )
    return Counter(row["subject"] for row in found)


async def test_the_first_rule_that_fits_decides(world: World) -> None:
    """Leads are in order of creation, each with its owner and its rule or with the reason it was left, and have an
    event each."""
    await rules(
        world,
        {"condition": {"customerName": {"equals": "nobody"}}, "memberId": world["tester"]},
        {"condition": {"value": {"isSet": True}}, "stageId": world["New"], "memberId": world["mia"]},
        {"condition": {"contactEmail": {"endsWith": "@example.com"}}, "memberId": world["rita"]},
    )
    head = await world.head()
    found = await route(world)
    assert (found["routedCount"], found["unroutedCount"], found["hasMore"]) == (2, 1, False)
    assert found["routed"] == [
        {"lead": {"title": "Ada"}, "owner": {"name": "mia"}, "rule": {"name": "Rule 1"}},
        {"lead": {"title": "Dan"}, "owner": {"name": "rita"}, "rule": {"name": "Rule 2"}},
    ]
    assert [(one["lead"]["title"], one["reason"], one["rule"]) for one in found["unrouted"]] == [
        ("Cleo", "NO_RULE", None)
    ]
    events = await world.events(head)
    assert [(event["type"], event["mutation"]) for event in events] == [("lead.assigned", "route_unassigned")] * 2
    assert json.loads(events[0]["data"]) == {"from": None, "to": world["mia"], "rule": "Rule 1", "poolId": None}
    assert await world.lead("Ada", "owner { name } version") == {"owner": {"name": "mia"}, "version": 2}
    assert (await route(world))["routedCount"] == 0
    await expect_consistent(world.database)


async def test_a_dry_run_reports_the_same_and_changes_nothing(world: World) -> None:
    """No table changes, and the leads returned still have no owner."""
    await rules(world, {"poolId": await pool(world, "rita", "mia", strategy="WEIGHTED")})
    before = await tables(world.database)
    preview = await route(world, dryRun=True)
    assert await tables(world.database) == before
    done = await route(world)
    assert preview == done
    assert preview["routedCount"] == 3


async def test_only_a_stage_and_only_what_came_later(world: World) -> None:
    """Closed leads and those of other pipelines are never routed."""
    await rules(world, {"memberId": world["mia"]})
    found = await route(world, dryRun=True, stageId=world["Talking"])
    assert [one["lead"]["title"] for one in found["routed"]] == ["Dan"]
    found = await route(world, dryRun=True, afterLeadId=world["Cleo"])
    assert [one["lead"]["title"] for one in found["routed"]] == ["Ada", "Dan"]
    assert found["lastLeadId"] == world["Dan"]
    given = {"pipelineId": world["Sales"], "stageId": world["Due"]}
    await world.refused("routeUnassigned", given, "INVALID", "stageId")


async def test_who_has_left_is_passed_over(world: World) -> None:
    """The other members of the pool share; a rule for a deactivated member routes nothing and says so."""
    await rules(
        world,
        {"stageId": world["Talking"], "memberId": world["rita"]},
        {"poolId": await pool(world, "tester", "rita", "mia")},
    )
    await world.change("updateMember", {"memberId": world["rita"], "active": False})
    await open_leads(world, 9)
    found = await route(world)
    assert found["unrouted"] == [
        {
            "lead": {"title": "Dan"},
            "reason": "MEMBER_INACTIVE",
            "message": "The member of the rule 'Rule 0' is deactivated. Name an active one in the rule.",
            "rule": {"name": "Rule 0"},
        }
    ]
    shared = Counter(one["owner"]["name"] for one in found["routed"])
    assert set(shared) == {"tester", "mia"}
    assert max(shared.values()) - min(shared.values()) <= 1


async def test_the_daily_cap_holds_across_calls_and_pools(world: World) -> None:
    """Leads by several rules count together, and the next day the count starts again."""
    await world.change("updateMember", {"memberId": world["rita"], "dailyCap": 4})
    await open_leads(world, 20)
    await rules(
        world,
        {"condition": {"source": {"equals": "web"}}, "memberId": world["rita"]},
        {"poolId": await pool(world, "rita", "mia", strategy="WEIGHTED")},
    )
    found = await route(world)
    assert (await owners(world))["rita"] <= 4
    capped = [one for one in found["unrouted"] if one["reason"] == "DAILY_CAP"]
    assert capped
    assert found["unroutedCount"] == len(capped)
    assert (await route(world))["routedCount"] == 0
    await world.sql("UPDATE routing_day SET day = day - 1")
    assert (await route(world))["routedCount"] > 0
    kept = await world.database.pool.fetch("SELECT leads FROM routing_day JOIN member ON member.id = member_id"
                                           " WHERE subject = 'rita'")  # fmt: skip
    assert all(row["leads"] <= 4 for row in kept)


async def test_a_pool_with_nobody_in_it_says_so(world: World) -> None:
    """The result says that the pool has no active member, and for a weighted pool that none has a capacity."""
    await world.change("updateMember", {"memberId": world["rita"], "capacity": 0})
    await rules(world, {"poolId": await pool(world, "rita", strategy="WEIGHTED")})
    assert {one["reason"] for one in (await route(world))["unrouted"]} == {"POOL_EMPTY"}


@pytest.mark.parametrize("strategy", ["ROUND_ROBIN", "FEWEST_OPEN", "WEIGHTED"])
async def test_twenty_calls_at_once_share_fairly(world: World, strategy: str) -> None:
    """No lead is assigned twice or left, and shares and turn are as if one call had routed all."""
    await world.change("assignLead", {"leadId": world["Bob"], "memberId": None})
    await open_leads(world, 100)
    await rules(world, {"poolId": await pool(world, "rita", "mia", "tester", strategy=strategy)})
    head = await world.head()
    bodies = await asyncio.gather(
        *(world.attempt("routeUnassigned", {"pipelineId": world["Sales"]}, "routedCount") for _ in range(20))
    )
    assert sorted(body["data"]["result"]["routedCount"] for body in bodies) == [0] * 19 + [104]
    events = [event["lead_id"] for event in await world.events(head)]
    assert len(events) == len(set(events)) == 104
    counts = (await owners(world)).values()
    assert max(counts) - min(counts) <= 4
    given = await world.database.pool.fetch("SELECT given FROM pool_member")
    assert sum(row["given"] for row in given) == 104
    assert max(row["given"] for row in given) - min(row["given"] for row in given) <= 1
    for table in ("lead", "lead_span"):
        await world.sql(f"DELETE FROM {table} WHERE title LIKE 'Lead %'")
    await expect_consistent(world.database)


async def test_new_leads_go_round_as_they_come(world: World) -> None:
    """Where the pipeline routes new leads, 20 created at once get owners; an owner that the caller names is kept."""
    await world.change("updatePipeline", {"pipelineId": world["Sales"], "routesNewLeads": True})
    await rules(
        world,
        {"condition": {"not": {"title": {"startsWith": "odd"}}}, "poolId": await pool(world, "rita", "mia")},
    )
    head = await world.head()
    show = "lead { title owner { name } }"
    made = await asyncio.gather(
        *(world.change("createLead", {"title": f"Lead {nth}"}, show, subject="mia", role=Role.MANAGER)
          for nth in range(20))
    )  # fmt: skip
    assert Counter(one["lead"]["owner"]["name"] for one in made) == {"rita": 10, "mia": 10}
    types = Counter(event["type"] for event in await world.events(head))
    assert types == {"lead.created": 20, "lead.assigned": 20}
    own = await world.change("createLead", {"title": "Mine", "ownerId": world["tester"]}, show)
    assert own["lead"]["owner"] == {"name": "tester"}
    odd = await world.change("createLead", {"title": "Odd one"}, show)
    assert odd["lead"]["owner"] is None
    won = await world.change("createLead", {"title": "Won one", "stageId": world["Won"]}, show)
    assert won["lead"]["owner"] is None
    await expect_consistent(world.database)


async def test_new_leads_are_left_alone_unless_the_pipeline_says_so(world: World) -> None:
    """Rules alone do not route new leads."""
    await rules(world, {"memberId": world["mia"]})
    made = await world.change("createLead", {"title": "Gil"}, "lead { owner { name } }")
    assert made["lead"]["owner"] is None


async def test_rules_and_pools_may_change_while_leads_come_in(world: World) -> None:
    """Leads are created and routed while rules are replaced and pools deleted: nothing fails, and all stays
    consistent."""
    await world.change("updatePipeline", {"pipelineId": world["Sales"], "routesNewLeads": True})
    pool_id = await pool(world, "rita", "mia")
    await rules(world, {"poolId": pool_id})
    other = {"pipelineId": world["Sales"], "rules": [{"name": "Mia", "memberId": world["mia"]}]}
    bodies = await asyncio.gather(
        *(world.attempt("createLead", {"title": f"Gil {nth}"}) for nth in range(15)),
        world.attempt("setRoutingRules", other),
        *(world.attempt("routeUnassigned", {"pipelineId": world["Sales"]}) for _ in range(3)),
        world.attempt("deletePool", {"poolId": pool_id}),
        *(world.attempt("createLead", {"title": f"Hal {nth}"}) for nth in range(15)),
    )
    assert [body["errors"] for body in bodies if "errors" in body] == []
    query = "SELECT count(*) FROM lead WHERE owner_id IS NULL AND title LIKE '%l %'"
    unowned = await world.database.pool.fetchval(query)
    assert unowned == 0
    await expect_consistent(world.database)


async def test_the_statements_do_not_grow_with_the_leads(world: World) -> None:
    """10,000 leads, by three rules of all strategies, take as many statements as ten; leads over the limit wait."""
    pools = [await pool(world, "rita", "mia", "tester", strategy=name)
             for name in ("ROUND_ROBIN", "FEWEST_OPEN", "WEIGHTED")]  # fmt: skip
    conditions: list[Any] = [{"source": {"equals": source}} for source in ("web", "fair")]
    await rules(
        world,
        *({"condition": condition, "poolId": pool} for condition, pool in zip(conditions, pools, strict=False)),
        {"poolId": pools[2]},
    )
    engine = world.api.__closure__[0].cell_contents
    counts = []
    for leads, expected in ((10, 13), (10_005, 10_000)):
        await open_leads(world, leads)
        counting = Counting(world.database.pool, world.database.spare, world.database.url)
        engine.database, kept = counting, engine.database
        found = await world.change("routeUnassigned", {"pipelineId": world["Sales"]}, "routedCount hasMore")
        engine.database = kept
        counts.append(len(counting.sent))
        assert found["routedCount"] == expected
    assert found["hasMore"] is True
    assert counts[0] == counts[1]


async def test_a_rep_does_not_route(world: World) -> None:
    """Routing requires the role manager."""
    body = await world.attempt("routeUnassigned", {"pipelineId": world["Sales"]}, subject="rita", role=Role.REP)
    assert body["errors"][0]["extensions"]["code"] == "FORBIDDEN"
