"""Conditions: what they match, in SQL and in plain Python; how they are stored; and which are refused."""

import json
from random import Random
from typing import Any

import pytest
from graphql import coerce_input_value
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from engine.caller import Caller
from engine.errors import RequestError
from engine.read.rows import rows
from models import Role
from models.database import Database, Statement
from models.tables.lead import Lead
from resolvers.conditions.fields import FIELDS
from resolvers.conditions.operators import OPERATORS, Kind
from resolvers.conditions.parsing import WrongCondition, parse, settled
from resolvers.conditions.sql import CHECKS, compiled
from resolvers.conditions.stored import stored
from resolvers.conditions.tree import Condition, as_data
from schema.api import graphql_schema
from tests.support.api import Api
from tests.support.reading.conditions import Draw, meets
from tests.support.reading.dataset import DEMO, ORGANISATIONS, fill, load
from tests.support.reading.records import World
from tests.support.reading.reference import reference_schema
from tests.support.reading.rules import chance

MATCHING = "query ($c: Condition!) { matchingLeads(condition: $c, first: 100) { nodes { id } } }"

PUBLISHED: Any = reference_schema().type_map["Condition"]

SCOPE = Caller(DEMO, "tester", Role.VIEWER)


def kept(data: Any) -> Condition:
    """A condition as it would be stored, and read back."""
    return settled(parse(json.loads(json.dumps(as_data(settled(parse(data)))))))


@pytest.fixture
async def world(database: Database) -> World:
    """One of two organisations full of records that are hard to read."""
    await fill(database, *ORGANISATIONS)
    return World(await load(database), SCOPE)


async def by_store(database: Database, data: Any) -> set[str]:
    """The leads that match a stored condition."""
    values: dict[str, Any] = {}

    def register(get: Any, _use: object = None) -> str:
        values[f"c{len(values)}"] = get({})
        return f"c{len(values) - 1}"

    found = rows(Lead)
    statement = Statement(found.where(compiled(stored(data, register), found.entity)).select(found.entity.id))
    async with database.acquire() as connection:
        return {f"lead_{row['id']}" for row in await statement.all(connection, org_id=SCOPE.org_id, **values)}


@settings(max_examples=150, deadline=None, database=None, derandomize=True, suppress_health_check=list(HealthCheck))
@given(seed=st.integers(0, 2**32))
async def test_sql_and_python_agree(database: Database, world: World, api: Api, seed: int) -> None:
    """For any tree and any lead, the preview, the stored condition and plain Python match the same leads."""
    condition = Draw(Random(seed), world.tables).condition()
    typed = coerce_input_value(condition, PUBLISHED)
    expected = {lead["id"] for lead in world.all("lead") if meets(world, lead, typed, chance)}
    body = await api(MATCHING, {"c": condition})
    assert {node["id"] for node in body["data"]["matchingLeads"]["nodes"]} == expected, condition
    data = as_data(settled(parse(condition)))
    assert await by_store(database, data) == expected, condition
    assert as_data(kept(condition)) == data


def test_the_catalogue_is_what_is_published() -> None:
    """Each field has an input of its kind, with exactly its operators, and SQL for each of them."""
    published: Any = graphql_schema.type_map["Condition"]
    assert published.is_one_of
    assert set(published.fields) == {*FIELDS, "and", "or", "not"}
    assert set(CHECKS) == set(OPERATORS) == set(Kind)
    for name, field in FIELDS.items():
        type_ = published.fields[name].type
        assert type_.is_one_of
        assert set(type_.fields) == set(OPERATORS[field.kind]) == set(CHECKS[field.kind]), name


def nested(levels: int) -> Any:
    """A condition of so many levels."""
    return {"score": {"isSet": True}} if levels == 1 else {"not": nested(levels - 1)}


def wide(parts: int) -> Any:
    """A condition of so many parts."""
    return {"and": [{"score": {"isSet": True}}] * (parts - 1)}


async def test_depth_and_size_are_bounded(api: Api, world: World) -> None:
    """10 levels and 100 parts are accepted; one more of either is refused, with its path."""
    for right in (nested(10), wide(100)):
        body = await api(MATCHING, {"c": right})
        assert len(body["data"]["matchingLeads"]["nodes"]) > 0
    for wrong, path in ((nested(11), ["not"] * 10), (wide(101), ["and", "99"])):
        with pytest.raises(RequestError, match=rf"^{'.'.join(['condition', *path])}: This condition has more than"):
            await api(MATCHING, {"c": wrong})
        with pytest.raises(WrongCondition) as refused:
            parse(wrong)
        assert list(refused.value.path) == path


async def test_a_bottomless_tree_is_refused(api: Api, world: World) -> None:
    """Thousands of levels, in variables or in the document, are refused as any other that is too deep."""
    text = '{"c":' + '{"not":' * 400 + '{"score":{"isSet":true}}' + "}" * 400 + "}"
    with pytest.raises(RequestError, match="too deeply"):
        await api(MATCHING, json.loads(text))
    for levels in (50, 2000):
        inner = "{ not: " * levels + "{ score: { isSet: true } }" + " }" * levels
        with pytest.raises(RequestError):
            await api(f"{{ matchingLeads(condition: {inner}) {{ totalCount }} }}")


