"""Pools that choose the member with the fewest open leads: among equals, the one who has waited longest."""

from collections import Counter

from tests.support.consistency import expect_consistent
from tests.support.recipes import pool
from tests.support.world import World


async def share(world: World, *members: str) -> str:
    """Let a pool of these members take the new leads of Sales; returns the pool."""
    await world.change("updatePipeline", {"pipelineId": world["Sales"], "routesNewLeads": True})
    made = await pool(world, *members, strategy="FEWEST_OPEN")
    given = {"pipelineId": world["Sales"], "rules": [{"name": "All", "poolId": made}]}
    await world.change("setRoutingRules", given)
    await world.change("assignLead", {"leadId": world["Bob"], "memberId": None})
    return made


async def come_and_go(world: World, title: str) -> str:
    """The owner of a new lead that is won before the next one comes."""
    made = await world.change("createLead", {"title": title, "stageId": world["New"]}, "lead { id owner { name } }")
    await world.change("moveLead", {"leadId": made["lead"]["id"], "stageId": world["Won"]})
    name: str = made["lead"]["owner"]["name"]
    return name


async def test_members_who_close_each_lead_take_turns(world: World) -> None:
    """Twelve leads that are closed one by one go round, also when a member left the pool and another came."""
    made = await share(world, "rita", "mia", "tester")
    assert [await come_and_go(world, f"Lead {at}") for at in range(12)] == ["rita", "mia", "tester"] * 4
    await world.change("updatePool", {"poolId": made, "memberIds": [world["tester"], world["mia"]]})
    assert [await come_and_go(world, f"More {at}") for at in range(3)] == ["mia", "tester", "mia"]
    named = [world[name] for name in ("rita", "tester", "mia")]
    await world.change("updatePool", {"poolId": made, "memberIds": named})
    assert [await come_and_go(world, f"Last {at}") for at in range(4)] == ["rita", "tester", "mia", "rita"]
    await expect_consistent(world.database)


async def test_fewest_open_leads_come_before_waiting(world: World) -> None:
    """Who has an open lead gets the next one only when the others have as many."""
    await share(world, "rita", "mia")
    await world.change("createLead", {"title": "Kept", "stageId": world["New"]})
    assert [await come_and_go(world, f"Lead {at}") for at in range(3)] == ["mia", "mia", "mia"]


async def test_leads_that_come_at_once_are_numbered_one_by_one(world: World) -> None:
    """However many come at once, no two of a pool's leads have one number, and each member gets as many."""
    await share(world, "rita", "mia", "tester")
    for round in range(1, 4):
        inputs = [{"title": f"Lead {round}.{at}", "stageId": world["New"]} for at in range(12)]
        assert await world.at_once("createLead", *inputs) == Counter(done=12)
        found = await world.database.pool.fetch("SELECT given, latest FROM pool_member ORDER BY latest")
        assert [row["given"] for row in found] == [4 * round] * 3
        assert [row["latest"] for row in found] == [12 * round - 2, 12 * round - 1, 12 * round]
    await expect_consistent(world.database)
