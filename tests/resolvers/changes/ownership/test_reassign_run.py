"""reassignAll of more work than fits in a request: a run hands it over, in batches."""

from collections import Counter
from typing import Any

import pytest

from engine.background.runner import make_batch, work_off
from models import organisation_id
from models.rules.ids import parse_id
from resolvers.changes import run_sizes
from resolvers.domain import CRM
from tests.support.consistency import expect_consistent
from tests.support.recipes import pool, task
from tests.support.world import MIA, World

RUN = "query($id: ID!) { run(id: $id) { mutation state done total error } }"


@pytest.fixture(autouse=True)
def small(monkeypatch: pytest.MonkeyPatch) -> None:
    """Two records are handed over in the request; more by a run, two leads or tasks at a time."""
    monkeypatch.setattr(run_sizes, "AT_ONCE", 2)
    monkeypatch.setattr(run_sizes, "BATCH", 2)


async def nobody(org_id: Any) -> None:
    """Wakes nobody."""


async def finish(world: World) -> None:
    """Make all batches of all runs."""
    await work_off(world.database, CRM, nobody)


async def busy(world: World) -> None:
    """Rita owns Ada, Bob, Cleo and Eve, which is won, and has a task of Ada, one of Dan and one of nothing."""
    for name in ("Ada", "Cleo", "Eve"):
        await world.change("assignLead", {"leadId": world[name], "memberId": world["rita"]})
    for name, given in (("Call", {"leadId": world["Ada"]}), ("Visit", {"leadId": world["Dan"]}), ("Read", {})):
        await task(world, name, assigneeId=world["rita"], dueOn="2031-01-01", **given)


async def owners(world: World, *names: str) -> list[str | None]:
    """The owner of each of these leads."""
    found = [(await world.lead(name, "owner { name }"))["owner"] for name in names]
    return [owner and owner["name"] for owner in found]


async def assignees(world: World, *names: str) -> list[str | None]:
    """The assignee of each of these tasks."""
    found = [(await world.task(name, "assignee { name }"))["assignee"] for name in names]
    return [assignee and assignee["name"] for assignee in found]


async def test_a_run_hands_over_leads_and_tasks(world: World) -> None:
    """Leads go with their tasks, then the other tasks; closed leads stay. Each has one event."""
    await busy(world)
    head = await world.head()
    given = {"fromMemberId": world["rita"], "toMemberId": world["mia"]}
    made = await world.change("reassignAll", given, "leadCount taskCount run { id } toMember { name }", **MIA)
    assert (made["leadCount"], made["taskCount"], made["toMember"]) == (None, None, {"name": "mia"})
    run = made["run"]["id"]
    assert await make_batch(world.database, CRM, organisation_id(world.organisation), parse_id("run", run))
    assert (await world.ask(RUN, {"id": run}))["run"]["state"] == "RUNNING"
    await expect_consistent(world.database)
    await finish(world)
    assert (await world.ask(RUN, {"id": run}))["run"] == {
        "mutation": "reassignAll", "state": "FINISHED", "done": 6, "total": 6, "error": None
    }  # fmt: skip
    assert await owners(world, "Ada", "Bob", "Cleo", "Eve", "Dan") == ["mia", "mia", "mia", "rita", None]
    assert await assignees(world, "Call", "Visit", "Read") == ["mia", "mia", "mia"]
    events = await world.events(head)
    assert Counter(event["type"] for event in events) == {"lead.assigned": 3, "task.updated": 3, "run.ended": 1}
    assert {event["actor_id"] for event in events} == {parse_id("member", world["mia"])}
    await expect_consistent(world.database)


async def test_closed_leads_and_nobody(world: World) -> None:
    """With `includeClosed` won leads go, too; without a member the work is nobody's."""
    await busy(world)
    await world.change("reassignAll", {"fromMemberId": world["rita"], "includeClosed": True}, "run { id }")
    await finish(world)
    assert await owners(world, "Ada", "Bob", "Cleo", "Eve") == [None] * 4
    assert await assignees(world, "Call", "Visit", "Read") == [None] * 3
    await expect_consistent(world.database)


async def test_a_pool_shares_the_leads_out(world: World) -> None:
    """Across batches the pool gives in turn; tasks go with their leads, and the others to nobody."""
    await busy(world)
    given = {"fromMemberId": world["rita"], "toPoolId": await pool(world, "mia", "tester"), "includeClosed": True}
    await world.change("reassignAll", given, "run { id }")
    await finish(world)
    found = await owners(world, "Ada", "Bob", "Cleo", "Eve")
    assert Counter(found) == {"mia": 2, "tester": 2}
    assert await assignees(world, "Call", "Visit", "Read") == [found[0], None, None]
    await expect_consistent(world.database)


async def test_few_are_handed_over_in_the_request(world: World) -> None:
    """There is no run for what fits in a request."""
    given = {"fromMemberId": world["rita"], "toMemberId": world["mia"]}
    made = await world.change("reassignAll", given, "leadCount run { id }")
    assert (made["leadCount"], made["run"]) == (1, None)


async def test_a_member_who_leaves_meanwhile_ends_the_run(world: World) -> None:
    """It has failed and says why; the work that is handed over stays so."""
    await busy(world)
    given = {"fromMemberId": world["rita"], "toMemberId": world["mia"]}
    run = (await world.change("reassignAll", given, "run { id }"))["run"]["id"]
    await world.change("updateMember", {"memberId": world["mia"], "active": False})
    await finish(world)
    found = (await world.ask(RUN, {"id": run}))["run"]
    assert (found["state"], found["done"]) == ("FAILED", 0)
    assert found["error"] == "This member is deactivated. Name an active one, or send null for nobody."
    assert await owners(world, "Ada") == ["rita"]


async def test_a_refusal_starts_no_run(world: World) -> None:
    """What is refused in a request is refused before a run."""
    await busy(world)
    for given, code, field in (
        ({"toMemberId": world["ian"]}, "OWNER_INACTIVE", "toMemberId"),
        ({"toMemberId": world["rita"]}, "INVALID", "toMemberId"),
    ):
        await world.refused("reassignAll", {"fromMemberId": world["rita"], **given}, code, field)
