"""assignLead: who works on a lead, and who may decide that."""

import asyncio

from models import Role
from tests.support.consistency import expect_consistent
from tests.support.world import World

RITA = {"subject": "rita", "role": Role.REP}


async def test_gives_a_lead_and_takes_it_back(world: World) -> None:
    """The event holds both owners; assigning the lead to its owner changes nothing."""
    head = await world.head()
    ada = {"leadId": world["Ada"]}
    made = await world.change("assignLead", {**ada, "memberId": world["mia"]}, "lead { owner { id } version }")
    assert made["lead"]["owner"] == {"id": world["mia"]}
    again = await world.change("assignLead", {**ada, "memberId": world["mia"]}, "lead { version }")
    assert again["lead"]["version"] == made["lead"]["version"]
    await world.change("assignLead", {**ada, "memberId": None})
    events = await world.events(head)
    assert [event["type"] for event in events] == ["lead.assigned"] * 2
    assert world["mia"] in events[0]["data"]
    await expect_consistent(world.database)


async def test_nobody_has_to_be_said(world: World) -> None:
    """Null removes the owner; an omitted member is refused."""
    await world.refused("assignLead", {"leadId": world["Bob"]}, "INVALID", "memberId")


async def test_who_has_left_gets_nothing(world: World) -> None:
    """An inactive member is refused."""
    await world.refused("assignLead", {"leadId": world["Ada"], "memberId": world["ian"]}, "OWNER_INACTIVE", "memberId")


async def test_a_rep_takes_what_is_nobodys_and_gives_back_the_own(world: World) -> None:
    """A rep cannot assign other members' leads, or assign to others: a manager does."""
    ada, bob = {"leadId": world["Ada"]}, {"leadId": world["Bob"]}
    await world.refused("assignLead", {**ada, "memberId": world["mia"]}, "FORBIDDEN", "memberId", **RITA)
    await world.change("assignLead", {**ada, "memberId": world["rita"]}, **RITA)
    await world.change("assignLead", {**bob, "memberId": None}, **RITA)
    await world.change("assignLead", {**bob, "memberId": world["mia"]}, role=Role.MANAGER, subject="mia")
    await world.refused("assignLead", {**bob, "memberId": world["rita"]}, "FORBIDDEN", "memberId", **RITA)


async def test_two_managers_at_once(world: World) -> None:
    """The last one wins, and each event begins with the owner of the one before."""
    head = await world.head()
    await asyncio.gather(
        *(
            world.change("assignLead", {"leadId": world["Ada"], "memberId": world[name]})
            for name in ("mia", "rita") * 10
        )
    )
    hands = [event["data"] for event in await world.events(head)]
    owner = (await world.lead("Ada", "owner { id }"))["owner"]["id"]
    assert owner in hands[-1]
    await expect_consistent(world.database)
