"""mergeContacts: one contact stays; the records that named the other name it, and the other's id finds it."""

import asyncio
import json

from models.rules.ids import parse_id
from tests.support.consistency import expect_consistent
from tests.support.recipes import logged, task
from tests.support.world import MIA, RITA, World

CONTACT = "query($id: ID!) { contact(id: $id) { id name email phone } node(id: $id) { id } }"
SHOW = """
contact { id name email phone jobTitle address notes customer { id } version }
mergedId filledFields droppedFields movedLeads movedTasks movedActivities
"""


async def test_a_contact_takes_over(world: World) -> None:
    """The winner's empty fields are filled, leads and tasks name it, and the other's id finds it."""
    rita, mia = world["contact of rita"], world["contact of mia"]
    await world.change("updateContact", {"contactId": rita, "phone": "12"})
    await world.change("createTask", {"title": "Call", "contactId": rita})
    head = await world.head()
    given = {"winnerId": mia, "loserId": rita}
    shown = "contact { id name email phone } mergedId filledFields movedLeads movedTasks movedActivities"
    made = await world.change("mergeContacts", given, shown)
    assert made["contact"] == {"id": mia, "name": "Contact of mia", "email": "mia@example.com", "phone": "12"}
    assert (made["mergedId"], made["filledFields"]) == (rita, ["phone"])
    assert (made["movedLeads"], made["movedTasks"], made["movedActivities"]) == (1, 1, 0)
    found = await world.ask(CONTACT, {"id": rita})
    assert found["contact"] == made["contact"]
    assert found["node"] == {"id": mia}
    assert (await world.lead("Dan", "contact { id }"))["contact"] == {"id": mia}
    listed = await world.ask("{ contacts(first: 100) { nodes { id } } }")
    assert rita not in [node["id"] for node in listed["contacts"]["nodes"]]
    events = await world.events(head)
    assert [event["type"] for event in events] == ["lead.updated", "task.updated", "contact.merged", "contact.updated"]
    assert [json.loads(event["data"])["changes"] for event in events[:2]] == [{"contactId": [rita, mia]}] * 2
    await expect_consistent(world.database)


async def test_only_empty_fields_are_filled(world: World) -> None:
    """The loser's other values are in the notes; the events keep all its fields, and those that the winner took."""
    rita, mia = world["contact of rita"], world["contact of mia"]
    fields = {"phone": "12", "jobTitle": "CEO", "address": "Bonn", "notes": "Writes", "customerId": world["Acme"]}
    await world.change("updateContact", {"contactId": rita, **fields})
    await world.change("updateContact", {"contactId": mia, "phone": "34"})
    head = await world.head()
    made = await world.change("mergeContacts", {"winnerId": mia, "loserId": rita, "expectedVersion": 2}, SHOW, **MIA)
    assert made["filledFields"] == ["jobTitle", "address", "notes", "customerId"]
    assert made["droppedFields"] == ["name", "email", "phone"]
    notes = "Writes\n\nMerged from “Contact of rita”\nEmail: rita@example.com\nPhone: 12"
    assert made["contact"] == {
        "id": mia,
        "name": "Contact of mia",
        "email": "mia@example.com",
        "phone": "34",
        "jobTitle": "CEO",
        "address": "Bonn",
        "notes": notes,
        "customer": {"id": world["Acme"]},
        "version": 3,
    }
    lead, merged, updated = await world.recorded(head)
    assert lead == ("lead.updated", "merge_contacts", {"changes": {"contactId": [rita, mia]}})
    was = {"name": "Contact of rita", "email": "rita@example.com", **fields, "into": mia}
    assert merged == ("contact.merged", "merge_contacts", was)
    changes = {name: [None, value] for name, value in {**fields, "notes": notes}.items() if name != "phone"}
    assert updated == ("contact.updated", "merge_contacts", {"changes": changes})
    ids = [event["record_id"] for event in await world.events(head)]
    assert ids == [None, parse_id("contact", rita), parse_id("contact", mia)]
    await expect_consistent(world.database)


