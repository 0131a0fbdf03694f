"""updateMember: who is a member, in which role, and what they may be assigned."""

import asyncio
import json

import pytest

from models import Role
from tests.support.consistency import expect_consistent
from tests.support.world import World

SHOW = "member { name email role active timeZone capacity dailyCap version }"


async def test_changes_what_is_given_and_keeps_the_rest(world: World) -> None:
    """One event holds each field before and after; null empties the optional fields."""
    head = await world.head()
    given = {"memberId": world["rita"], "name": " Rita  Ray ", "capacity": 3, "dailyCap": 20, "role": "MANAGER"}
    made = await world.change("updateMember", given, SHOW)
    assert made["member"] == {
        "name": "Rita Ray",
        "email": None,
        "role": "MANAGER",
        "active": True,
        "timeZone": "UTC",
        "capacity": 3,
        "dailyCap": 20,
        "version": 2,
    }
    made = await world.change("updateMember", {"memberId": world["rita"], "dailyCap": None, "email": "r@x.test"}, SHOW)
    assert (made["member"]["dailyCap"], made["member"]["email"]) == (None, "r@x.test")
    first, second = await world.events(head)
    assert (first["type"], first["mutation"], second["type"]) == ("member.updated", "update_member", "member.updated")
    assert json.loads(first["data"])["changes"]["capacity"] == [1, 3]
    assert json.loads(second["data"]) == {"changes": {"email": [None, "r@x.test"], "dailyCap": [20, None]}}


async def test_what_changes_nothing_leaves_no_trace(world: World) -> None:
    """The same values, or none, change nothing."""
    head = await world.head()
    for given in ({}, {"active": True, "role": "REP", "capacity": 1}):
        made = await world.change("updateMember", {"memberId": world["rita"], **given}, SHOW)
        assert made["member"]["version"] == 1
    assert await world.head() == head


async def test_who_has_left_keeps_the_history_and_is_given_nothing_more(world: World) -> None:
    """Leads stay with the member; every way to assign more is refused until the member is active again."""
    await world.change("updateMember", {"memberId": world["rita"], "active": False})
    assert await world.lead("Bob", "owner { name active }") == {"owner": {"name": "rita", "active": False}}
    lead, rita = {"leadId": world["Ada"]}, world["rita"]
    await world.refused("assignLead", {**lead, "memberId": rita}, "OWNER_INACTIVE", "memberId")
    await world.refused("assignLeads", {"leadIds": [world["Ada"]], "memberId": rita}, "OWNER_INACTIVE", "memberId")
    to_rita = {"fromMemberId": world["mia"], "toMemberId": rita}
    await world.refused("reassignAll", to_rita, "OWNER_INACTIVE", "toMemberId")
    await world.refused("updateLead", {**lead, "ownerId": rita}, "OWNER_INACTIVE", "ownerId")
    await world.refused("createLead", {"title": "Gil", "ownerId": rita}, "OWNER_INACTIVE", "ownerId")
    task = {**lead, "dueOn": "2031-05-01", "assigneeId": rita}
    await world.refused("scheduleFollowUp", task, "OWNER_INACTIVE", "assigneeId")
    body = await world.api(
        'mutation { createContact(input: { name: "Gwen" }) { userErrors { code } } }',
        organisation=world.organisation, subject="rita", role=Role.REP,
    )  # fmt: skip
    assert body["data"]["createContact"]["userErrors"] == [{"code": "FORBIDDEN"}]
    await world.change("updateMember", {"memberId": rita, "active": True})
    await world.change("assignLead", {**lead, "memberId": rita})
    await expect_consistent(world.database)


async def test_nobody_deactivates_themselves_or_the_last_admin(world: World) -> None:
    """The last admin cannot get a lesser role either; with a second admin, each can deactivate the other."""
    tester, mia = {"memberId": world["tester"]}, {"memberId": world["mia"]}
    await world.refused("updateMember", {**tester, "active": False}, "LAST_ADMIN", "active")
    await world.refused("updateMember", {**tester, "role": "REP"}, "LAST_ADMIN", "role")
    await world.change("updateMember", {**mia, "role": "ADMIN"})
    await world.refused("updateMember", {**tester, "active": False}, "FORBIDDEN", "active")
    await world.refused("updateMember", {**mia, "active": False}, "FORBIDDEN", "active", subject="mia")
    await world.change("updateMember", {**tester, "active": False}, subject="mia")
    await world.refused("updateMember", {**mia, "role": "MANAGER"}, "LAST_ADMIN", "role", subject="mia")


