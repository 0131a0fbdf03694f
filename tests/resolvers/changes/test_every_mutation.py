"""Rules for every mutation: done once however often it is sent, consistent under races, closed to strangers."""

import asyncio
from collections.abc import Mapping
from typing import Any

import pytest
from graphql import (
    get_named_type,
    is_list_type,
)

from engine.publish.fields import IDS
from engine.read.arguments import DEFINITION
from models import Role
from models.database import Database
from tests.support.consistency import expect_consistent, writers
from tests.support.mutations import (
    MUTATIONS,
    PERSONAL,
    SHOWN_ONCE,
    Path,
    at,
    codes,
    given_ids,
    input_of,
    leaves,
    mutation_of,
    replaced,
    shown,
)
from tests.support.recipes import RECIPES
from tests.support.world import Api, World, build, tables

every_recipe = pytest.mark.parametrize("name", RECIPES)

NEEDED: Mapping[str, Role] = {
    **dict.fromkeys(MUTATIONS, Role.REP),
    **dict.fromkeys(("deleteLead", "reassignAll", "routeUnassigned", "scoreLeads"), Role.MANAGER),
    **dict.fromkeys(("mergeContacts", "mergeCustomers", "mergeLeads"), Role.MANAGER),
    **dict.fromkeys(("createPipeline", "updatePipeline", "deletePipeline", "addStage", "updateStage"), Role.ADMIN),
    **dict.fromkeys(
        ("deleteStage", "reorderStages", "updateMember", "setRoutingRules", "setLostReasons", "retryRun"), Role.ADMIN
    ),
    **dict.fromkeys(("createPool", "updatePool", "deletePool"), Role.ADMIN),
    "setQuotas": Role.MANAGER,
    **dict.fromkeys(("updateOrganisation", "setExchangeRates", "importExchangeRates"), Role.ADMIN),
    "setScoringRules": Role.ADMIN,
    **dict.fromkeys(PERSONAL, Role.VIEWER),
    **{name: Role.ADMIN for name in MUTATIONS if "Webhook" in name or "Delivery" in name},
}
"""The lowest role that may run each mutation: a rep works on leads, tasks, contacts and customers; a manager also
routes, merges, reassigns and deletes leads; an admin also changes pipelines, rules and members."""

GIVING = frozenset(
    "createLead updateLead assignLead assignLeads scheduleFollowUp createTask updateTask completeTask cancelRun"
    " submitForecast".split()
)
"""Mutations that the role may run, but not with the input of their recipe, which assigns a lead or a task to somebody
else, cancels what somebody else started, or speaks for somebody else."""

BAD_TEXTS = ("a\0b", "half \ud800", "x" * 1_000_000)
EXTREMES: Mapping[str, tuple[Any, ...]] = {
    "Int": (-(2**31), -1, 0, 2**31 - 1),
    "Decimal": ("-1", "NaN", "1e400", "9" * 40, "0.000000001"),
    "Date": ("0001-01-01", "9999-12-31", "20000-01-01"),
    "DateTime": ("0001-01-01T00:00:00+23:59", "9999-12-31T23:59:59-23:59", "20000-01-01T00:00:00Z"),
    "Boolean": (True, False),
}


def test_every_mutation_has_a_recipe() -> None:
    """A mutation added to the schema is covered by the tests below."""
    assert {mutation_of(name) for name in RECIPES} == set(MUTATIONS)


async def test_every_id_is_given_somewhere(api: Api, database: Database) -> None:
    """Each input field that takes an id has a recipe, so that a stranger's id is tried there."""
    taken = {
        (mutation, *path)
        for mutation in MUTATIONS
        for path, field in leaves(input_of(mutation))
        if field.extensions[DEFINITION].metadata.get(IDS)
    }
    given = set()
    for name, recipe in RECIPES.items():
        for path in given_ids(input_of(name), await recipe(await build(api, database, name))):
            given.add((mutation_of(name), *(part for part in path if part != "0")))
    assert taken - given == set()


