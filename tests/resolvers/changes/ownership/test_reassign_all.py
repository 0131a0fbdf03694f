"""reassignAll: a member's leads and open tasks go to another, to a pool or to nobody, each with its event."""

import asyncio
import json
from collections import Counter

import pytest

from models import Role
from models.rules.ids import parse_id
from tests.support.consistency import expect_consistent
from tests.support.recipes import pool, task
from tests.support.world import MIA, RITA, World

SHOW = "leadCount taskCount fromMember { name } toMember { name }"
TASK = "assignee { id } deadline version"


async def owners(world: World, *names: str) -> list[str | None]:
    """The owner of each of these leads."""
    found = [(await world.lead(name, "owner { name }"))["owner"] for name in names]
    return [owner and owner["name"] for owner in found]


async def test_open_leads_go_to_the_other_member(world: World) -> None:
    """Closed leads stay unless they are asked for; other members' leads always stay."""
    for name, member in (("Ada", "rita"), ("Eve", "rita"), ("Dan", "tester")):
        await world.change("assignLead", {"leadId": world[name], "memberId": world[member]})
    head = await world.head()
    work = {"fromMemberId": world["rita"], "toMemberId": world["mia"]}
    made = await world.change("reassignAll", work, SHOW, **MIA)
    assert made == {
        "leadCount": 2, "taskCount": 0, "fromMember": {"name": "rita"}, "toMember": {"name": "mia"}, "userErrors": []
    }  # fmt: skip
    assert await owners(world, "Ada", "Bob", "Cleo", "Dan", "Eve") == ["mia", "mia", None, "tester", "rita"]
    assert (
        await world.recorded(head)
        == [("lead.assigned", "reassign_all", {"from": world["rita"], "to": world["mia"]})] * 2
    )
    made = await world.change("reassignAll", {**work, "includeClosed": True}, SHOW)
    assert (made["leadCount"], await owners(world, "Eve")) == (1, ["mia"])
    await expect_consistent(world.database)


async def test_where_there_is_no_work_nothing_happens(world: World) -> None:
    """A member without work, also after a first call, has nothing to reassign."""
    head = await world.head()
    given = {"fromMemberId": world["mia"], "toMemberId": world["rita"], "includeClosed": None}
    made = await world.change("reassignAll", given, SHOW)
    assert (made["leadCount"], made["taskCount"], await world.head()) == (0, 0, head)


async def test_work_of_a_member_who_has_left_is_handed_over(world: World) -> None:
    """A deactivated member's work can be reassigned: that is what the mutation is for."""
    await world.change("updateMember", {"memberId": world["rita"], "active": False})
    made = await world.change("reassignAll", {"fromMemberId": world["rita"], "toMemberId": world["mia"]}, SHOW)
    assert (made["leadCount"], await owners(world, "Bob")) == (1, ["mia"])


async def test_refusals(world: World, strangers: World) -> None:
    """Each refusal is at its field: a deactivated member, the same member, member and pool, an empty pool,
    strangers."""
    rita, pool_id = {"fromMemberId": world["rita"]}, await pool(world, "rita")
    theirs = await pool(strangers, "mia")
    for more, code, field in (
        ({"toMemberId": world["ian"]}, "OWNER_INACTIVE", "toMemberId"),
        ({"toMemberId": world["rita"]}, "INVALID", "toMemberId"),
        ({"toMemberId": strangers["mia"]}, "NOT_FOUND", "toMemberId"),
        ({"fromMemberId": strangers["rita"]}, "NOT_FOUND", "fromMemberId"),
        ({"toMemberId": world["mia"], "toPoolId": pool_id}, "INVALID", "toPoolId"),
        ({"toPoolId": theirs}, "NOT_FOUND", "toPoolId"),
        ({"toPoolId": pool_id}, "OWNER_INACTIVE", "toPoolId"),
        ({"toPoolId": world["mia"]}, "WRONG_ID", "toPoolId"),
    ):
        await world.refused("reassignAll", {**rita, **more}, code, field)


