"""assignLeads: up to 500 leads get one owner or none, each with its own result, or all or none of them."""

import pytest

from models.rules.ids import parse_id
from tests.support.consistency import expect_consistent
from tests.support.world import MIA, RITA, World

SHOW = "results { leadId assigned code message } leads { title owner { id } version }"
REP = "Only a manager can assign leads to others or take them from others. Ask a manager."


async def test_gives_each_lead_to_the_member(world: World) -> None:
    """The leads are returned in the order of the ids; each that changes owner has a version and an event."""
    head = await world.head()
    ids = [world["Dan"], world["Bob"], world["Ada"]]
    made = await world.change("assignLeads", {"leadIds": ids, "memberId": world["mia"]}, SHOW)
    assert made["results"] == [{"leadId": id, "assigned": True, "code": None, "message": None} for id in ids]
    assert made["leads"] == [
        {"title": name, "owner": {"id": world["mia"]}, "version": 2} for name in ("Dan", "Bob", "Ada")
    ]
    assert await world.recorded(head) == [
        ("lead.assigned", "assign_leads", {"from": before, "to": world["mia"]})
        for before in (None, world["rita"], None)
    ]
    events = await world.events(head)
    assert [event["lead_id"] for event in events] == [parse_id("lead", id) for id in ids]
    assert {event["owner_id"] for event in events} == {parse_id("member", world["mia"])}
    await expect_consistent(world.database)


async def test_null_takes_them_from_their_owners(world: World) -> None:
    """A lead without an owner stays as it is, without an event."""
    head = await world.head()
    given = {"leadIds": [world["Bob"], world["Ada"]], "memberId": None}
    made = await world.change("assignLeads", given, SHOW)
    assert [result["assigned"] for result in made["results"]] == [True, True]
    assert made["leads"] == [
        {"title": "Bob", "owner": None, "version": 2},
        {"title": "Ada", "owner": None, "version": 1},
    ]
    assert await world.recorded(head) == [("lead.assigned", "assign_leads", {"from": world["rita"], "to": None})]
    await world.change("assignLeads", given)
    assert await world.head() == head + 1


async def test_the_member_has_to_be_said(world: World) -> None:
    """An omitted member is refused, so that no lead loses its owner by an omission."""
    await world.refused("assignLeads", {"leadIds": [world["Bob"]]}, "INVALID", "memberId")


async def test_an_inactive_member_is_given_nothing(world: World) -> None:
    """The whole change is refused, without a result per lead."""
    given = {"leadIds": [world["Ada"]], "memberId": world["ian"]}
    await world.refused("assignLeads", given, "OWNER_INACTIVE", "memberId")


async def test_what_is_not_there_is_reported_and_the_rest_is_given(world: World, strangers: World) -> None:
    """A lead that is named twice is assigned once; with allOrNone the first unknown id refuses all of them."""
    ids = [world["Ada"], strangers["Ada"], world["Dan"], world["Ada"]]
    given = {"leadIds": ids, "memberId": world["mia"]}
    await world.refused("assignLeads", {**given, "allOrNone": True}, "NOT_FOUND", "leadIds", "1")
    head = await world.head()
    made = await world.change("assignLeads", given, SHOW)
    missing = "There is no such lead in your organisation. Check the id."
    assert made["results"] == [
        {"leadId": id, "assigned": id != ids[1], "code": None, "message": None}
        if id != ids[1]
        else {"leadId": id, "assigned": False, "code": "NOT_FOUND", "message": missing}
        for id in ids
    ]
    assert [lead["title"] for lead in made["leads"]] == ["Ada", "Dan"]
    assert len(await world.events(head)) == 2
    assert await strangers.lead("Ada", "owner { id }") == {"owner": None}
    await expect_consistent(world.database)


async def test_nothing_is_done_where_no_lead_is_there(world: World) -> None:
    """Each id has its result, no event is emitted, and no lead is returned."""
    head = await world.head()
    await world.change("deleteLead", {"leadId": world["Ada"]})
    made = await world.change("assignLeads", {"leadIds": [world["Ada"]], "memberId": world["mia"]}, SHOW)
    assert ([result["code"] for result in made["results"]], made["leads"]) == (["NOT_FOUND"], [])
    assert [one[0] for one in await world.recorded(head)] == ["lead.deleted"]


