"""completeTasks: up to 500 at once, blockers before the tasks that wait for them, with a result for each id."""

import asyncio
import json
import random
from collections import Counter
from datetime import date, timedelta

from models import organisation_id
from models.rules.ids import parse_id, public_id
from models.tables.base import new_id, utc_now
from tests.support.consistency import expect_consistent
from tests.support.recipes import task
from tests.support.world import RITA, World

SHOW = "results { taskId completed code message } tasks { title status outcome } nextOccurrences { title dueOn }"


async def test_each_has_its_result(world: World) -> None:
    """The results have the order of the ids, also with one id twice, and all tasks that can be completed are."""
    for name in ("Call", "Write"):
        await task(world, name, leadId=world["Ada"])
    await world.change("completeTask", {"taskId": await task(world, "Done")})
    await task(world, "Part", parentId=await task(world, "Prepare"))
    strange = public_id("task", new_id())
    names = ["Write", "Done", "Prepare", "Call", "Write"]
    head = await world.head()
    given = {"taskIds": [*(world[name] for name in names), strange], "outcome": " Yes "}
    made = await world.change("completeTasks", given, SHOW, **RITA)
    assert [(row["taskId"], row["completed"], row["code"]) for row in made["results"]] == [
        (world["Write"], True, None),
        (world["Done"], False, "TASK_CLOSED"),
        (world["Prepare"], False, "SUBTASKS_OPEN"),
        (world["Call"], True, None),
        (world["Write"], True, None),
        (strange, False, "NOT_FOUND"),
    ]
    assert "“Part”" in made["results"][2]["message"]
    assert sorted(made["tasks"], key=lambda row: row["title"]) == [
        {"title": title, "status": "DONE", "outcome": "Yes"} for title in ("Call", "Write")
    ]
    events = await world.events(head)
    assert [(event["type"], event["mutation"]) for event in events] == [("task.completed", "complete_tasks")] * 2
    assert {event["record_id"] for event in events} == {parse_id("task", world[name]) for name in ("Call", "Write")}
    await expect_consistent(world.database)


async def test_what_they_wait_for_may_be_among_them(world: World) -> None:
    """Whatever the order of the ids, the event of a task follows those of its blockers."""
    names = [f"Step {at}" for at in range(8)]
    await task(world, "Parent")
    for name in names:
        await task(world, name, parentId=world["Parent"])
    for later, earlier in zip(names[1:], names, strict=False):
        await world.change("addTaskDependency", {"taskId": world[later], "blockedById": world[earlier]})
    mixed = random.Random(7).sample(["Parent", *names], 9)
    head = await world.head()
    made = await world.change("completeTasks", {"taskIds": [world[name] for name in mixed]}, SHOW)
    assert all(row["completed"] for row in made["results"])
    recorded = [event["record_id"] for event in await world.events(head)]
    assert recorded == [parse_id("task", world[name]) for name in [*names, "Parent"]]
    await expect_consistent(world.database)


async def test_who_waits_for_another_that_is_left_open_stays_open(world: World) -> None:
    """A task whose blocker stays open stays open, also along a chain; with `force`, all are completed."""
    for name in ("First", "Second", "Third", "Free"):
        await task(world, name)
    for later, earlier in (("Second", "First"), ("Third", "Second")):
        await world.change("addTaskDependency", {"taskId": world[later], "blockedById": world[earlier]})
    given = {"taskIds": [world[name] for name in ("Third", "Second", "Free")]}
    made = await world.change("completeTasks", given, SHOW)
    assert [row["code"] for row in made["results"]] == ["TASK_BLOCKED", "TASK_BLOCKED", None]
    made = await world.change("completeTasks", {**given, "force": True}, SHOW)
    assert [row["code"] for row in made["results"]] == [None, None, "TASK_CLOSED"]
    assert await world.task("First", "status") == {"status": "OPEN"}
    await expect_consistent(world.database)


