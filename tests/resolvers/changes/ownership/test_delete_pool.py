"""deletePool: a pool that no rule names is deleted; its members keep what they were assigned."""

import asyncio

from models.rules.ids import parse_id
from tests.support.consistency import expect_consistent
from tests.support.recipes import pool
from tests.support.world import MIA, World

SHOW = "deletedPoolId pool { name version }"


async def test_deletes_a_pool(world: World) -> None:
    """The event keeps what it was, its id finds nothing, and the members stay."""
    pool_id = await pool(world)
    head = await world.head()
    gone = await world.change("deletePool", {"poolId": pool_id, "expectedVersion": 1}, SHOW)
    assert gone == {"deletedPoolId": pool_id, "pool": None, "userErrors": []}
    was = {"name": "Inbound", "strategy": "ROUND_ROBIN", "memberIds": [world["rita"], world["mia"]]}
    assert await world.recorded(head) == [("pool.deleted", "delete_pool", was)]
    assert (await world.events(head))[0]["record_id"] == parse_id("pool", pool_id)
    assert await world.ask(f'{{ pools {{ id }} node(id: "{pool_id}") {{ id }} }}') == {"pools": [], "node": None}
    assert await world.database.pool.fetchval("SELECT count(*) FROM pool_member") == 0
    assert await world.database.pool.fetchval("SELECT count(*) FROM member WHERE subject IN ('rita', 'mia')") == 2
    await expect_consistent(world.database)


async def test_a_pool_is_deleted_once(world: World) -> None:
    """The second deletion finds no pool; of twenty at once, one succeeds."""
    pool_id = {"poolId": await pool(world)}
    assert await world.at_once("deletePool", *[pool_id] * 20) == {"done": 1, "NOT_FOUND": 19}
    await world.refused("deletePool", pool_id, "NOT_FOUND", "poolId")


async def test_a_pool_that_a_rule_names_is_kept(world: World) -> None:
    """The refusal names the rule and its pipeline, and returns the pool."""
    pool_id = await pool(world, "rita")
    rule = {"name": "All", "poolId": pool_id}
    await world.change("setRoutingRules", {"pipelineId": world["Sales"], "rules": [rule]})
    kept = await world.refused("deletePool", {"poolId": pool_id}, "POOL_IN_USE", "poolId", show=SHOW)
    assert (kept["deletedPoolId"], kept["pool"]) == (None, {"name": "Inbound", "version": 1})
    assert "'All' of the pipeline 'Sales'" in kept["userErrors"][0]["message"]
    await world.change("setRoutingRules", {"pipelineId": world["Sales"], "rules": []})
    await world.change("deletePool", {"poolId": pool_id})
    await expect_consistent(world.database)


async def test_rules_of_a_deleted_pipeline_keep_no_pool(world: World) -> None:
    """Rules of a deleted pipeline can no longer be removed, so they are deleted with the pool."""
    pool_id = await pool(world, "rita")
    await world.change("setRoutingRules", {"pipelineId": world["Empty"], "rules": [{"name": "All", "poolId": pool_id}]})
    await world.change("deletePipeline", {"pipelineId": world["Empty"]})
    await world.change("deletePool", {"poolId": pool_id})
    assert await world.database.pool.fetchval("SELECT count(*) FROM routing_rule") == 0


async def test_leads_stay_with_those_who_were_given_them(world: World) -> None:
    """A pool assigns leads but does not own them."""
    pool_id = await pool(world, "mia")
    await world.change("reassignAll", {"fromMemberId": world["rita"], "toPoolId": pool_id})
    await world.change("deletePool", {"poolId": pool_id})
    assert await world.lead("Bob", "owner { name }") == {"owner": {"name": "mia"}}
    await expect_consistent(world.database)


async def test_a_conflict_shows_the_pool_as_it_is(world: World) -> None:
    """A stale version is reported before the rules that name the pool."""
    pool_id = await pool(world, "rita")
    rules = [{"name": "All", "poolId": pool_id}]
    await world.change("setRoutingRules", {"pipelineId": world["Sales"], "rules": rules})
    await world.change("updatePool", {"poolId": pool_id, "name": "Outbound"})
    given = {"poolId": pool_id, "expectedVersion": 1}
    shown = await world.refused("deletePool", given, "CONFLICT", "expectedVersion", show=SHOW)
    assert (shown["deletedPoolId"], shown["pool"]) == (None, {"name": "Outbound", "version": 2})


async def test_a_manager_deletes_no_pool(world: World) -> None:
    """Pools are rules of the organisation, so they require the role admin."""
    body = await world.attempt("deletePool", {"poolId": await pool(world)}, **MIA)
    assert [error["extensions"]["code"] for error in body["errors"]] == ["FORBIDDEN"]
    assert await world.ask("{ pools { name } }") == {"pools": [{"name": "Inbound"}]}


async def test_a_pool_is_deleted_or_named_by_a_rule_but_not_both(world: World) -> None:
    """Of ten deletions and ten rules at once, the late ones are refused, and none fails."""
    for _ in range(3):
        pool_id = await pool(world, "rita")
        rules = {"pipelineId": world["Sales"], "rules": [{"name": "All", "poolId": pool_id}]}
        bodies = await asyncio.gather(
            *(world.attempt("setRoutingRules", rules) for _ in range(10)),
            *(world.attempt("deletePool", {"poolId": pool_id}) for _ in range(10)),
        )
        codes = {error["code"] for body in bodies for error in body["data"]["result"]["userErrors"]}
        assert codes <= {"NOT_FOUND", "POOL_IN_USE"}
        await world.change("setRoutingRules", {"pipelineId": world["Sales"], "rules": []})
    await expect_consistent(world.database)
