"""createPool: members who share incoming leads, in the given order."""

from typing import Any

import pytest

from models import organisation_id
from models.rules.ids import parse_id
from tests.support.consistency import expect_consistent
from tests.support.recipes import pool
from tests.support.world import MIA, World

SHOW = "pool { id name strategy version members { position given member { name } } }"
MANY = """
INSERT INTO pool (org_id, id, name, strategy)
SELECT $1, gen_random_uuid(), 'Pool ' || nth, 'ROUND_ROBIN' FROM generate_series(1, $2::int) AS nth
"""
"""Inserts pools, to bring an organisation near its limit."""


async def test_makes_a_pool(world: World) -> None:
    """The members have the given order, one event records the pool, and its id finds it."""
    head = await world.head()
    given = {"name": " Inbound \n leads ", "memberIds": [world["rita"], world["mia"]]}
    made = (await world.change("createPool", given, SHOW))["pool"]
    assert made == {
        "id": made["id"],
        "name": "Inbound leads",
        "strategy": "ROUND_ROBIN",
        "version": 1,
        "members": [
            {"position": 0, "given": 0, "member": {"name": "rita"}},
            {"position": 1, "given": 0, "member": {"name": "mia"}},
        ],
    }
    found = await world.ask(f'{{ pools {{ name }} node(id: "{made["id"]}") {{ ... on Pool {{ name }} }} }}')
    assert found == {"pools": [{"name": "Inbound leads"}], "node": {"name": "Inbound leads"}}
    created = {"name": "Inbound leads", "strategy": "ROUND_ROBIN", "memberIds": [world["rita"], world["mia"]]}
    assert await world.recorded(head) == [("pool.created", "create_pool", created)]
    assert (await world.events(head))[0]["record_id"] == parse_id("pool", made["id"])


@pytest.mark.parametrize(("strategy", "owner"), [("ROUND_ROBIN", "rita"), ("WEIGHTED", "rita"), ("FEWEST_OPEN", "mia")])
async def test_chooses_as_it_is_asked_to(world: World, strategy: str, owner: str) -> None:
    """The first member has the first turn, unless the strategy picks the one with the fewest open leads."""
    rules = [{"name": "All", "poolId": await pool(world, "rita", "mia", strategy=strategy)}]
    await world.change("setRoutingRules", {"pipelineId": world["Sales"], "rules": rules})
    await world.change("updatePipeline", {"pipelineId": world["Sales"], "routesNewLeads": True})
    made = await world.change("createLead", {"title": "Gil", "stageId": world["New"]}, "lead { owner { name } }")
    assert made["lead"]["owner"] == {"name": owner}
    assert await world.ask("{ pools { strategy } }") == {"pools": [{"strategy": strategy}]}
    await expect_consistent(world.database)


@pytest.mark.parametrize(
    ("given", "code", "path"),
    [
        ({"name": " "}, "INVALID", ["name"]),
        ({"name": "x" * 301}, "INVALID", ["name"]),
        ({"name": "a\0b"}, "INVALID", ["name"]),
        ({"memberIds": []}, "INVALID", ["memberIds"]),
        ({"memberIds": ["rita"] * 201}, "INVALID", ["memberIds"]),
        ({"memberIds": ["rita", "mia", "rita"]}, "INVALID", ["memberIds", "2"]),
        ({"memberIds": ["rita", "ian"]}, "OWNER_INACTIVE", ["memberIds", "1"]),
        ({"memberIds": ["rita", "Ada"]}, "WRONG_ID", ["memberIds", "1"]),
    ],
    ids=lambda value: str(value)[:40].encode("ascii", "backslashreplace").decode(),
)
async def test_refuses_what_is_no_pool(world: World, given: dict[str, Any], code: str, path: list[str]) -> None:
    """Each refusal is at the field, or the list entry, at fault."""
    wanted = {"name": "Other", "memberIds": ["rita"], **given}
    wanted["memberIds"] = [world[name] for name in wanted["memberIds"]]
    shown = await world.refused("createPool", wanted, code, *path, show="pool { id }")
    assert shown["pool"] is None


async def test_members_of_strangers_are_not_found(world: World, strangers: World) -> None:
    """Another organisation's member is not found, at its place in the list."""
    given = {"name": "Inbound", "memberIds": [world["rita"], strangers["mia"]]}
    await world.refused("createPool", given, "NOT_FOUND", "memberIds", "1")


async def test_two_pools_may_have_one_name(world: World) -> None:
    """Two pools of one name have different ids."""
    assert await pool(world) != await pool(world)


async def test_an_organisation_has_at_most_200_pools(world: World, strangers: World) -> None:
    """The next one is refused; other organisations' pools do not count, and a deleted pool makes room."""
    await world.sql(MANY, organisation_id(world.organisation), 199)
    pool_id = await pool(world)
    given = {"name": "Inbound", "memberIds": [world["rita"]]}
    await world.refused("createPool", given, "INVALID")
    await pool(strangers)
    await world.change("deletePool", {"poolId": pool_id})
    await world.change("createPool", given)


async def test_the_last_of_200_pools_is_made_once(world: World) -> None:
    """Of twenty that are created at once with room for one, one succeeds."""
    await world.sql(MANY, organisation_id(world.organisation), 199)
    given = {"name": "Inbound", "memberIds": [world["rita"]]}
    assert await world.at_once("createPool", *[given] * 20) == {"done": 1, "INVALID": 19}
    assert await world.database.pool.fetchval("SELECT count(*) FROM pool") == 200


async def test_a_manager_makes_no_pool(world: World) -> None:
    """Pools are rules of the organisation, so they require the role admin."""
    body = await world.attempt("createPool", {"name": "Inbound", "memberIds": [world["mia"]]}, **MIA)
    assert [error["extensions"]["code"] for error in body["errors"]] == ["FORBIDDEN"]
    assert await world.ask("{ pools { id } }") == {"pools": []}
