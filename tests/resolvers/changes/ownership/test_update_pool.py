"""updatePool: name, strategy and members change; the turn and the counts of leads stay with their members."""

from typing import Any

import pytest

from tests.support.consistency import expect_consistent
from tests.support.recipes import pool
from tests.support.world import MIA, World

SHOW = "pool { name strategy version members { position given member { name } } }"


async def route(world: World, pool_id: str, *titles: str) -> list[str]:
    """Route these new leads through the pool; returns who got them."""
    rules = [{"name": "All", "poolId": pool_id}]
    await world.change("setRoutingRules", {"pipelineId": world["Sales"], "rules": rules})
    await world.change("updatePipeline", {"pipelineId": world["Sales"], "routesNewLeads": True})
    show, owners = "lead { owner { name } }", []
    for title in titles:
        made = await world.change("createLead", {"title": title, "stageId": world["New"]}, show)
        owners.append(made["lead"]["owner"]["name"])
    return owners


async def test_changes_a_pool(world: World) -> None:
    """Members are added, removed and reordered; the event holds each field before and after."""
    pool_id = await pool(world, "rita", "mia")
    head = await world.head()
    members = [world["mia"], world["tester"]]
    given = {"poolId": pool_id, "name": " Out  bound", "strategy": "WEIGHTED", "memberIds": members}
    made = await world.change("updatePool", {**given, "expectedVersion": 1}, SHOW)
    assert made["pool"] == {
        "name": "Out bound",
        "strategy": "WEIGHTED",
        "version": 2,
        "members": [
            {"position": 0, "given": 0, "member": {"name": "mia"}},
            {"position": 1, "given": 0, "member": {"name": "tester"}},
        ],
    }
    changes = {
        "name": ["Inbound", "Out bound"],
        "strategy": ["ROUND_ROBIN", "WEIGHTED"],
        "memberIds": [[world["rita"], world["mia"]], members],
    }
    assert await world.recorded(head) == [("pool.updated", "update_pool", {"changes": changes})]


async def test_what_is_left_out_stays(world: World) -> None:
    """Each field can be changed alone, and the event holds nothing else."""
    pool_id = await pool(world, "rita", "mia")
    members = [[world["rita"], world["mia"]], [world["mia"], world["rita"]]]
    for given, changes in (
        ({"name": "Out"}, {"name": ["Inbound", "Out"]}),
        ({"strategy": "FEWEST_OPEN"}, {"strategy": ["ROUND_ROBIN", "FEWEST_OPEN"]}),
        ({"memberIds": members[1]}, {"memberIds": members}),
    ):
        head = await world.head()
        await world.change("updatePool", {"poolId": pool_id, **given})
        assert await world.recorded(head) == [("pool.updated", "update_pool", {"changes": changes})]
    found = await world.ask(f"{{ pools {{ {SHOW.removeprefix('pool { ')} }}")
    assert found["pools"] == [
        {
            "name": "Out",
            "strategy": "FEWEST_OPEN",
            "version": 4,
            "members": [
                {"position": 0, "given": 0, "member": {"name": "mia"}},
                {"position": 1, "given": 0, "member": {"name": "rita"}},
            ],
        }
    ]


async def test_what_changes_nothing_leaves_no_trace(world: World) -> None:
    """The same values, or none, change nothing."""
    pool_id = await pool(world, "rita", "mia")
    head = await world.head()
    same = {"name": " Inbound", "strategy": "ROUND_ROBIN", "memberIds": [world["rita"], world["mia"]]}
    for given in ({}, same):
        made = await world.change("updatePool", {"poolId": pool_id, **given}, SHOW)
        assert made["pool"]["version"] == 1
    assert await world.head() == head


async def test_the_turn_stays_with_its_member(world: World) -> None:
    """The member keeps the turn in any position; when that member is removed, the first has the turn."""
    pool_id = await pool(world, "rita", "mia", "tester")
    assert await route(world, pool_id, "1") == ["rita"]
    order = [world["tester"], world["rita"], world["mia"]]
    made = await world.change("updatePool", {"poolId": pool_id, "memberIds": order}, SHOW)
    assert [(place["member"]["name"], place["given"]) for place in made["pool"]["members"]] == [
        ("tester", 0),
        ("rita", 1),
        ("mia", 0),
    ]
    assert await route(world, pool_id, "2", "3") == ["mia", "tester"]
    await world.change("updatePool", {"poolId": pool_id, "memberIds": [world["mia"], world["tester"]]})
    assert await route(world, pool_id, "4", "5") == ["mia", "tester"]
    await expect_consistent(world.database)


async def test_who_comes_back_begins_anew(world: World) -> None:
    """A member who was removed and added again starts with a count of zero."""
    pool_id = await pool(world, "rita", "mia")
    await route(world, pool_id, "1", "2")
    for names in (("mia",), ("rita", "mia")):
        given = {"poolId": pool_id, "memberIds": [world[name] for name in names]}
        made = await world.change("updatePool", given, SHOW)
    assert [place["given"] for place in made["pool"]["members"]] == [0, 1]


