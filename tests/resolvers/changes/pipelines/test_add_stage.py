"""addStage: a new column at its position."""

import asyncio

import pytest

from tests.support.consistency import expect_consistent
from tests.support.world import World

SHOW = "stage { name kind probability position rottenAfterDays } pipeline { version stages { name position version } }"


async def test_adds_a_stage_at_a_position(world: World) -> None:
    """The stages from there on shift and count a version; those before stay as they are."""
    head = await world.head()
    given = {"pipelineId": world["Sales"], "name": " Demo ", "probability": 45, "rottenAfterDays": 9, "position": 2}
    made = await world.change("addStage", given, SHOW)
    assert made["stage"] == {"name": "Demo", "kind": "OPEN", "probability": 45, "position": 2, "rottenAfterDays": 9}
    assert made["pipeline"] == {
        "version": 2,
        "stages": [
            {"name": "New", "position": 0, "version": 1},
            {"name": "Talking", "position": 1, "version": 1},
            {"name": "Demo", "position": 2, "version": 1},
            {"name": "Offer", "position": 3, "version": 2},
            {"name": "Won", "position": 4, "version": 2},
            {"name": "Lost", "position": 5, "version": 2},
        ],
    }
    (event,) = await world.events(head)
    assert (event["type"], event["mutation"]) == ("stage.added", "add_stage")
    assert event["record_id"] == event["stage_id"]
    await expect_consistent(world.database)


@pytest.mark.parametrize(
    ("kind", "order"),
    [
        ("OPEN", ["New", "Talking", "Offer", "Added", "Won", "Lost"]),
        ("WON", ["New", "Talking", "Offer", "Won", "Lost", "Added"]),
    ],
)
async def test_without_a_position_it_goes_where_it_belongs(world: World, kind: str, order: list[str]) -> None:
    """An open stage follows the last open one; a closing stage goes to the end."""
    made = await world.change("addStage", {"pipelineId": world["Sales"], "name": "Added", "kind": kind}, SHOW)
    assert [stage["name"] for stage in made["pipeline"]["stages"]] == order


@pytest.mark.parametrize("position", [0, 5])
async def test_the_ends_are_positions(world: World, position: int) -> None:
    """Positions from 0 up to the number of stages are accepted."""
    made = await world.change("addStage", {"pipelineId": world["Sales"], "name": "A", "position": position}, SHOW)
    assert made["pipeline"]["stages"][position]["name"] == "A"


async def test_refusals(world: World) -> None:
    """Each refusal has its code and field."""
    sales = {"pipelineId": world["Sales"], "name": "Demo"}
    for more, code, path in (
        ({"position": -1}, "INVALID", "position"),
        ({"position": 6}, "INVALID", "position"),
        ({"position": 2**31 - 1}, "INVALID", "position"),
        ({"name": ""}, "INVALID", "name"),
        ({"probability": 101}, "INVALID", "probability"),
        ({"rottenAfterDays": -1}, "INVALID", "rottenAfterDays"),
        ({"kind": "WON", "probability": 50}, "PROBABILITY_CONTRADICTS_KIND", "probability"),
        ({"kind": "LOST", "probability": 50}, "PROBABILITY_CONTRADICTS_KIND", "probability"),
    ):
        await world.refused("addStage", {**sales, **more}, code, path)
    stale = {**sales, "expectedVersion": 2}
    shown = await world.refused("addStage", stale, "CONFLICT", "expectedVersion", show="pipeline { version }")
    assert shown["pipeline"] == {"version": 1}


async def test_a_full_pipeline_takes_no_more(world: World) -> None:
    """A pipeline has at most a hundred stages."""
    given = {"name": "Long", "stages": [{"name": "A"}] * 100}
    made = await world.change("createPipeline", given, "pipeline { id }")
    await world.refused("addStage", {"pipelineId": made["pipeline"]["id"], "name": "B"}, "INVALID", "pipelineId")


async def test_twenty_at_once_each_get_a_place(world: World) -> None:
    """All are added at position 1, and all positions follow each other."""
    await asyncio.gather(
        *(
            world.change("addStage", {"pipelineId": world["Sales"], "name": f"Stage {at}", "position": 1})
            for at in range(20)
        )
    )
    assert len(await world.stages("Sales", "name")) == 25
    await expect_consistent(world.database)