@pytest.mark.parametrize(
    ("condition", "path", "words"),
    [
        ({"and": []}, "and", "A group needs at least one condition"),
        ({"or": [{"score": {"equals": 1}}, {"not": {"title": {"contains": ""}}}]}, "or.1.not.title.contains", "1 to"),
        ({"title": {"equals": "x" * 201}}, "title.equals", "1 to 200"),
        ({"title": {"in": []}}, "title.in", "List 1 to 100"),
        ({"title": {"in": ["x"] * 101}}, "title.in", "List 1 to 100"),
        ({"and": [{"kind": {"in": []}}]}, "and.0.kind.in", "List 1 to 100"),
        ({"stageKind": {"in": ["WON"] * 101}}, "stageKind.in", "100 values, not 101"),
        ({"kind": {"in": []}}, "kind.in", "List 1 to 100"),
        ({"not": {"stageKind": {"in": ["WON"] * 101}}}, "not.stageKind.in", "100 values, not 101"),
        ({"ownerId": {"is": "lead_018bcfe5-6800-7000-8000-000000000000"}}, "ownerId.is", "is the id of a Lead"),
        ({"value": {"atLeast": {"amount": "1", "currency": "EURO"}}}, "value.atLeast.currency", "is not a currency"),
        ({"value": {"between": {"min": "1", "max": "2", "currency": "eur"}}}, "value.between.currency", "is not a"),
        ({"expectedCloseDate": {"withinLastDays": -1}}, "expectedCloseDate.withinLastDays", "0 to 3650"),
    ],
)  # fmt: skip
async def test_what_cannot_be_tested_is_refused(api: Api, world: World, condition: Any, path: str, words: str) -> None:
    """Each refusal has its path into the tree, whether the condition is previewed or stored."""
    with pytest.raises(RequestError, match=f"^condition.{path}: .*{words}"):
        await api(MATCHING, {"c": condition})
    with pytest.raises(WrongCondition, match=words) as refused:
        kept(condition)
    assert ".".join(refused.value.path).startswith(path)


@pytest.mark.parametrize(
    ("condition", "path"),
    [
        ({"value": {"atLeast": {"amount": "1", "currency": "XXX"}}}, "value.atLeast.currency"),
        ({"value": {"atLeast": {"amount": "1.234", "currency": "EUR"}}}, "value.atLeast.amount"),
        ({"value": {"between": {"min": "2", "max": "1", "currency": "EUR"}}}, "value.between.min"),
        ({"score": {"between": {"min": 2, "max": 1}}}, "score.between.min"),
        ({"createdAt": {"within": {}}}, "createdAt.within"),
        ({"createdAt": {"within": {"from": "2026-02-02T00:00:00Z", "to": "2026-02-01T00:00:00Z"}}},
         "createdAt.within.from"),
        ({"kind": {"is": "OTHER"}}, "kind.is"),
        ({"nonsense": {"is": 1}}, "nonsense"),
        ({"score": {"contains": 1}}, "score.contains"),
        ({"score": {"equals": 1, "isSet": True}}, "score"),
    ],
)  # fmt: skip
def test_what_makes_no_sense_is_not_kept(condition: Any, path: str) -> None:
    """Amounts finer than their currency, empty ranges and values outside the catalogue are refused."""
    with pytest.raises(WrongCondition) as refused:
        kept(condition)
    assert ".".join(refused.value.path) == path


WRONG: dict[str, Any] = {
    "or": [
        {"score": {"isSet": True}},
        {"not": {"title": {"in": ["", "right", "x" * 201]}}},
        {"and": [{"value": {"atLeast": {"amount": "1", "currency": "EURO"}}}, {"createdAt": {"withinLastDays": -1}}]},
        {"ownerId": {"is": "lead_018bcfe5-6800-7000-8000-000000000000"}},
    ]
}
"""A condition with five faults in its values."""

PLACES = ["or.1.not.title.in.0", "or.1.not.title.in.2", "or.2.and.0.value.atLeast.currency"]
PLACES += ["or.2.and.1.createdAt.withinLastDays", "or.3.ownerId.is"]


async def test_all_faults_are_found_at_once(api: Api, world: World) -> None:
    """Each with its path, when a condition is previewed."""
    with pytest.raises(RequestError) as previewed:
        await api(MATCHING, {"c": WRONG})
    # A list is one value of the statement, so the first fault of each is reported.
    places = [f"condition.{place}".removesuffix(".0") for place in PLACES if place != PLACES[1]]
    assert [error.message.partition(":")[0] for error in previewed.value.errors] == places
    with pytest.raises(RequestError) as previewed:
        await api(MATCHING, {"c": {"and": [{"and": []}, {"not": {"or": []}}, {"kind": {"in": []}}]}})
    assert [error.extensions["path"] for error in previewed.value.errors if error.extensions] == [
        ["condition", "and", 0, "and"],
        ["condition", "and", 1, "not", "or"],
        ["condition", "and", 2, "kind", "in"],
    ]


async def test_exactly_one_key_stands_in_each_place(api: Api, world: World) -> None:
    """None and two are refused by the type itself, in variables and in the document."""
    for wrong in ({}, {"score": {"isSet": True}, "value": {"isSet": True}}, {"score": {}}, {"score": None}):
        with pytest.raises(RequestError):
            await api(MATCHING, {"c": wrong})
    for text in ("{}", "{ score: { isSet: true }, value: { isSet: true } }", "{ score: null }"):
        with pytest.raises(RequestError):
            await api(f"{{ matchingLeads(condition: {text}) {{ totalCount }} }}")


async def test_values_are_never_part_of_the_statement(database: Database, world: World) -> None:
    """Text that looks like SQL is compared as text."""
    for text in ("' OR true --", "$1", "%", "\\", "'); DROP TABLE lead; --"):
        assert await by_store(database, {"title": {"equals": text}}) <= await by_store(
            database, {"title": {"contains": text}}
        )
    assert await by_store(database, {"title": {"contains": "%"}}) == await by_store(
        database, {"or": [{"title": {"equals": title}} for title in ("100% sure", "a%b_c\\d")]}
    )