async def test_a_pool_of_members_who_have_left_takes_nothing(world: World) -> None:
    """A pool of deactivated members takes nothing, and neither does a weighted pool without any capacity."""
    work = {"fromMemberId": world["rita"], "toPoolId": await pool(world, "mia")}
    await world.change("updateMember", {"memberId": world["mia"], "active": False})
    await world.refused("reassignAll", work, "OWNER_INACTIVE", "toPoolId")
    await world.change("updateMember", {"memberId": world["mia"], "active": True, "capacity": 0})
    await world.refused(
        "reassignAll", {**work, "toPoolId": await pool(world, "mia", strategy="WEIGHTED")}, "OWNER_INACTIVE", "toPoolId"
    )
    await world.change("reassignAll", work)


async def test_a_rep_hands_nothing_over(world: World) -> None:
    """Reassigning requires the role manager, also for one's own work."""
    for who in (RITA, {"subject": "vera", "role": Role.VIEWER}):
        body = await world.attempt("reassignAll", {"fromMemberId": world["rita"]}, **who)
        assert [error["extensions"]["code"] for error in body["errors"]] == ["FORBIDDEN"]
    assert await owners(world, "Bob") == ["rita"]


async def test_open_tasks_go_to_the_other_member(world: World) -> None:
    """Tasks of any lead are included; closed tasks and those of other members stay."""
    await world.sql("UPDATE member SET time_zone = 'Asia/Tokyo' WHERE subject = 'mia'")
    rita = {"assigneeId": world["rita"]}
    await task(world, "Day", **rita, dueOn="2031-05-01", leadId=world["Bob"])
    await task(world, "Instant", **rita, dueAt="2031-05-01T09:00:00Z", leadId=world["Ada"])
    await task(world, "Undated", **rita)
    await task(world, "Done", **rita)
    await world.change("completeTask", {"taskId": world["Done"]})
    await task(world, "Not hers")
    head = await world.head()
    await world.change("reassignAll", {"fromMemberId": world["rita"], "toMemberId": world["mia"]}, **MIA)
    mia = {"assignee": {"id": world["mia"]}, "version": 2}
    assert await world.task("Day", TASK) == {**mia, "deadline": "2031-05-01T15:00:00+00:00"}
    assert await world.task("Instant", TASK) == {**mia, "deadline": "2031-05-01T09:00:00+00:00"}
    assert await world.task("Undated", TASK) == {**mia, "deadline": None}
    assert (await world.task("Done", TASK))["assignee"] == {"id": world["rita"]}
    assert (await world.task("Not hers", TASK))["assignee"] == {"id": world["tester"]}
    events = [event for event in await world.events(head) if event["type"] == "task.updated"]
    assert [(event["mutation"], event["record_id"], event["lead_id"]) for event in events] == [
        ("reassign_all", parse_id("task", world[name]), lead and parse_id("lead", world[lead]))
        for name, lead in (("Day", "Bob"), ("Instant", "Ada"), ("Undated", None))
    ]
    changes = {"assigneeId": [world["rita"], world["mia"]]}
    assert [json.loads(event["data"])["changes"] for event in events] == [changes] * 3
    await expect_consistent(world.database)


async def test_to_nobody(world: World) -> None:
    """Leads and tasks lose their owner; the day of a task then ends in the organisation's time zone."""
    await world.sql("UPDATE member SET time_zone = 'Asia/Tokyo' WHERE subject = 'rita'")
    await task(world, "Day", assigneeId=world["rita"], dueOn="2031-05-01")
    made = await world.change("reassignAll", {"fromMemberId": world["rita"]}, SHOW, **MIA)
    assert (made["leadCount"], made["taskCount"], made["toMember"]) == (1, 1, None)
    assert await owners(world, "Bob") == [None]
    assert await world.task("Day", TASK) == {"assignee": None, "deadline": "2031-05-02T00:00:00+00:00", "version": 2}
    await expect_consistent(world.database)


