"""deletePipeline: only an empty one is deleted, and stays as a tombstone."""

import asyncio

from tests.support.consistency import expect_consistent
from tests.support.world import World

SHOW = "deletedPipelineId pipeline { name version }"


async def test_deletes_an_empty_pipeline(world: World) -> None:
    """A deleted pipeline is no longer found, listed or entered, and one event records it."""
    head = await world.head()
    made = await world.change("deletePipeline", {"pipelineId": world["Empty"]}, SHOW)
    assert made == {"deletedPipelineId": world["Empty"], "pipeline": None, "userErrors": []}
    found = await world.ask("query($id: ID!) { pipeline(id: $id) { id } pipelines { name } }", {"id": world["Empty"]})
    assert found == {"pipeline": None, "pipelines": [{"name": "Sales"}, {"name": "Renewals"}]}
    was = {"name": "Empty", "description": None, "isDefault": False, "routesNewLeads": False, "stages": ["Open"]}
    assert await world.recorded(head) == [("pipeline.deleted", "delete_pipeline", was)]
    for mutation, given, path in (
        ("createLead", {"title": "A", "pipelineId": world["Empty"]}, "pipelineId"),
        ("createLead", {"title": "A", "stageId": world["Open"]}, "stageId"),
        ("moveLead", {"leadId": world["Ada"], "stageId": world["Open"]}, "stageId"),
        ("deletePipeline", {"pipelineId": world["Empty"]}, "pipelineId"),
        ("updatePipeline", {"pipelineId": world["Empty"], "name": "A"}, "pipelineId"),
        ("addStage", {"pipelineId": world["Empty"], "name": "A"}, "pipelineId"),
        ("updateStage", {"stageId": world["Open"], "name": "A"}, "stageId"),
        ("reorderStages", {"pipelineId": world["Empty"], "stageIds": [world["Open"]]}, "pipelineId"),
    ):
        await world.refused(mutation, given, "NOT_FOUND", path)
    await expect_consistent(world.database)


async def test_the_oldest_of_the_type_inherits_the_default(world: World) -> None:
    """There is a default as long as there is a pipeline."""
    await world.change("updatePipeline", {"pipelineId": world["Empty"], "isDefault": True})
    head = await world.head()
    await world.change("deletePipeline", {"pipelineId": world["Empty"]})
    found = await world.ask("{ pipelines { name isDefault } }")
    assert found["pipelines"] == [{"name": "Sales", "isDefault": True}, {"name": "Renewals", "isDefault": False}]
    assert [event["type"] for event in await world.events(head)] == ["pipeline.deleted", "pipeline.updated"]
    await expect_consistent(world.database)


async def test_the_last_pipeline_can_go(world: World) -> None:
    """Without any pipeline, a lead needs a new one first."""
    given = {"name": "Deals", "type": "OPPORTUNITY", "stages": [{"name": "A"}]}
    made = await world.change("createPipeline", given, "pipeline { id }")
    await world.change("deletePipeline", {"pipelineId": made["pipeline"]["id"]})
    again = await world.change("createPipeline", given, "pipeline { isDefault }")
    assert again["pipeline"]["isDefault"] is True
    await expect_consistent(world.database)


async def test_refuses_while_leads_stand_in_it(world: World) -> None:
    """Closed leads count as well, because their history needs the pipeline."""
    await world.change("moveLead", {"leadId": world["Fay"], "stageId": world["Done"]})
    shown = await world.refused(
        "deletePipeline", {"pipelineId": world["Renewals"]}, "PIPELINE_NOT_EMPTY", "pipelineId", show=SHOW
    )
    assert shown["pipeline"] == {"name": "Renewals", "version": 1}
    assert shown["deletedPipelineId"] is None


async def test_refuses_another_version(world: World) -> None:
    """The conflict returns the pipeline as it is."""
    stale = {"pipelineId": world["Empty"], "expectedVersion": 2}
    shown = await world.refused("deletePipeline", stale, "CONFLICT", "expectedVersion", show=SHOW)
    assert shown["pipeline"] == {"name": "Empty", "version": 1}


async def test_no_lead_is_left_behind_by_a_race(world: World) -> None:
    """Of deleting and entering at once, one is refused: no lead is ever in a deleted pipeline."""
    entering = [
        world.attempt("createLead", {"title": f"Lead {at}", "pipelineId": world["Empty"]}) for at in range(9)
    ] + [world.attempt("moveLead", {"leadId": world["Ada"], "stageId": world["Open"]})]
    deleting = [world.attempt("deletePipeline", {"pipelineId": world["Empty"]}) for _ in range(10)]
    mixed = [one for pair in zip(entering, deleting, strict=True) for one in pair]
    bodies = await asyncio.gather(*mixed)
    codes = {error["code"] for body in bodies for error in body["data"]["result"]["userErrors"]}
    assert codes <= {"NOT_FOUND", "PIPELINE_NOT_EMPTY"}
    await expect_consistent(world.database)
