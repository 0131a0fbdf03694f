"""createPipeline: a board with its columns, and which board is the default."""

import asyncio

import pytest

from tests.support.consistency import expect_consistent
from tests.support.world import World

SHOW = (
    "pipeline { name type description isDefault version"
    " stages { name kind terminal probability position rottenAfterDays version } }"
)


async def test_makes_a_pipeline_with_its_stages(world: World) -> None:
    """All fields are stored as given, texts tidied, stages in order, and one event records it."""
    head = await world.head()
    stages = [
        {"name": "  First   call ", "probability": 5, "rottenAfterDays": 7},
        {"name": "Signed", "kind": "WON", "probability": 100},
        {"name": "Gone", "kind": "LOST"},
    ]
    given = {"name": " Partners ", "type": "LEAD", "description": "Line one\nline two", "stages": stages}
    made = await world.change("createPipeline", given, SHOW)
    assert made["pipeline"] == {
        "name": "Partners",
        "type": "LEAD",
        "description": "Line one\nline two",
        "isDefault": False,
        "version": 1,
        "stages": [
            _stage("First call", "OPEN", 5, 0, 7),
            _stage("Signed", "WON", 100, 1, None),
            _stage("Gone", "LOST", 0, 2, None),
        ],
    }
    events = await world.events(head)
    assert [(event["type"], event["mutation"]) for event in events] == [("pipeline.created", "create_pipeline")]
    assert events[0]["record_id"] == events[0]["pipeline_id"]
    await expect_consistent(world.database)


async def test_what_is_left_out_has_its_default(world: World) -> None:
    """By default a pipeline is for leads, and a stage is OPEN with probability 0 and never rotting."""
    made = await world.change("createPipeline", {"name": "Plain", "stages": [{"name": "Only"}]}, SHOW)
    assert made["pipeline"]["type"] == "LEAD"
    assert made["pipeline"]["description"] is None
    assert made["pipeline"]["stages"] == [_stage("Only", "OPEN", 0, 0, None)]


async def test_the_first_of_a_type_is_the_default(world: World) -> None:
    """The first becomes the default even if the input says otherwise; the second does not."""
    given = {"name": "Deals", "type": "OPPORTUNITY", "isDefault": False, "stages": [{"name": "Only"}]}
    first = await world.change("createPipeline", given, SHOW)
    second = await world.change("createPipeline", {**given, "isDefault": None}, SHOW)
    assert (first["pipeline"]["isDefault"], second["pipeline"]["isDefault"]) == (True, False)
    await expect_consistent(world.database)


async def test_a_new_default_takes_the_place_of_the_old_one(world: World) -> None:
    """The old one is no longer the default, with a new version and an event."""
    head = await world.head()
    given = {"name": "Better", "isDefault": True, "stages": [{"name": "Only"}]}
    await world.change("createPipeline", given)
    found = await world.ask("{ pipelines { name isDefault version } }")
    assert found["pipelines"] == [
        {"name": "Sales", "isDefault": False, "version": 2},
        {"name": "Renewals", "isDefault": False, "version": 1},
        {"name": "Empty", "isDefault": False, "version": 1},
        {"name": "Better", "isDefault": True, "version": 1},
    ]
    events = await world.events(head)
    assert [event["type"] for event in events] == ["pipeline.updated", "pipeline.created"]
    assert events[0]["data"] == '{"changes": {"isDefault": [true, false]}}'
    await expect_consistent(world.database)


@pytest.mark.parametrize("is_default", [None, True])
async def test_twenty_first_ones_at_once_leave_one_default(world: World, is_default: bool | None) -> None:
    """Of several that are the first, or ask to be the default, only one is."""
    given = {"name": "Deals", "type": "OPPORTUNITY", "isDefault": is_default, "stages": [{"name": "Only"}]}
    await asyncio.gather(*(world.change("createPipeline", given) for _ in range(20)))
    found = await world.ask("{ pipelines(type: OPPORTUNITY) { isDefault } }")
    assert sorted(pipeline["isDefault"] for pipeline in found["pipelines"]) == [False] * 19 + [True]
    await expect_consistent(world.database)


@pytest.mark.parametrize(
    ("stages", "code", "path"),
    [
        ([], "LAST_OPEN_STAGE", ["stages"]),
        ([{"name": "Won", "kind": "WON"}, {"name": "Lost", "kind": "LOST"}], "LAST_OPEN_STAGE", ["stages"]),
        ([{"name": "A"}, {"name": "B", "kind": "WON", "probability": 99}], "PROBABILITY_CONTRADICTS_KIND", 1),
        ([{"name": "A"}, {"name": "B", "kind": "LOST", "probability": 1}], "PROBABILITY_CONTRADICTS_KIND", 1),
        ([{"name": "A", "probability": -1}], "INVALID", 0),
        ([{"name": "A", "probability": 101}], "INVALID", 0),
        ([{"name": "A", "rottenAfterDays": 0}], "INVALID", ["stages", "0", "rottenAfterDays"]),
        ([{"name": "A", "rottenAfterDays": 3651}], "INVALID", ["stages", "0", "rottenAfterDays"]),
        ([{"name": "A"}, {"name": " \t\n"}], "INVALID", ["stages", "1", "name"]),
        ([{"name": "x" * 301}], "INVALID", ["stages", "0", "name"]),
        ([{"name": "A"}, {"name": "B\0"}], "INVALID", ["stages", "1", "name"]),
        ([{"name": "A"}] * 101, "INVALID", ["stages"]),
    ],
)
async def test_refuses_stages_that_cannot_be(world: World, stages: list, code: str, path: list | int) -> None:
    """Each refusal has its code, at the field of the stage at fault, and nothing is created."""
    at = path if isinstance(path, list) else ["stages", str(path), "probability"]
    await world.refused("createPipeline", {"name": "Board", "stages": stages}, code, *at)


async def test_a_hundred_stages_fit(world: World) -> None:
    """A pipeline has at most a hundred stages."""
    made = await world.change("createPipeline", {"name": "Long", "stages": [{"name": "A"}] * 100}, SHOW)
    assert len(made["pipeline"]["stages"]) == 100


@pytest.mark.parametrize("type_", ["SALES", 1, None])
async def test_refuses_an_unknown_type(world: World, type_: object) -> None:
    """An unknown type is malformed input: a GraphQL error, not a user error."""
    given = {"name": "Board", "type": type_, "stages": [{"name": "A"}]}
    body = await world.attempt("createPipeline", given)
    assert [error["extensions"]["code"] for error in body["errors"]] == ["BAD_USER_INPUT"]


def _stage(name: str, kind: str, probability: int, position: int, rotten: int | None) -> dict:
    return {
        "name": name,
        "kind": kind,
        "terminal": kind != "OPEN",
        "probability": probability,
        "position": position,
        "rottenAfterDays": rotten,
        "version": 1,
    }