async def test_a_contact_that_has_nothing_to_give_leaves_the_other_as_it_is(world: World) -> None:
    """The winner keeps its version, and the only event is that of the loser."""
    same = {"name": "CONTACT of Mia", "email": "MIA@example.com"}
    made = await world.change("createContact", same, "contact { id }")
    head = await world.head()
    given = {"winnerId": world["contact of mia"], "loserId": made["contact"]["id"]}
    merged = await world.change("mergeContacts", given, SHOW)
    assert (merged["filledFields"], merged["droppedFields"], merged["contact"]["version"]) == ([], [], 1)
    assert [merged[f"moved{what}"] for what in ("Leads", "Tasks", "Activities")] == [0, 0, 0]
    assert [one[0] for one in await world.recorded(head)] == ["contact.merged"]


async def test_notes_are_joined(world: World) -> None:
    """The notes of both are kept, those of the winner first, and each once; a dry run reports the same fields."""
    rita, mia = world["contact of rita"], world["contact of mia"]
    await world.change("updateContact", {"contactId": rita, "notes": "Writes", "jobTitle": "CEO"})
    await world.change("updateContact", {"contactId": mia, "notes": "Calls", "jobTitle": "CTO"})
    given = {"winnerId": mia, "loserId": rita}
    dropped = ["name", "email", "jobTitle"]
    reported = await world.change("mergeContacts", {**given, "dryRun": True}, "filledFields droppedFields")
    assert (reported["filledFields"], reported["droppedFields"]) == ([], dropped)
    head = await world.head()
    made = await world.change("mergeContacts", given, SHOW)
    notes = "Calls\n\nWrites\n\nMerged from “Contact of rita”\nEmail: rita@example.com\nJob title: CEO"
    assert (made["filledFields"], made["droppedFields"], made["contact"]["notes"]) == ([], dropped, notes)
    assert (await world.recorded(head))[-1] == (
        "contact.updated", "merge_contacts", {"changes": {"notes": ["Calls", notes]}},
    )  # fmt: skip
    again = await world.change("createContact", {"name": "Contact of mia", "notes": notes}, "contact { id }")
    made = await world.change("mergeContacts", {"winnerId": mia, "loserId": again["contact"]["id"]}, SHOW)
    assert (made["contact"]["notes"], made["contact"]["version"]) == (notes, 3)
    await expect_consistent(world.database)


async def test_notes_that_are_too_long_together_are_refused(world: World) -> None:
    """Nothing is cut off: the caller shortens them first."""
    rita, mia = world["contact of rita"], world["contact of mia"]
    for contact_id, letter in ((rita, "a"), (mia, "b")):
        await world.change("updateContact", {"contactId": contact_id, "notes": letter * 10_000})
    given = {"winnerId": mia, "loserId": rita}
    for dry_run in (False, True):
        shown = await world.refused("mergeContacts", {**given, "dryRun": dry_run}, "INVALID", "loserId")
        assert shown["userErrors"][0]["message"] == (
            "What both have in notes has 20,057 characters together. Shorten it to 20,000 first."
        )
    await world.change("updateContact", {"contactId": rita, "notes": "a" * 9_900})
    await world.change("mergeContacts", given)


async def test_tasks_and_activities_go_along(world: World) -> None:
    """Tasks, also completed ones, and activities move, each with an event that belongs to its lead."""
    rita, mia = world["contact of rita"], world["contact of mia"]
    await task(world, "Call", contactId=rita, leadId=world["Ada"])
    await world.change("completeTask", {"taskId": world["Call"]})
    await logged(world, "Rang", contactId=rita)
    await world.change("updateLead", {"leadId": world["Eve"], "contactId": rita})
    head = await world.head()
    made = await world.change("mergeContacts", {"winnerId": mia, "loserId": rita}, SHOW)
    assert (made["movedLeads"], made["movedTasks"], made["movedActivities"]) == (2, 1, 1)
    changed = [one for one in await world.events(head) if one["type"] in ("task.updated", "activity.updated")]
    assert {one["lead_id"] for one in changed} == {parse_id("lead", world["Ada"])}
    assert [json.loads(one["data"])["changes"] for one in changed] == [{"contactId": [rita, mia]}] * 2
    assert await world.task("Call", "contact { id } version") == {"contact": {"id": mia}, "version": 3}
    await expect_consistent(world.database)


