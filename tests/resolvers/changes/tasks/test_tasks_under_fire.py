"""All changes of tasks at once, on the same few: nothing fails, and the result is consistent."""

import asyncio
import random
from collections import Counter
from collections.abc import Callable
from typing import Any

import pytest

from tests.support.consistency import expect_consistent
from tests.support.recipes import task
from tests.support.world import World

Draw = random.Random
STEPS: dict[str, Callable[[World, Draw], dict[str, Any]]] = {
    "createTask": lambda world, draw: {"title": "New", "dueOn": "2031-05-01", "parentId": some(world, draw)},
    "updateTask": lambda world, draw: {
        "taskId": some(world, draw),
        **draw.choice(
            (
                {"title": draw.choice("xyz")},
                {"parentId": draw.choice((None, some(world, draw)))},
                {"leadId": world[draw.choice(("Ada", "Bob"))], "assigneeId": world[draw.choice(("rita", "mia"))]},
                {"dueOn": "2031-05-02", "recurrence": draw.choice((None, "FREQ=DAILY"))},
            )
        ),
    },
    "completeTask": lambda world, draw: {"taskId": some(world, draw), "force": draw.random() < 0.3},
    "completeTasks": lambda world, draw: {"taskIds": [some(world, draw) for _ in range(4)]},
    "reopenTask": lambda world, draw: {"taskId": some(world, draw)},
    "cancelTask": lambda world, draw: {"taskId": some(world, draw)},
    "deleteTask": lambda world, draw: {"taskId": world[draw.choice(("Gone", "Gone", "Task 0"))]},
    "addTaskDependency": lambda world, draw: {"taskId": some(world, draw), "blockedById": some(world, draw)},
    "removeTaskDependency": lambda world, draw: {"taskId": some(world, draw), "blockedById": some(world, draw)},
    "scheduleFollowUp": lambda world, draw: {"leadId": world[draw.choice(("Ada", "Bob"))], "dueOn": "2031-05-01"},
    "updateLead": lambda world, draw: {"leadId": world["Ada"], "ownerId": world[draw.choice(("rita", "mia"))]},
    "reassignAll": lambda world, draw: {"fromMemberId": world["rita"], "toMemberId": world["mia"]},
}
"""The mutations that are sent, each with an input drawn at random."""


def some(world: World, draw: Draw) -> str:
    """The id of one of the few tasks."""
    return world[f"Task {draw.randrange(8)}"]


@pytest.mark.parametrize("seed", range(3))
async def test_everything_at_once(world: World, seed: int) -> None:
    """Of 150 changes, twenty at a time, each is done or refused, with one event for each record."""
    draw = Draw(seed)
    for at in range(8):
        await task(world, f"Task {at}", leadId=world["Ada"] if at % 2 else None, dueOn="2031-05-01")
    await world.change("deleteTask", {"taskId": await task(world, "Gone")})
    head = await world.head()
    steps = [(name, STEPS[name](world, draw)) for name in draw.choices(list(STEPS), k=150)]
    bodies = await asyncio.gather(*(world.attempt(name, given) for name, given in steps))
    assert [body["errors"] for body in bodies if "errors" in body] == []
    await expect_consistent(world.database)
    types = Counter(event["type"] for event in await world.events(head))
    rows = await world.database.pool.fetch("SELECT status FROM task")
    assert len(rows) == 8 + types["task.scheduled"] - types["task.deleted"]
    if not types["task.deleted"]:
        ended = types["task.completed"] + types["task.cancelled"] - types["task.reopened"]
        assert ended == sum(row["status"] != "OPEN" for row in rows)
    versions = await world.database.pool.fetch(
        """
        SELECT task.title, task.version, count(event.id) FROM task
            JOIN event ON event.org_id = task.org_id AND event.record_id = task.id
        GROUP BY task.id, task.title, task.version HAVING task.version <> count(event.id)
        """
    )
    assert versions == []
