"""reorderStages: exactly the current stages, each once; of two at once, one wins."""

import asyncio
import json
from collections.abc import Sequence

import pytest

from models import organisation_id
from models.rules.ids import parse_id
from tests.support.consistency import expect_consistent
from tests.support.world import World

NAMES = ["New", "Talking", "Offer", "Won", "Lost"]
SHOW = "pipeline { version stages { name position version } }"


def order(world: World, names: Sequence[str], **more: object) -> dict:
    """The input that gives the stages of Sales this order."""
    return {"pipelineId": world["Sales"], "stageIds": [world[name] for name in names], **more}


async def test_puts_the_stages_into_this_order(world: World) -> None:
    """Stages that change position count a version, and so does the pipeline; one event records it."""
    head = await world.head()
    made = await world.change("reorderStages", order(world, ["Talking", "New", "Offer", "Lost", "Won"]), SHOW)
    assert made["pipeline"] == {
        "version": 2,
        "stages": [
            {"name": "Talking", "position": 0, "version": 2},
            {"name": "New", "position": 1, "version": 2},
            {"name": "Offer", "position": 2, "version": 1},
            {"name": "Lost", "position": 3, "version": 2},
            {"name": "Won", "position": 4, "version": 2},
        ],
    }
    (event,) = await world.events(head)
    assert (event["type"], event["mutation"]) == ("stages.reordered", "reorder_stages")
    assert json.loads(event["data"])["from"] == [world[name] for name in NAMES]
    await expect_consistent(world.database)


async def test_the_same_order_leaves_no_trace(world: World) -> None:
    """No stage moves, so no event is emitted."""
    head = await world.head()
    made = await world.change("reorderStages", order(world, NAMES), SHOW)
    assert made["pipeline"]["version"] == 1
    assert await world.head() == head


@pytest.mark.parametrize(
    "names",
    [
        [],
        NAMES[:4],
        [*NAMES, "New"],
        ["New", "New", "Offer", "Won", "Lost"],
        [*NAMES[:4], "Due"],
        [*NAMES, "Due"],
        [*NAMES, "Gone"],
    ],
    ids=["none", "one missing", "one twice", "twice for another", "of another pipeline", "one more", "a deleted one"],
)
async def test_anything_else_is_a_conflict(world: World, names: list[str]) -> None:
    """The payload returns the current order."""
    given = {"pipelineId": world["Sales"], "name": "Gone", "position": 0}
    world.ids["Gone"] = (await world.change("addStage", given, "stage { id }"))["stage"]["id"]
    await world.change("deleteStage", {"stageId": world["Gone"]})
    shown = await world.refused("reorderStages", order(world, names), "CONFLICT", "stageIds", show=SHOW)
    assert [stage["name"] for stage in shown["pipeline"]["stages"]] == NAMES


async def test_refuses_another_version(world: World) -> None:
    """Another member has changed the stages since the caller read them."""
    await world.change("reorderStages", order(world, NAMES[::-1], expectedVersion=1))
    shown = await world.refused(
        "reorderStages", order(world, NAMES, expectedVersion=1), "CONFLICT", "expectedVersion", show=SHOW
    )
    assert [stage["name"] for stage in shown["pipeline"]["stages"]] == NAMES[::-1]


async def test_of_two_at_once_one_wins(world: World) -> None:
    """Both wait for the lock on the pipeline; the second then finds another order than it started from."""
    async with world.database.acquire() as holder:
        held = holder.transaction()
        await held.start()
        await holder.execute(
            "SELECT 1 FROM pipeline WHERE org_id = $1 AND id = $2 FOR UPDATE",
            organisation_id("demo"),
            parse_id("pipeline", world["Sales"]),
        )
        wanted = [["Talking", "New", "Offer", "Won", "Lost"], ["Offer", "New", "Talking", "Won", "Lost"]]
        both = [asyncio.create_task(world.attempt("reorderStages", order(world, names), SHOW)) for names in wanted]
        waiting = 0
        while waiting < 2:
            waiting = await world.database.pool.fetchval("SELECT count(*) FROM pg_locks WHERE NOT granted")
        await held.rollback()
    results = [body["data"]["result"] for body in await asyncio.gather(*both)]
    codes = [[error["code"] for error in result["userErrors"]] for result in results]
    assert sorted(codes) == [[], ["CONFLICT"]]
    winner = wanted[codes.index([])]
    for result in results:
        assert [stage["name"] for stage in result["pipeline"]["stages"]] == winner
    assert [stage["name"] for stage in await world.stages("Sales", "name")] == winner
    await expect_consistent(world.database)


async def test_of_twenty_with_the_same_version_one_wins(world: World) -> None:
    """One order is stored, and the other callers are shown it."""
    head = await world.head()
    wanted = [NAMES[at:] + NAMES[:at] for at in range(1, 5)] * 5
    bodies = await asyncio.gather(
        *(world.attempt("reorderStages", order(world, names, expectedVersion=1), SHOW) for names in wanted)
    )
    results = [body["data"]["result"] for body in bodies]
    codes = [[error["code"] for error in result["userErrors"]] for result in results]
    assert sorted(codes) == [[]] + [["CONFLICT"]] * 19
    winner = wanted[codes.index([])]
    for result in results:
        assert [stage["name"] for stage in result["pipeline"]["stages"]] == winner
    assert len(await world.events(head)) == 1
    await expect_consistent(world.database)


async def test_reordering_beside_adding_and_deleting(world: World) -> None:
    """Each change is made or refused as a whole: no position is empty or taken twice, and no stage is lost."""
    changes = []
    for at in range(7):
        changes.append(world.attempt("reorderStages", order(world, NAMES[::-1] if at % 2 else NAMES)))
        changes.append(
            world.attempt("addStage", {"pipelineId": world["Sales"], "name": f"Stage {at}", "position": at % 3})
        )
    changes.append(world.attempt("deleteStage", {"stageId": world["Offer"]}))
    bodies = await asyncio.gather(*changes)
    codes = {error["code"] for body in bodies for error in body["data"]["result"]["userErrors"]}
    assert codes <= {"CONFLICT"}
    await expect_consistent(world.database)
