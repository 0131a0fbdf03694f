"""What holds for every mutation: done once however often it is sent, whole under races, closed to strangers."""

import asyncio
from collections.abc import Iterator, Mapping
from copy import deepcopy
from typing import Any

import pytest
from graphql import (
    GraphQLInputObjectType,
    GraphQLObjectType,
    get_named_type,
    is_list_type,
    is_object_type,
)

from models import Role
from schema.api import graphql_schema
from schema.arguments import DEFINITION
from schema.fields import IDS, ROLE
from tests.changes.consistency import expect_consistent
from tests.changes.recipes import RECIPES
from tests.changes.world import World, tables

assert graphql_schema.mutation_type is not None
MUTATIONS = graphql_schema.mutation_type.fields
Path = tuple[str, ...]

every_recipe = pytest.mark.parametrize("name", RECIPES)

BAD_TEXTS = ("a\0b", "half \ud800", "x" * 1_000_000)
EXTREMES: Mapping[str, tuple[Any, ...]] = {
    "Int": (-(2**31), -1, 0, 2**31 - 1),
    "Decimal": ("-1", "NaN", "1e400", "9" * 40, "0.000000001"),
    "Date": ("0001-01-01", "9999-12-31", "20000-01-01"),
    "DateTime": ("0001-01-01T00:00:00+23:59", "9999-12-31T23:59:59-23:59", "20000-01-01T00:00:00Z"),
    "Boolean": (True, False),
}


def mutation_of(name: str) -> str:
    """`convertLead, making a customer` is a recipe of `convertLead`."""
    return name.partition(",")[0]


def input_of(name: str) -> GraphQLInputObjectType:
    """The input type of a recipe's mutation."""
    type_ = get_named_type(MUTATIONS[mutation_of(name)].args["input"].type)
    assert isinstance(type_, GraphQLInputObjectType)
    return type_


def leaves(type_: GraphQLInputObjectType, depth: int = 2) -> Iterator[tuple[Path, Any]]:
    """The path and the definition of each field of an input that holds no input itself."""
    for key, field in type_.fields.items():
        inner = get_named_type(field.type)
        if not isinstance(inner, GraphQLInputObjectType):
            yield (key,), field
        elif depth:
            yield from (((key, *path), leaf) for path, leaf in leaves(inner, depth - 1))


def given_ids(type_: GraphQLInputObjectType, given: Any) -> Iterator[Path]:
    """Where ids stand in a given input; those of a list at its first place."""
    for path, field in leaves(type_):
        if not field.extensions[DEFINITION].metadata.get(IDS):
            continue
        value: Any = given
        for key in path:
            value = value.get(key) if isinstance(value, dict) else None
        if value is not None:
            yield (*path, "0") if isinstance(value, list) else path


def replaced(given: dict[str, Any], path: Path, value: Any) -> dict[str, Any]:
    """The input with another value at a path."""
    changed = deepcopy(given)
    at: Any = changed
    for key in path[:-1]:
        at = at[0] if isinstance(at, list) else at.setdefault(key, {})
    if isinstance(at, list):
        at[0] = value if path[-1] == "0" else {**at[0], path[-1]: value}
    else:
        at[path[-1]] = value
    return changed


def at(given: Any, path: Path) -> Any:
    """What stands at a path."""
    for key in path:
        given = given[int(key) if isinstance(given, list) else key]
    return given


def shown(name: str) -> str:
    """A selection of everything that a payload tells: ids of records, and what the change itself answers."""

    def selection(type_: GraphQLObjectType) -> str:
        if "id" in type_.fields:
            return "{ id }"
        inner = [key + selected(field) for key, field in type_.fields.items() if key != "userErrors"]
        return "{ __typename " + " ".join(inner) + " }"

    def selected(field: Any) -> str:
        type_ = get_named_type(field.type)
        return " " + selection(type_) if is_object_type(type_) else ""

    payload = get_named_type(MUTATIONS[mutation_of(name)].type)
    return selection(payload)[1:-1]


def codes(body: Mapping[str, Any]) -> set[str]:
    """Every code by which a response refuses, as a whole or for one of several records."""
    if "errors" in body:
        return {error["extensions"]["code"] for error in body["errors"]}
    payload = body["data"]["result"]
    results = [row["code"] for row in payload.get("results") or () if row.get("code")]
    return {error["code"] for error in payload["userErrors"]} | set(results)


def test_every_mutation_has_a_recipe() -> None:
    """What is added to the schema is tested below as well; and every id that an input can hold is given somewhere."""
    assert {mutation_of(name) for name in RECIPES} == set(MUTATIONS)


