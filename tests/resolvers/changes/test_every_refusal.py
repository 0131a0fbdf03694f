"""Rules for the refusals of every mutation: all that is wrong with an input is reported at once, each with its path."""

from collections.abc import Iterator, Mapping
from typing import Any

import pytest
from graphql import get_named_type, get_nullable_type, is_list_type

from tests.support.mutations import Path, at, given_ids, input_of, leaves, mutation_of, replaced
from tests.support.recipes import RECIPES, pool
from tests.support.world import World, document, tables

every_recipe = pytest.mark.parametrize("name", RECIPES)

TOO_LONG = "x" * 20_001


def given_texts(name: str, given: Mapping[str, Any]) -> Iterator[Path]:
    """The paths of texts in an input: each of its own, and those of the parts that it has."""
    for path, field in leaves(input_of(name)):
        if get_named_type(field.type).name == "String" and "condition" not in path and path[0] in {*given, path[-1]}:
            listed = is_list_type(get_nullable_type(field.type))
            yield (*path, "0") if listed else path


def in_lists(given: Mapping[str, Any], path: Path) -> list[str]:
    """A path with the index of each list that it leads through."""
    found: list[str] = []
    value: Any = given
    for key in path:
        if isinstance(value, list) and key != "0":
            found.append("0")
            value = value[0]
        found.append(key)
        value = value[0] if isinstance(value, list) else value[key]
    return found


async def refusals(world: World, mutation: str, given: Mapping[str, Any], show: str = "") -> list[tuple[str, Any]]:
    """Code and path of each user error of a mutation that must not change anything."""
    before = await tables(world.database)
    payload = (await world.ask(document(mutation, show), {"input": given}))["result"]
    assert await tables(world.database) == before
    return [(error["code"], error["field"]) for error in payload["userErrors"]]


@every_recipe
async def test_ids_and_texts_are_refused_together(world: World, name: str) -> None:
    """Each id of another type and each text that is too long has its own error, all in one answer."""
    given = await RECIPES[name](world)
    wrong: Any = given
    wanted: list[tuple[str, list[str]]] = []
    for path in given_ids(input_of(name), given):
        wrong = replaced(wrong, path, at(given, path).replace("_", "s_", 1))
        wanted.append(("WRONG_ID", in_lists(wrong, path)))
    for path in given_texts(name, given):
        wrong = replaced(wrong, path[:-1], [TOO_LONG]) if path[-1] == "0" else replaced(wrong, path, TOO_LONG)
        wanted.append(("INVALID", in_lists(wrong, path)))
    found = await refusals(world, mutation_of(name), wrong)
    assert [one for one in wanted if one not in found] == [], found
    assert len({tuple(path) for _, path in found}) == len(found)


async def test_all_that_is_wrong_with_a_new_lead(world: World) -> None:
    """Texts, numbers, days and currencies are checked together with ids, in the order of the fields."""
    given = {
        "title": "",
        "value": "-12.5",
        "currency": "EURO",
        "probability": 120,
        "expectedCloseDate": "1812-01-01",
        "ownerId": world["Acme"],
    }
    assert sorted(await refusals(world, "createLead", given)) == [
        ("INVALID", ["currency"]),
        ("INVALID", ["expectedCloseDate"]),
        ("INVALID", ["probability"]),
        ("INVALID", ["title"]),
        ("INVALID", ["value"]),
        ("WRONG_ID", ["ownerId"]),
    ]
    assert await refusals(world, "createLead", {"title": "", "value": "12.505", "currency": "EUR"}) == [
        ("INVALID", ["title"]),
        ("INVALID", ["value"]),
    ]


async def test_all_records_that_a_lead_names_are_checked(world: World, strangers: World) -> None:
    """A stage, a contact, a customer and an owner that do not exist are reported in one answer."""
    given = {
        "title": "Gil",
        "stageId": strangers["New"],
        "contactId": strangers["contact of mia"],
        "customerId": strangers["Acme"],
        "ownerId": strangers["mia"],
    }
    assert await refusals(world, "createLead", given) == [
        ("NOT_FOUND", [name]) for name in ("stageId", "contactId", "customerId", "ownerId")
    ]


async def test_all_stages_of_a_pipeline_are_checked(world: World) -> None:
    """Each entry of a list has its own errors, with its index in their paths."""
    stages = [{"name": "", "probability": 101}, {"name": "Yes", "kind": "WON", "probability": 50}, {"name": " "}]
    assert await refusals(world, "createPipeline", {"name": "", "stages": stages}) == [
        ("INVALID", ["name"]),
        ("INVALID", ["stages", "0", "name"]),
        ("INVALID", ["stages", "0", "probability"]),
        ("PROBABILITY_CONTRADICTS_KIND", ["stages", "1", "probability"]),
        ("INVALID", ["stages", "2", "name"]),
    ]


async def test_all_rules_and_members_are_checked(world: World, strangers: World) -> None:
    """Records that rules and pools name are reported for each entry, not for the first."""
    rules = [
        {"name": "Stage", "stageId": strangers["New"], "poolId": await pool(world)},
        {"name": "Member", "memberId": strangers["mia"]},
        {"name": "Pool", "poolId": await pool(strangers)},
    ]
    assert await refusals(world, "setRoutingRules", {"pipelineId": world["Sales"], "rules": rules}) == [
        ("NOT_FOUND", ["rules", "0", "stageId"]),
        ("NOT_FOUND", ["rules", "2", "poolId"]),
        ("NOT_FOUND", ["rules", "1", "memberId"]),
    ]
    members = [strangers["mia"], world["mia"], world["mia"], strangers["rita"]]
    assert await refusals(world, "createPool", {"name": "Inbound", "memberIds": members}) == [
        ("NOT_FOUND", ["memberIds", "0"]),
        ("INVALID", ["memberIds", "2"]),
        ("NOT_FOUND", ["memberIds", "3"]),
    ]
