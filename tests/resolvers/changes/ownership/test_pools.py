"""createPool, updatePool, deletePool: members who share incoming leads."""

import asyncio
import json

import pytest

from tests.support.consistency import expect_consistent
from tests.support.world import World

SHOW = "pool { id name strategy version members { position given member { name } } }"


async def make(world: World, *members: str, name: str = "Inbound", strategy: str = "ROUND_ROBIN") -> str:
    """A pool of these members; returns its id."""
    given = {"name": name, "strategy": strategy, "memberIds": [world[member] for member in members]}
    made = await world.change("createPool", given, "pool { id }")
    id: str = made["pool"]["id"]
    return id


async def test_makes_a_pool(world: World) -> None:
    """Its members stand in the order given; one event tells of it, and its id leads back to it."""
    head = await world.head()
    given = {"name": " Inbound  leads ", "memberIds": [world["rita"], world["mia"]]}
    pool = (await world.change("createPool", given, SHOW))["pool"]
    assert pool == {
        "id": pool["id"],
        "name": "Inbound leads",
        "strategy": "ROUND_ROBIN",
        "version": 1,
        "members": [
            {"position": 0, "given": 0, "member": {"name": "rita"}},
            {"position": 1, "given": 0, "member": {"name": "mia"}},
        ],
    }
    found = await world.ask(f'{{ pools {{ name }} node(id: "{pool["id"]}") {{ ... on Pool {{ name }} }} }}')
    assert found == {"pools": [{"name": "Inbound leads"}], "node": {"name": "Inbound leads"}}
    assert [event["type"] for event in await world.events(head)] == ["pool.created"]


async def test_changes_a_pool(world: World) -> None:
    """Members come, go and change places; the event tells each field, from what to what; nothing leaves no trace."""
    pool_id = await make(world, "rita", "mia")
    head = await world.head()
    given = {"poolId": pool_id, "strategy": "WEIGHTED", "memberIds": [world["mia"], world["tester"]]}
    pool = (await world.change("updatePool", given, SHOW))["pool"]
    assert [(place["position"], place["member"]["name"]) for place in pool["members"]] == [(0, "mia"), (1, "tester")]
    (event,) = await world.events(head)
    assert event["type"] == "pool.updated"
    assert json.loads(event["data"])["changes"] == {
        "strategy": ["ROUND_ROBIN", "WEIGHTED"],
        "memberIds": [[world["rita"], world["mia"]], [world["mia"], world["tester"]]],
    }
    again = await world.change("updatePool", given, SHOW)
    assert again["pool"]["version"] == 2
    assert len(await world.events(head)) == 1


async def test_a_member_who_left_may_stay_but_not_come(world: World) -> None:
    """A pool is not to be mended before it can be changed."""
    pool_id = await make(world, "rita", "mia")
    await world.change("updateMember", {"memberId": world["rita"], "active": False})
    await world.change("updatePool", {"poolId": pool_id, "memberIds": [world["mia"], world["rita"]]})
    ian = {"poolId": pool_id, "memberIds": [world["mia"], world["ian"]]}
    await world.refused("updatePool", ian, "OWNER_INACTIVE", "memberIds", "1")


async def test_deletes_a_pool_that_no_rule_names(world: World) -> None:
    """One in use is kept, and shown."""
    pool_id = await make(world, "rita")
    rule = {"name": "All", "poolId": pool_id}
    await world.change("setRoutingRules", {"pipelineId": world["Sales"], "rules": [rule]})
    kept = await world.refused("deletePool", {"poolId": pool_id}, "POOL_IN_USE", "poolId", show="pool { name }")
    assert kept["pool"] == {"name": "Inbound"}
    await world.change("setRoutingRules", {"pipelineId": world["Sales"], "rules": []})
    gone = await world.change("deletePool", {"poolId": pool_id}, "deletedPoolId pool { name }")
    assert gone["deletedPoolId"] == pool_id
    assert gone["pool"] is None
    await world.refused("deletePool", {"poolId": pool_id}, "NOT_FOUND", "poolId")
    await expect_consistent(world.database)


@pytest.mark.parametrize(
    ("given", "code", "path"),
    [
        ({"name": " "}, "INVALID", "name"),
        ({"memberIds": []}, "INVALID", "memberIds"),
        ({"memberIds": ["rita", "rita"]}, "INVALID", "memberIds.1"),
        ({"memberIds": ["rita", "ian"]}, "OWNER_INACTIVE", "memberIds.1"),
        ({"memberIds": ["rita"] * 201}, "INVALID", "memberIds"),
    ],
)
async def test_refuses_what_is_no_pool(world: World, given: dict[str, object], code: str, path: str) -> None:
    """Whether it is made or changed."""
    pool_id = await make(world, "rita")
    names = given.get("memberIds", ["rita"])
    assert isinstance(names, list)
    wanted = {"name": "Other", **given, "memberIds": [world[name] for name in names]}
    await world.refused("createPool", wanted, code, *path.split("."))
    await world.refused("updatePool", {"poolId": pool_id, **wanted}, code, *path.split("."))


async def test_a_pool_is_deleted_or_named_by_a_rule_but_not_both(world: World) -> None:
    """Twenty of each at once: whoever comes late is refused, and no failure is left over."""
    for _ in range(3):
        pool_id = await make(world, "rita")
        rules = {"pipelineId": world["Sales"], "rules": [{"name": "All", "poolId": pool_id}]}
        bodies = await asyncio.gather(
            *(world.attempt("setRoutingRules", rules) for _ in range(10)),
            *(world.attempt("deletePool", {"poolId": pool_id}) for _ in range(10)),
        )
        codes = {error["code"] for body in bodies for error in body["data"]["result"]["userErrors"]}
        assert codes <= {"NOT_FOUND", "POOL_IN_USE"}
        await world.change("setRoutingRules", {"pipelineId": world["Sales"], "rules": []})
    await expect_consistent(world.database)