async def test_a_pool_shares_the_work_out(world: World) -> None:
    """Leads go round among the other members, regardless of daily caps; tasks follow their leads, others go to
    nobody."""
    pool_id = await pool(world, "rita", "mia", "tester")
    await world.change("updateMember", {"memberId": world["mia"], "dailyCap": 0, "timeZone": "America/New_York"})
    for name in ("Ada", "Cleo", "Dan"):
        await world.change("assignLead", {"leadId": world[name], "memberId": world["rita"]})
    due = {"assigneeId": world["rita"], "dueOn": "2031-07-01"}
    for title, more in (("On Bob", {"leadId": world["Bob"]}), ("On nothing", {})):
        await world.change("createTask", {"title": title, **due, **more})
    given = {"fromMemberId": world["rita"], "toPoolId": pool_id}
    done = await world.change("reassignAll", given, "leadCount taskCount toMember { name }")
    assert (done["leadCount"], done["taskCount"], done["toMember"]) == (4, 2, None)
    owners = [(await world.lead(name, "owner { name }"))["owner"]["name"] for name in ("Ada", "Bob", "Cleo", "Dan")]
    assert Counter(owners) == {"mia": 2, "tester": 2}
    found = await world.ask("{ tasks { nodes { title assignee { name } } } }")
    assigned = {task["title"]: task["assignee"] for task in found["tasks"]["nodes"]}
    assert assigned == {"On Bob": {"name": owners[1]}, "On nothing": None}
    await expect_consistent(world.database)


@pytest.mark.parametrize(("capacities", "shares"), [((1, 3), (1, 3)), ((1, 1), (2, 2))])
async def test_a_weighted_pool_shares_by_capacity(
    world: World, capacities: tuple[int, int], shares: tuple[int, int]
) -> None:
    """Each member gets the exact share of four leads, and the pool counts them."""
    pool_id = await pool(world, "mia", "tester", strategy="WEIGHTED")
    for name, capacity in zip(("mia", "tester"), capacities, strict=True):
        await world.change("updateMember", {"memberId": world[name], "capacity": capacity})
    for name in ("Ada", "Cleo", "Dan"):
        await world.change("assignLead", {"leadId": world[name], "memberId": world["rita"]})
    await world.change("reassignAll", {"fromMemberId": world["rita"], "toPoolId": pool_id})
    given = Counter(await owners(world, "Ada", "Bob", "Cleo", "Dan"))
    assert (given["mia"], given["tester"]) == shares
    counted = await world.ask("{ pools { members { given } } }")
    assert [place["given"] for place in counted["pools"][0]["members"]] == list(shares)
    await expect_consistent(world.database)


async def test_what_is_completed_meanwhile_is_not_handed_over(world: World) -> None:
    """Each task is completed by the first member, or reassigned and completed by the other: none is lost."""
    names = [f"Call {at}" for at in range(10)]
    for name in names:
        await task(world, name, assigneeId=world["rita"], leadId=world["Bob"], dueOn="2031-05-01")
    head = await world.head()
    await asyncio.gather(
        *(world.change("completeTask", {"taskId": world[name]}) for name in names),
        *(world.change("reassignAll", {"fromMemberId": world["rita"], "toMemberId": world["mia"]}) for _ in range(3)),
    )
    types = [event["type"] for event in await world.events(head)]
    assert types.count("task.completed") == 10
    assert types.count("task.updated") <= 10
    await expect_consistent(world.database)


async def test_opposite_ways_at_once(world: World) -> None:
    """The work of two members is never split: in the end one of them has all of it."""
    for name in ("Ada", "Cleo"):
        await world.change("assignLead", {"leadId": world[name], "memberId": world["rita"]})
        await task(world, f"Call {name}", leadId=world[name], assigneeId=world["rita"])
    pairs = (("rita", "mia"), ("mia", "rita"))
    inputs = [{"fromMemberId": world[a], "toMemberId": world[b]} for a, b in pairs * 10]
    assert await world.at_once("reassignAll", *inputs) == {"done": 20}
    found = await owners(world, "Ada", "Bob", "Cleo")
    tasks = [(await world.task(f"Call {name}", "assignee { name }"))["assignee"]["name"] for name in ("Ada", "Cleo")]
    assert len({*found, *tasks}) == 1
    await expect_consistent(world.database)