async def test_admins_who_deactivate_each_other_at_once_leave_one(world: World) -> None:
    """One deactivation wins; the other is refused because no admin would be left."""
    for name in ("mia", "rita"):
        await world.change("updateMember", {"memberId": world[name], "role": "ADMIN"})
    pairs = [("tester", "mia"), ("mia", "rita"), ("rita", "tester")] * 7
    bodies = await asyncio.gather(
        *(
            world.attempt("updateMember", {"memberId": world[whom], "active": False}, subject=who, role=Role.ADMIN)
            for who, whom in pairs
        )
    )
    assert not [body for body in bodies if "errors" in body]
    left = await world.database.pool.fetchval("SELECT count(*) FROM member WHERE active AND role = 'ADMIN'")
    assert left == 1


async def test_nothing_is_given_while_somebody_leaves(world: World) -> None:
    """After its deactivation a member is assigned no lead in the log, however many are assigned at once."""
    head = await world.head()
    giving = [
        world.attempt("assignLead", {"leadId": world[lead], "memberId": world["rita"]})
        for lead in ("Ada", "Dan", "Cleo", "Fay", "Eve")
    ]
    await asyncio.gather(*giving[:2], world.change("updateMember", {"memberId": world["rita"], "active": False}),
                         *giving[2:])  # fmt: skip
    events = [event["type"] for event in await world.events(head)]
    assert events[-1] == "member.updated"


async def test_days_end_by_the_new_time_zone(world: World) -> None:
    """An open all-day task becomes overdue when its day ends in the member's new time zone; others stay."""
    due = {"assigneeId": world["rita"], "dueOn": "2031-07-01"}
    made = [await world.change("createTask", {"title": title, **due}, "task { id }") for title in ("Open", "Done")]
    await world.change("completeTask", {"taskId": made[1]["task"]["id"]})
    await world.change("updateMember", {"memberId": world["rita"], "timeZone": "America/New_York"})
    found = await world.database.pool.fetch("SELECT deadline::text FROM task ORDER BY title DESC")
    assert [row["deadline"] for row in found] == ["2031-07-02 04:00:00+00", "2031-07-02 00:00:00+00"]


@pytest.mark.parametrize(
    ("given", "field"),
    [
        ({"name": " "}, "name"),
        ({"name": None}, "name"),
        ({"active": None}, "active"),
        ({"role": None}, "role"),
        ({"capacity": None}, "capacity"),
        ({"capacity": -1}, "capacity"),
        ({"capacity": 1001}, "capacity"),
        ({"dailyCap": -1}, "dailyCap"),
        ({"timeZone": "Europe/Atlantis"}, "timeZone"),
        ({"timeZone": None}, "timeZone"),
    ],
)
async def test_refuses_what_cannot_be(world: World, given: dict[str, object], field: str) -> None:
    """Each refusal has the path of the field at fault."""
    await world.refused("updateMember", {"memberId": world["rita"], **given}, "INVALID", field)


async def test_a_conflict_shows_the_member(world: World) -> None:
    """The conflict returns the member as it is."""
    given = {"memberId": world["rita"], "name": "Other", "expectedVersion": 7}
    shown = await world.refused("updateMember", given, "CONFLICT", "expectedVersion", show="member { name version }")
    assert shown["member"] == {"name": "rita", "version": 1}


async def test_open_leads_are_counted(world: World) -> None:
    """Closed leads are not counted."""
    query = 'query { members(search: "RITA") { nodes { name openLeads } } }'
    await world.change("assignLead", {"leadId": world["Eve"], "memberId": world["rita"]})
    assert (await world.ask(query))["members"]["nodes"] == [{"name": "rita", "openLeads": 1}]
    await world.change("disqualifyLead", {"leadId": world["Bob"], "reason": "No budget"})
    assert (await world.ask(query))["members"]["nodes"] == [{"name": "rita", "openLeads": 0}]