async def test_another_strategy_forgets_what_is_owed(world: World) -> None:
    """A weighted pool that is taken up again starts without credits; the counts of leads stay."""
    pool_id = await pool(world, "rita", "mia", strategy="WEIGHTED")
    await route(world, pool_id, "1")
    assert await world.database.pool.fetchval("SELECT sum(abs(credit)) FROM pool_member") > 0
    made = await world.change("updatePool", {"poolId": pool_id, "strategy": "ROUND_ROBIN"}, SHOW)
    assert sum(place["given"] for place in made["pool"]["members"]) == 1
    assert await world.database.pool.fetchval("SELECT sum(abs(credit)) FROM pool_member") == 0


async def test_a_member_who_left_may_stay_but_not_come(world: World) -> None:
    """A deactivated member may stay in the list, so that other fields can be corrected, but not be added."""
    pool_id = await pool(world, "rita", "mia")
    await world.change("updateMember", {"memberId": world["rita"], "active": False})
    await world.change("updatePool", {"poolId": pool_id, "memberIds": [world["mia"], world["rita"]]})
    ian = {"poolId": pool_id, "memberIds": [world["mia"], world["ian"]]}
    await world.refused("updatePool", ian, "OWNER_INACTIVE", "memberIds", "1")
    await world.change("updatePool", {"poolId": pool_id, "memberIds": [world["mia"]]})
    back = {"poolId": pool_id, "memberIds": [world["mia"], world["rita"]]}
    await world.refused("updatePool", back, "OWNER_INACTIVE", "memberIds", "1")


@pytest.mark.parametrize(
    ("given", "code", "path"),
    [
        ({"name": None}, "INVALID", ["name"]),
        ({"name": " "}, "INVALID", ["name"]),
        ({"name": "x" * 301}, "INVALID", ["name"]),
        ({"strategy": None}, "INVALID", ["strategy"]),
        ({"memberIds": None}, "INVALID", ["memberIds"]),
        ({"memberIds": []}, "INVALID", ["memberIds"]),
        ({"memberIds": ["rita"] * 201}, "INVALID", ["memberIds"]),
        ({"memberIds": ["rita", "rita"]}, "INVALID", ["memberIds", "1"]),
        ({"memberIds": ["rita", "ian"]}, "OWNER_INACTIVE", ["memberIds", "1"]),
        ({"name": "Other", "expectedVersion": 2}, "CONFLICT", ["expectedVersion"]),
        ({"name": "Other", "expectedVersion": -1}, "CONFLICT", ["expectedVersion"]),
    ],
    ids=lambda value: str(value)[:40],
)
async def test_refusals(world: World, given: dict[str, Any], code: str, path: list[str]) -> None:
    """Each refusal has its code and its field, and nothing changes."""
    wanted = {"poolId": await pool(world, "rita"), **given}
    if wanted.get("memberIds"):
        wanted["memberIds"] = [world[name] for name in wanted["memberIds"]]
    await world.refused("updatePool", wanted, code, *path)


async def test_strangers_are_not_found(world: World, strangers: World) -> None:
    """Another organisation's pool is not found, nor are its members, at their place in the list."""
    ours, theirs = await pool(world, "rita"), await pool(strangers, "rita")
    await world.refused("updatePool", {"poolId": theirs, "name": "Ours"}, "NOT_FOUND", "poolId")
    given = {"poolId": ours, "memberIds": [world["rita"], strangers["mia"]]}
    await world.refused("updatePool", given, "NOT_FOUND", "memberIds", "1")


async def test_a_conflict_shows_the_pool_as_it_is(world: World) -> None:
    """The conflict returns the pool, so that the caller can decide again."""
    given = {"poolId": await pool(world, "rita"), "name": "Other", "expectedVersion": 3}
    shown = await world.refused("updatePool", given, "CONFLICT", "expectedVersion", show="pool { name version }")
    assert shown["pool"] == {"name": "Inbound", "version": 1}


async def test_one_of_twenty_with_the_same_version_wins(world: World) -> None:
    """Without a version each list of members is stored as a whole, one after the other."""
    pool_id = await pool(world, "rita", "mia")
    names = [{"poolId": pool_id, "name": f"Pool {nth}", "expectedVersion": 1} for nth in range(20)]
    assert await world.at_once("updatePool", *names) == {"done": 1, "CONFLICT": 19}
    orders = [[world[name] for name in order] for order in (("mia", "tester"), ("tester", "rita", "mia"), ("rita",))]
    inputs = [{"poolId": pool_id, "memberIds": order} for order in orders * 6]
    assert await world.at_once("updatePool", *inputs) == {"done": 18}
    found = await world.ask("{ pools { members { position member { id } } } }")
    members = found["pools"][0]["members"]
    assert [place["member"]["id"] for place in members] in orders
    assert [place["position"] for place in members] == list(range(len(members)))


async def test_a_manager_changes_no_pool(world: World) -> None:
    """Pools are rules of the organisation, so they require the role admin."""
    body = await world.attempt("updatePool", {"poolId": await pool(world), "name": "Mine"}, **MIA)
    assert [error["extensions"]["code"] for error in body["errors"]] == ["FORBIDDEN"]
    assert await world.ask("{ pools { name } }") == {"pools": [{"name": "Inbound"}]}