@pytest.mark.parametrize("count", [0, 501])
async def test_refuses_too_few_and_too_many(world: World, count: int) -> None:
    """From 1 to 500 ids are accepted, counted as sent."""
    given = {"leadIds": [world["Ada"]] * count, "memberId": world["mia"]}
    shown = await world.refused("assignLeads", given, "INVALID", "leadIds", show="results { assigned } leads { id }")
    assert (shown["results"], shown["leads"]) == (None, None)


async def test_five_hundred_fit(world: World) -> None:
    """The same lead 500 times is assigned once, with 500 results."""
    head = await world.head()
    made = await world.change("assignLeads", {"leadIds": [world["Ada"]] * 500, "memberId": world["mia"]}, SHOW)
    assert (len(made["results"]), len(made["leads"]), await world.head()) == (500, 1, head + 1)


async def test_a_rep_takes_what_is_nobodys_and_gives_back_the_own(world: World) -> None:
    """The result of another owner's lead is FORBIDDEN, which with allOrNone refuses all of them."""
    await world.change("assignLead", {"leadId": world["Dan"], "memberId": world["mia"]})
    ids = [world[name] for name in ("Ada", "Dan", "Bob")]
    for member, all_or_none in ((world["rita"], True), (None, True)):
        given = {"leadIds": ids, "memberId": member, "allOrNone": all_or_none}
        await world.refused("assignLeads", given, "FORBIDDEN", "leadIds", "1", **RITA)
    made = await world.change("assignLeads", {"leadIds": ids, "memberId": world["rita"]}, SHOW, **RITA)
    assert [(result["assigned"], result["code"]) for result in made["results"]] == [
        (True, None),
        (False, "FORBIDDEN"),
        (True, None),
    ]
    assert made["results"][1]["message"] == REP
    assert [lead["title"] for lead in made["leads"]] == ["Ada", "Bob"]
    assert await world.lead("Dan", "owner { id }") == {"owner": {"id": world["mia"]}}
    made = await world.change("assignLeads", {"leadIds": ids, "memberId": None}, SHOW, **RITA)
    assert [result["assigned"] for result in made["results"]] == [True, False, True]


async def test_a_rep_gives_nothing_to_others(world: World) -> None:
    """A rep assigns neither unowned nor own leads to others; a manager does."""
    given = {"leadIds": [world["Ada"], world["Bob"]], "memberId": world["mia"]}
    head = await world.head()
    made = await world.change("assignLeads", given, SHOW, **RITA)
    assert [result["code"] for result in made["results"]] == ["FORBIDDEN"] * 2
    assert (made["leads"], await world.head()) == ([], head)
    made = await world.change("assignLeads", given, SHOW, **MIA)
    assert [result["assigned"] for result in made["results"]] == [True, True]


async def test_many_leads_take_the_ids_of_what_was_merged(world: World) -> None:
    """Each has its result under the id that was sent; a lead that is named twice through a merge is assigned once."""
    await world.change("mergeLeads", {"winnerId": world["Bob"], "loserId": world["Ada"]})
    head = await world.head()
    for ids, all_or_none in ((("Ada", "Dan", "Bob"), False), (("Ada", "Cleo"), True)):
        given = {"leadIds": [world[name] for name in ids], "memberId": world["mia"], "allOrNone": all_or_none}
        made = await world.change("assignLeads", given, SHOW)
        assert [(result["leadId"], result["assigned"], result["code"]) for result in made["results"]] == [
            (world[name], True, None) for name in ids
        ]
        assert {lead["title"] for lead in made["leads"]} == {"Bob", *ids} - {"Ada"}
    events = [event["lead_id"] for event in await world.events(head)]
    assert sorted(events) == sorted(parse_id("lead", world[name]) for name in ("Bob", "Dan", "Cleo"))
    await expect_consistent(world.database)


async def test_lists_in_opposite_order_at_once(world: World) -> None:
    """Each list is assigned as a whole: in the end all leads belong to the member who was named last."""
    ids = [world[name] for name in ("Ada", "Bob", "Cleo", "Dan", "Fay")]
    inputs = [
        {"leadIds": order, "memberId": world[name], "allOrNone": True}
        for order, name in ((ids, "mia"), (ids[::-1], "rita")) * 10
    ]
    assert await world.at_once("assignLeads", *inputs) == {"done": 20}
    owners = [(await world.lead(name, "owner { id }"))["owner"]["id"] for name in ("Ada", "Bob", "Cleo", "Dan", "Fay")]
    assert len(set(owners)) == 1
    await expect_consistent(world.database)
