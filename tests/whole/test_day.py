"""A salesperson's day: the README's second tour, played in GraphiQL with every operation exactly as printed."""

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
from graphql import OperationDefinitionNode, parse
from playwright.async_api import Page

from tests.support.servers.browser import Windows, answer, play, run

README = (Path(__file__).parents[2] / "README.md").read_text()
TOUR = README.partition("## A salesperson's day")[2].partition("\n## ")[0]

PRINTED: dict[str, str] = {
    node.name.value: block
    for block in re.findall(r"```graphql\n(.*?)```", TOUR, re.DOTALL)
    for node in parse(block).definitions
    if isinstance(node, OperationDefinitionNode) and node.name
}
"""Each operation of the tour, with the block that it is printed in."""


class Day:
    """A window in which the operations of the tour are run one after the other."""

    def __init__(self, page: Page) -> None:
        self.page = page
        self.played: set[str] = set()

    async def pipeline(self, name: str) -> str:
        """The id of a pipeline, from the page's first tab."""
        await run(self.page)
        pipelines = (await answer(self.page, '"stages"'))["data"]["pipelines"]
        return next(pipeline["id"] for pipeline in pipelines if pipeline["name"] == name)

    async def step(self, operation: str, **variables: Any) -> Any:
        """The value of an operation's only field."""
        self.played.add(operation)
        data = await play(self.page, PRINTED[operation], operation, **variables)
        (answered,) = data.values()
        return answered

    async def story(self, id: str) -> list[Any]:
        """The timeline of a lead, the oldest first, each entry with its content."""
        lead = await self.step("Story", id=id)
        return [(entry["type"], describe(entry)) for entry in reversed(lead["timeline"]["nodes"])]


def describe(entry: Mapping[str, Any]) -> Any:
    """The content of a timeline's entry."""
    if "toStage" in entry:
        return entry["fromStage"]["name"], entry["toStage"]["name"]
    for key, name in (("toOwner", "name"), ("activity", "subject"), ("task", "title")):
        if key in entry:
            return entry[key][name]
    return None


@pytest.fixture
async def day(windows: Windows) -> Day:
    """A window on the demo."""
    return Day(await windows.open())


async def test_the_day_of_a_salesperson(day: Day) -> None:
    """A lead arrives, is routed, called, followed up, qualified and converted; the opportunity is moved, lost with a
    reason, reopened and won; and both timelines have it all."""
    pipeline = await day.pipeline("New business")
    arrived = await day.step("Arrive")
    lead = arrived["lead"]["id"]
    assert (arrived["lead"]["stage"], arrived["lead"]["owner"], arrived["userErrors"]) == ({"name": "New"}, None, [])

    routing = await day.step("Route", pipelineId=pipeline)
    assert (routing["unrouted"], routing["userErrors"]) == ([], [])
    assert routing["routed"][-1] == {
        "lead": {"title": "Lighting for Fjord Clinics"},
        "owner": {"name": "Grace Okafor"},
        "rule": {"name": "Everything else"},
    }

    assert (await day.step("Call", id=lead))["lead"]["lastActivityAt"]
    planned = await day.step("Plan", id=lead)
    assert planned["task"]["assignee"] == {"name": "Grace Okafor"}
    done = await day.step("Done", taskId=planned["task"]["id"])
    assert done == {
        "task": {"status": "DONE", "outcome": "Sent"},
        "followUp": {"title": "Ask what they think", "dueOn": "2031-03-10"},
        "userErrors": [],
    }

    assert await day.step("Qualify", id=lead) == {"lead": {"stage": {"name": "Contacted"}}, "userErrors": []}
    converted = await day.step("Convert", id=lead)
    opportunity = converted["opportunity"]["id"]
    assert converted == {
        "alreadyConverted": False,
        "tasksCarriedOver": 1,
        "opportunity": {"id": opportunity, "stage": {"name": "Discovery"}},
        "customer": {"name": "Fjord Clinics Oslo"},
        "similarCustomers": converted["similarCustomers"],
        "userErrors": [],
    }
    again = await day.step("Convert", id=lead)
    assert (again["alreadyConverted"], again["opportunity"]["id"]) == (True, opportunity)

    columns = (await day.step("Columns", id=opportunity))["allowedTransitions"]
    assert all(column["allowed"] for column in columns)
    assert [column["stage"]["name"] for column in columns if column["needsReason"]] == ["Lost"]
    stages = {column["stage"]["name"]: column["stage"]["id"] for column in columns}

    async def drop(stage: str, **why: str) -> tuple[str, str, list[str]]:
        dropped = await day.step("Drop", id=opportunity, stageId=stages[stage], **why)
        codes = [error["code"] for error in dropped["userErrors"]]
        return dropped["lead"]["stage"]["name"], dropped["lead"]["weightedValue"], codes

    assert await drop("Proposal") == ("Proposal", "2880.00", [])
    assert await drop("Lost") == ("Proposal", "2880.00", ["REASON_REQUIRED"])
    assert await drop("Lost", why="No budget") == ("Lost", "0.00", [])
    assert await day.step("Reopen", id=opportunity) == {"lead": {"stage": {"name": "Proposal"}}, "userErrors": []}
    assert await drop("Won") == ("Won", "4800.00", [])

    assert await day.story(lead) == [
        ("LEAD_CREATED", None),
        ("LEAD_ASSIGNED", "Grace Okafor"),
        ("ACTIVITY_LOGGED", "Wants 40 lamps"),
        ("TASK_SCHEDULED", "Send the price list"),
        ("TASK_COMPLETED", "Send the price list"),
        ("TASK_SCHEDULED", "Ask what they think"),
        ("LEAD_QUALIFIED", None),
        ("LEAD_STAGE_CHANGED", ("New", "Contacted")),
        ("LEAD_CONVERTED", None),
    ]
    assert await day.story(opportunity) == [
        ("LEAD_CREATED", None),
        ("TASK_UPDATED", "Ask what they think"),
        ("LEAD_STAGE_CHANGED", ("Discovery", "Proposal")),
        ("LEAD_STAGE_CHANGED", ("Proposal", "Lost")),
        ("LEAD_REOPENED", None),
        ("LEAD_STAGE_CHANGED", ("Lost", "Proposal")),
        ("LEAD_STAGE_CHANGED", ("Proposal", "Won")),
    ]
    assert day.played == set(PRINTED)