async def test_refusals(world: World, strangers: World) -> None:
    """Each refusal is at its field, also in a dry run."""
    rita, mia = world["contact of rita"], world["contact of mia"]
    for given, code, field in (
        ({"winnerId": mia, "loserId": mia}, "INVALID", "loserId"),
        ({"winnerId": strangers["contact of mia"], "loserId": rita}, "NOT_FOUND", "winnerId"),
        ({"winnerId": mia, "loserId": strangers["contact of rita"]}, "NOT_FOUND", "loserId"),
        ({"winnerId": mia, "loserId": world["Acme"]}, "WRONG_ID", "loserId"),
        ({"winnerId": mia, "loserId": rita, "expectedVersion": 2}, "CONFLICT", "expectedVersion"),
    ):
        for dry_run in (None, False, True):
            await world.refused("mergeContacts", {**given, "dryRun": dry_run}, code, field)


async def test_a_conflict_shows_the_one_that_stays(world: World) -> None:
    """Only the winner's version counts, and only the winner is shown."""
    rita, mia = world["contact of rita"], world["contact of mia"]
    await world.change("updateContact", {"contactId": rita, "notes": "Writes"})
    given = {"winnerId": mia, "loserId": rita, "expectedVersion": 2}
    shown = await world.refused("mergeContacts", given, "CONFLICT", "expectedVersion", show=SHOW)
    assert (shown["contact"]["id"], shown["contact"]["version"]) == (mia, 1)
    assert (shown["mergedId"], shown["filledFields"], shown["movedLeads"]) == (None, None, None)
    await world.change("mergeContacts", {**given, "expectedVersion": 1})


async def test_a_rep_merges_nothing(world: World) -> None:
    """A merge cannot be undone, so it requires the role manager."""
    given = {"winnerId": world["contact of mia"], "loserId": world["contact of rita"]}
    body = await world.attempt("mergeContacts", given, **RITA)
    assert [error["extensions"]["code"] for error in body["errors"]] == ["FORBIDDEN"]


async def test_chains_lead_to_the_last(world: World) -> None:
    """A contact that was merged into one that is merged in turn is found where the last merge went."""
    ids = [(await world.change("createContact", {"name": name}, "contact { id }"))["contact"]["id"] for name in "abc"]
    await world.change("mergeContacts", {"winnerId": ids[1], "loserId": ids[0]})
    await world.change("mergeContacts", {"winnerId": ids[2], "loserId": ids[1]})
    for id in ids:
        assert (await world.ask(CONTACT, {"id": id}))["contact"]["id"] == ids[2]
    nodes = await world.ask("query($ids: [ID!]!) { nodes(ids: $ids) { id } }", {"ids": ids})
    assert [node["id"] for node in nodes["nodes"]] == [ids[2]] * 3


async def test_a_dry_run_changes_nothing(world: World) -> None:
    """A dry run answers what would be filled and moved."""
    head = await world.head()
    given = {"winnerId": world["contact of mia"], "loserId": world["contact of rita"], "dryRun": True}
    reported = await world.change("mergeContacts", given, "movedLeads filledFields")
    assert reported["movedLeads"] == 1
    assert await world.events(head) == []
    assert (await world.ask(CONTACT, {"id": world["contact of rita"]}))["contact"]["id"] == world["contact of rita"]


async def test_nothing_is_hidden_behind_an_archived_contact(world: World) -> None:
    """An archived winner is refused; an archived loser is merged."""
    await world.change("archiveContact", {"contactId": world["contact of rita"]})
    pair = {"winnerId": world["contact of rita"], "loserId": world["contact of mia"]}
    await world.refused("mergeContacts", pair, "ARCHIVED", "winnerId")
    await world.change("mergeContacts", {"winnerId": pair["loserId"], "loserId": pair["winnerId"]})
    assert (await world.lead("Dan", "contact { name }"))["contact"] == {"name": "Contact of mia"}


async def test_opposite_merges_at_once(world: World) -> None:
    """One of the merges is done; for the others both ids name the same contact, and there is no circle."""
    pair = (world["contact of mia"], world["contact of rita"])
    bodies = await asyncio.gather(
        *(
            world.attempt("mergeContacts", dict(zip(("winnerId", "loserId"), order, strict=True)))
            for order in (pair, pair[::-1]) * 10
        )
    )
    codes = [[error["code"] for error in body["data"]["result"]["userErrors"]] for body in bodies]
    assert sorted(codes) == [[]] + [["INVALID"]] * 19
    found = [(await world.ask(CONTACT, {"id": id}))["contact"]["id"] for id in pair]
    assert found[0] == found[1]
    await expect_consistent(world.database)
