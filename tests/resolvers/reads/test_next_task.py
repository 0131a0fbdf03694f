"""The next step of a lead: on the lead, as a filter, and as a count on the board."""

from typing import Any

from models import Role
from tests.support.consistency import expect_consistent
from tests.support.recipes import task
from tests.support.world import World


async def without_next_step(world: World) -> dict[str, int]:
    """The number of open leads without a next step, by stage; each count agrees with the filter."""
    found = {
        row["name"]: row["totals"]["withoutNextTask"]
        for row in await world.stages("Sales", "name totals { withoutNextTask }")
    }
    for name, figure in found.items():
        query = "query($f: LeadFilter) { leads(filter: $f) { totalCount nodes { nextTask { id } closedAt } } }"
        leads = (await world.ask(query, {"f": {"stageIds": [world[name]], "hasNextTask": False}}))["leads"]
        assert [lead["nextTask"] for lead in leads["nodes"]] == [None] * leads["totalCount"]
        assert figure == sum(lead["closedAt"] is None for lead in leads["nodes"])
    return found


async def next_task(world: World, name: str) -> Any:
    """The title of the next task of a lead, or None."""
    found = (await world.lead(name, "nextTask { title }"))["nextTask"]
    return found and found["title"]


async def test_is_the_open_task_that_is_due_first(world: World) -> None:
    """The order is by deadline, then age; a task without a date comes last; the lead follows every change."""
    ada = {"leadId": world["Ada"]}
    assert await next_task(world, "Ada") is None
    await task(world, "Some time", **ada)
    assert await next_task(world, "Ada") == "Some time"
    await task(world, "In June", **ada, dueOn="2031-06-01")
    await task(world, "In May", **ada, dueAt="2031-05-01T09:00:00Z")
    await task(world, "In May too", **ada, dueAt="2031-05-01T09:00:00Z")
    assert await next_task(world, "Ada") == "In May"
    await world.change("completeTask", {"taskId": world["In May"]})
    assert await next_task(world, "Ada") == "In May too"
    await world.change("updateTask", {"taskId": world["In June"], "dueOn": "2031-04-01"})
    assert await next_task(world, "Ada") == "In June"
    await world.change("cancelTask", {"taskId": world["In June"]})
    await world.change("updateTask", {"taskId": world["In May too"], "leadId": world["Dan"]})
    assert (await next_task(world, "Ada"), await next_task(world, "Dan")) == ("Some time", "In May too")
    await world.change("reopenTask", {"taskId": world["In June"]})
    assert await next_task(world, "Ada") == "In June"
    await world.change("deleteTask", {"taskId": world["In June"]})
    assert await next_task(world, "Ada") == "Some time"


async def test_a_due_next_step_counts_however_late_and_of_any_assignee(world: World) -> None:
    """An overdue task stays the next step, and its assignee does not matter."""
    await task(world, "Long ago", leadId=world["Ada"], dueOn="2020-05-01", assigneeId=None)
    await task(world, "To come", leadId=world["Ada"], dueOn="2031-05-01")
    assert await next_task(world, "Ada") == "Long ago"


async def test_leads_without_a_next_step_are_found_and_counted(world: World) -> None:
    """Only open leads count, and the count of each stage follows tasks and moves."""
    assert await without_next_step(world) == {"New": 3, "Talking": 1, "Offer": 0, "Won": 0, "Lost": 0}
    call = {"taskId": await task(world, "Call", leadId=world["Ada"])}
    await task(world, "Write", leadId=world["Dan"])
    assert await without_next_step(world) == {"New": 2, "Talking": 0, "Offer": 0, "Won": 0, "Lost": 0}
    query = "{ leads(filter: {hasNextTask: true}) { nodes { title } } }"
    titles = [row["title"] for row in (await world.ask(query, subject="new", role=Role.VIEWER))["leads"]["nodes"]]
    assert sorted(titles) == ["Ada", "Dan"]
    await world.change("completeTask", call)
    assert (await without_next_step(world))["New"] == 3
    await world.change("moveLead", {"leadId": world["Ada"], "stageId": world["Offer"]})
    assert await without_next_step(world) == {"New": 2, "Talking": 0, "Offer": 1, "Won": 0, "Lost": 0}
    await world.change("completeTask", {**call, "taskId": world["Write"], "followUp": {"dueOn": "2031-05-01"}})
    assert (await without_next_step(world))["Talking"] == 0
    await world.change("disqualifyLead", {"leadId": world["Bob"], "reason": "No budget"})
    assert (await without_next_step(world))["New"] == 1
    await expect_consistent(world.database)


async def test_conversion_carries_the_next_step_over(world: World) -> None:
    """Open tasks move to the opportunity; closed ones stay with the lead."""
    await world.change("createPipeline", {"name": "Deals", "type": "OPPORTUNITY", "stages": [{"name": "A"}]})
    for name in ("Done", "Call"):
        await task(world, name, leadId=world["Bob"], dueOn="2031-05-01")
    await world.change("completeTask", {"taskId": world["Done"]})
    await world.change("qualifyLead", {"leadId": world["Bob"]})
    made = await world.change(
        "convertLead", {"leadId": world["Bob"]}, "lead { nextTask { id } } opportunity { nextTask { title } }"
    )
    assert (made["lead"]["nextTask"], made["opportunity"]["nextTask"]) == (None, {"title": "Call"})
    assert await world.lead("Bob", "tasks { nodes { title } }") == {"tasks": {"nodes": [{"title": "Done"}]}}
    await expect_consistent(world.database)