@every_recipe
async def test_done_once_with_one_key(world: World, name: str) -> None:
    """A repeated change, also 20 at once, is not made again and returns the same; the key fits no other change."""
    mutation, show = mutation_of(name), shown(name)
    given = {**await RECIPES[name](world), "idempotencyKey": "once"}
    bodies = await asyncio.gather(*(world.attempt(mutation, given, show) for _ in range(20)))
    assert codes(bodies[0]) == set()
    if secret := SHOWN_ONCE.get(mutation):
        assert sum(body["data"]["result"].pop(secret) is not None for body in bodies) == 1
        bodies[0]["data"]["result"][secret] = None
        bodies[1:] = [{**body, "data": bodies[0]["data"]} for body in bodies[1:]]
    assert bodies == [bodies[0]] * 20
    before = await tables(world.database)
    assert await world.attempt(mutation, given, show) == bodies[0]
    other = {"name": "Another", "idempotencyKey": "once"}
    assert codes(await world.attempt("createCustomer", other)) == {"IDEMPOTENCY_KEY_REUSED"}
    assert await tables(world.database) == before
    await expect_consistent(world.database)


@every_recipe
async def test_twenty_at_once_leave_everything_whole(world: World, name: str) -> None:
    """Each change is made or refused as a whole; records, history, events and totals agree afterwards."""
    given = await RECIPES[name](world)
    bodies = await asyncio.gather(*(world.attempt(mutation_of(name), given, shown(name)) for _ in range(20)))
    assert [body["errors"] for body in bodies if "errors" in body] == []
    assert set() in [codes(body) for body in bodies]
    await expect_consistent(world.database)


@every_recipe
async def test_every_change_has_its_event(world: World, name: str) -> None:
    """A change emits at least one event, with its mutation and its actor; a refused or a personal one emits none."""
    given = await RECIPES[name](world)
    head = await world.head()
    assert codes(await world.attempt(mutation_of(name), given)) == set()
    events = await world.events(head)
    function = MUTATIONS[mutation_of(name)].extensions[DEFINITION].python_name
    expected = set() if mutation_of(name) in PERSONAL else {(function, True)}
    assert {(event["mutation"], event["actor_id"] is not None) for event in events} == expected


@every_recipe
async def test_a_change_is_one_transaction(world: World, name: str) -> None:
    """Records, history, totals, events and the stored outcome are written together, or not at all."""
    given = {**await RECIPES[name](world), "idempotencyKey": "once"}
    before = await writers(world.database, world.organisation)
    await world.change(mutation_of(name), given)
    after = await writers(world.database, world.organisation)
    wrote = [after[key] for key in after.keys() - before.keys()]
    assert len(wrote) == 1, wrote
    assert ({"outcome"} if mutation_of(name) in PERSONAL else {"event", "event_log", "outcome"}) <= wrote[0]


@every_recipe
async def test_nothing_is_done_for_strangers(world: World, strangers: World, name: str) -> None:
    """Another organisation's id is not found and an id of another type is refused, in each field; nothing changes."""
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
    """The input with the other organisation's id at a path; a list has no other entry, so that nothing is done."""
    if path[-1] == "0" and path[0] != "stageIds":
        return replaced(given, path[:-1], at(theirs, path[:-1]))
    return replaced(given, path, at(theirs, path))


@every_recipe
async def test_a_role_may_do_what_is_its_own(world: World, name: str) -> None:
    """A lower role than the mutation requires changes nothing; the required role runs it."""
    mutation, given = mutation_of(name), await RECIPES[name](world)
    before = await tables(world.database)
    for role in Role:
        if not role.includes(NEEDED[mutation]):
            body = await world.attempt(mutation, given, role=role)
            assert [error["extensions"]["code"] for error in body["errors"]] == ["FORBIDDEN"]
    assert await tables(world.database) == before
    body = await world.attempt(mutation, given, shown(name), role=NEEDED[mutation])
    assert codes(body) == ({"FORBIDDEN"} if mutation in GIVING else set())


@every_recipe
async def test_values_that_cannot_be_kept_are_refused(world: World, name: str) -> None:
    """Text that PostgreSQL cannot store, or that nobody means, is refused; no value leads to an internal error."""
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