@every_recipe
async def test_done_once_with_one_key(world: World, name: str) -> None:
    """Sent again, also by 20 at once, a change is not done again and shows the same; the key fits nothing else."""
    mutation, show = mutation_of(name), shown(name)
    given = {**await RECIPES[name](world), "idempotencyKey": "once"}
    bodies = await asyncio.gather(*(world.attempt(mutation, given, show) for _ in range(20)))
    assert codes(bodies[0]) == set()
    assert bodies == [bodies[0]] * 20
    before = await tables(world.database)
    assert await world.attempt(mutation, given, show) == bodies[0]
    other = {"name": "Another", "idempotencyKey": "once"}
    assert codes(await world.attempt("createCustomer", other)) == {"IDEMPOTENCY_KEY_REUSED"}
    assert await tables(world.database) == before
    await expect_consistent(world.database)


@every_recipe
async def test_twenty_at_once_leave_everything_whole(world: World, name: str) -> None:
    """Each is done or refused as a whole; records, history, events and totals agree afterwards."""
    given = await RECIPES[name](world)
    bodies = await asyncio.gather(*(world.attempt(mutation_of(name), given, shown(name)) for _ in range(20)))
    assert [body["errors"] for body in bodies if "errors" in body] == []
    assert set() in [codes(body) for body in bodies]
    await expect_consistent(world.database)


@every_recipe
async def test_every_change_is_told(world: World, name: str) -> None:
    """A change leaves at least one event, which names it and whoever did it; a refused one leaves none."""
    given = await RECIPES[name](world)
    head = await world.head()
    assert codes(await world.attempt(mutation_of(name), given)) == set()
    events = await world.events(head)
    function = MUTATIONS[mutation_of(name)].extensions[DEFINITION].python_name
    assert {(event["mutation"], event["actor_id"] is not None) for event in events} == {(function, True)}


@every_recipe
async def test_nothing_is_done_for_strangers(world: World, strangers: World, name: str) -> None:
    """Another organisation's id is not found, an id of another type is wrong, in whatever field; nothing is changed."""
    mutation, type_ = mutation_of(name), input_of(name)
    given, theirs = await RECIPES[name](world), await RECIPES[name](strangers)
    before = await tables(world.database)
    for path in given_ids(type_, given):
        foreign = await world.attempt(mutation, with_foreign(given, theirs, path), shown(name))
        assert codes(foreign) == {"NOT_FOUND"}, path
        wrong = await world.attempt(mutation, replaced(given, path, at(given, path).replace("_", "s_", 1)), shown(name))
        assert codes(wrong) == {"WRONG_ID"}, path
    assert await tables(world.database) == before


def with_foreign(given: dict[str, Any], theirs: dict[str, Any], path: Path) -> dict[str, Any]:
    """The input with the other organisation's id at a path; of a list, nothing else, so that nothing is done."""
    if path[-1] == "0" and path[0] != "stageIds":
        return replaced(given, path[:-1], at(theirs, path[:-1]))
    return replaced(given, path, at(theirs, path))


@every_recipe
async def test_a_lesser_role_is_refused(world: World, name: str) -> None:
    """Whoever has not the role that the mutation asks for changes nothing."""
    given = await RECIPES[name](world)
    needed: Role = MUTATIONS[mutation_of(name)].extensions[DEFINITION].metadata[ROLE]
    assert needed.includes(Role.REP)
    before = await tables(world.database)
    for role in Role:
        if not role.includes(needed):
            assert codes(await world.attempt(mutation_of(name), given, role=role)) == {"FORBIDDEN"}
    assert await tables(world.database) == before


@every_recipe
async def test_values_that_cannot_be_kept_are_refused(world: World, name: str) -> None:
    """Text that PostgreSQL cannot hold, or that nobody means, is refused; no value at all leads to a failure."""
    mutation, type_ = mutation_of(name), input_of(name)
    given = await RECIPES[name](world)
    before = await tables(world.database)
    for path, field in leaves(type_):
        if get_named_type(field.type).name == "String":
            for text in BAD_TEXTS:
                body = await world.attempt(
                    mutation, replaced(given, path, [text] if is_list_type(field.type) else text)
                )
                assert codes(body) & {"INVALID", "BAD_USER_INPUT"}, (path, text[:10])
    if "expectedVersion" in type_.fields:
        assert codes(await world.attempt(mutation, {**given, "expectedVersion": 77})) == {"CONFLICT"}
    assert await tables(world.database) == before
    for path, field in leaves(type_):
        for value in EXTREMES.get(get_named_type(field.type).name, ()):
            body = await world.attempt(mutation, replaced(given, path, value))
            assert "INTERNAL_SERVER_ERROR" not in codes(body), (path, value)
    await expect_consistent(world.database)