async def test_500_at_once_and_no_more(world: World) -> None:
    """Each repeating task has one next occurrence; 501 tasks or none are refused."""
    await world.sql(
        """
        INSERT INTO task (org_id, id, title, recurrence, due_on, deadline, creator_id)
        SELECT $1, gen_random_uuid(), 'Task ' || at, 'FREQ=DAILY', '2031-05-01', '2031-05-02T00:00Z', $2
        FROM generate_series(1, 500) AS at
        """,
        organisation_id(world.organisation),
        parse_id("member", world["mia"]),
    )
    found = await world.database.pool.fetch("SELECT id FROM task")
    ids = [f"task_{row['id']}" for row in found]
    await world.refused("completeTasks", {"taskIds": [*ids, await task(world, "Extra")]}, "INVALID", "taskIds")
    await world.refused("completeTasks", {"taskIds": []}, "INVALID", "taskIds")
    head = await world.head()
    made = await world.change("completeTasks", {"taskIds": ids}, SHOW)
    assert [row["taskId"] for row in made["results"] if row["completed"]] == ids
    assert Counter(row["title"] for row in made["nextOccurrences"]) == {f"Task {at}": 1 for at in range(1, 501)}
    assert {row["dueOn"] for row in made["nextOccurrences"]} == {"2031-05-02"}
    types = [event["type"] for event in await world.events(head)]
    assert types == ["task.completed"] * 500 + ["task.scheduled"] * 500
    following = json.loads((await world.events(head))[-1]["data"])
    assert (following["recurrence"], following["repeats"] in ids) == ("FREQ=DAILY", True)
    await expect_consistent(world.database)


async def test_many_at_once_complete_each_task_once(world: World) -> None:
    """Of twenty callers with overlapping lists in different orders, each task has one completion and one next
    occurrence."""
    names = [f"Task {at}" for at in range(10)]
    for name in names:
        await task(world, name, dueOn="2031-05-01", recurrence="FREQ=WEEKLY")
    head = await world.head()
    order = random.Random(3)
    lists = [[world[name] for name in order.sample(names, 7)] for _ in range(20)]
    bodies = await asyncio.gather(*(world.attempt("completeTasks", {"taskIds": ids}, SHOW) for ids in lists))
    results = [row for body in bodies for row in body["data"]["result"]["results"]]
    done = Counter(row["taskId"] for row in results if row["completed"])
    assert done == dict.fromkeys({id for ids in lists for id in ids}, 1)
    assert {row["code"] for row in results if not row["completed"]} == {"TASK_CLOSED"}
    types = Counter(event["type"] for event in await world.events(head))
    assert types == {"task.completed": len(done), "task.scheduled": len(done)}
    await expect_consistent(world.database)


async def test_what_is_long_past_is_passed_over(world: World) -> None:
    """Tasks that were due in 1900 come again today, or never; how much there is to count in one request is limited."""
    daily = [await task(world, f"Daily {nth}", dueOn="1900-01-01", recurrence="FREQ=DAILY") for nth in range(20)]
    made = await world.change("completeTasks", {"taskIds": daily}, "nextOccurrences { dueOn }")
    today = utc_now().date()
    days = {date.fromisoformat(row["dueOn"]) for row in made["nextOccurrences"]}
    assert len(made["nextOccurrences"]) == 20
    assert days <= {today, today - timedelta(days=1)}, "a midnight may have passed"
    counted = [
        await task(world, f"Counted {nth}", dueOn="1900-01-01", recurrence="FREQ=DAILY;COUNT=1000") for nth in range(11)
    ]
    await world.refused("completeTasks", {"taskIds": counted}, "INVALID", "taskIds")
    made = await world.change("completeTasks", {"taskIds": counted[1:]}, "nextOccurrences { dueOn }")
    assert made["nextOccurrences"] == []
    await expect_consistent(world.database)
