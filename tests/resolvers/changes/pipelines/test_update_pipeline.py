"""updatePipeline: names, descriptions, and which pipeline is the default."""

import asyncio
import json

from tests.support.consistency import expect_consistent
from tests.support.world import World

SHOW = "pipeline { name description isDefault version }"


async def test_changes_what_is_given_and_keeps_the_rest(world: World) -> None:
    """One event holds each field before and after; null empties, and omitted fields stay."""
    await world.change("updatePipeline", {"pipelineId": world["Sales"], "description": "Our main board"})
    head = await world.head()
    given = {"pipelineId": world["Sales"], "name": " New  business ", "description": None}
    made = await world.change("updatePipeline", given, SHOW)
    assert made["pipeline"] == {"name": "New business", "description": None, "isDefault": True, "version": 3}
    (event,) = await world.events(head)
    assert (event["type"], event["mutation"]) == ("pipeline.updated", "update_pipeline")
    assert json.loads(event["data"]) == {
        "changes": {"name": ["Sales", "New business"], "description": ["Our main board", None]}
    }


async def test_what_changes_nothing_leaves_no_trace(world: World) -> None:
    """The same values, or none, leave version and log as they are."""
    head = await world.head()
    same = {"pipelineId": world["Sales"], "name": "Sales", "isDefault": True, "description": None}
    for given in (same, {"pipelineId": world["Sales"]}):
        made = await world.change("updatePipeline", given, SHOW)
        assert made["pipeline"]["version"] == 1
    assert await world.head() == head


async def test_hands_the_default_on(world: World) -> None:
    """The old default has an event of its own."""
    head = await world.head()
    made = await world.change("updatePipeline", {"pipelineId": world["Renewals"], "isDefault": True}, SHOW)
    assert made["pipeline"]["isDefault"] is True
    found = await world.ask("{ pipelines { name isDefault } }")
    assert [pipeline["isDefault"] for pipeline in found["pipelines"]] == [False, True, False]
    assert [(event["type"], event["data"]) for event in await world.events(head)] == [
        ("pipeline.updated", '{"changes": {"isDefault": [true, false]}}'),
        ("pipeline.updated", '{"changes": {"isDefault": [false, true]}}'),
    ]
    await expect_consistent(world.database)


async def test_twenty_handing_on_at_once_leave_one_default(world: World) -> None:
    """Each update is made, one after the other."""
    wanted = [world[name] for name in ("Sales", "Renewals", "Empty", "Renewals")] * 5
    await asyncio.gather(*(world.change("updatePipeline", {"pipelineId": id, "isDefault": True}) for id in wanted))
    await expect_consistent(world.database)


async def test_refusals(world: World) -> None:
    """Each refusal has its code and field, and a conflict returns the pipeline as it is."""
    sales = {"pipelineId": world["Sales"]}
    await world.refused("updatePipeline", {**sales, "isDefault": False}, "INVALID", "isDefault")
    await world.refused("updatePipeline", {**sales, "isDefault": None}, "INVALID", "isDefault")
    await world.refused("updatePipeline", {**sales, "name": None}, "INVALID", "name")
    await world.refused("updatePipeline", {**sales, "name": " "}, "INVALID", "name")
    await world.refused("updatePipeline", {**sales, "name": "x" * 301}, "INVALID", "name")
    await world.refused("updatePipeline", {**sales, "description": "x" * 20_001}, "INVALID", "description")
    stale = {**sales, "name": "Other", "expectedVersion": 7}
    shown = await world.refused("updatePipeline", stale, "CONFLICT", "expectedVersion", show=SHOW)
    assert shown["pipeline"] == {"name": "Sales", "description": None, "isDefault": True, "version": 1}


async def test_one_of_twenty_with_the_same_version_wins(world: World) -> None:
    """One update is made; the others get a conflict with the pipeline as the winner left it."""
    show = "pipeline { name version }"
    bodies = await asyncio.gather(
        *(
            world.attempt(
                "updatePipeline", {"pipelineId": world["Sales"], "name": f"Name {at}", "expectedVersion": 1}, show
            )
            for at in range(20)
        )
    )
    results = [body["data"]["result"] for body in bodies]
    codes = [[error["code"] for error in result["userErrors"]] for result in results]
    assert sorted(codes) == [[]] + [["CONFLICT"]] * 19
    assert len({result["pipeline"]["name"] for result in results}) == 1
    assert {result["pipeline"]["version"] for result in results} == {2}
