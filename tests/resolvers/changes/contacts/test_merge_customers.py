"""mergeCustomers: one customer stays; leads, tasks, people and conditions that named the other name it."""

import json

from models.rules.ids import parse_id
from tests.support.consistency import expect_consistent
from tests.support.recipes import task
from tests.support.world import MIA, RITA, World

SHOW = """
customer { id name website industry phone externalId version }
mergedId filledFields droppedFields movedLeads movedTasks movedContacts
"""


async def bolt(world: World, **fields: str) -> str:
    """A second customer beside Acme; returns its id."""
    made = await world.change("createCustomer", {"name": "Bolt", **fields}, "customer { id }")
    id: str = made["customer"]["id"]
    return id


async def test_a_customer_takes_over(world: World) -> None:
    """Leads, tasks and people of the loser belong to the winner."""
    await world.change("updateContact", {"contactId": world["contact of rita"], "customerId": world["Acme"]})
    made = await world.change("createCustomer", {"name": "A.C.M.E.", "website": "acme.example"}, "customer { id }")
    winner = made["customer"]["id"]
    shown = "customer { name totals { count wonCount values { currency value } } contacts { nodes { name } } }"
    merged = await world.change("mergeCustomers", {"winnerId": winner, "loserId": world["Acme"]}, shown)
    assert merged["customer"]["totals"] == {
        "count": 1, "wonCount": 1, "values": [{"currency": "USD", "value": "500.00"}]
    }  # fmt: skip
    assert merged["customer"]["contacts"]["nodes"] == [{"name": "Contact of rita"}]
    assert (await world.lead("Eve", "customer { id }"))["customer"] == {"id": winner}


async def test_only_empty_fields_are_filled(world: World) -> None:
    """The external id is not filled, because other systems know it as the loser's; the events keep all its fields."""
    winner, acme = await bolt(world, website="bolt.example"), world["Acme"]
    fields = {"website": "acme.example", "industry": "Steel", "phone": "1", "externalId": "c-1"}
    await world.change("updateCustomer", {"customerId": acme, **fields})
    await task(world, "Call", customerId=acme)
    head = await world.head()
    given = {"winnerId": winner, "loserId": acme, "expectedVersion": 1}
    made = await world.change("mergeCustomers", given, SHOW, **MIA)
    assert made == {
        "customer": {
            "id": winner,
            "name": "Bolt",
            "website": "bolt.example",
            "industry": "Steel",
            "phone": "1",
            "externalId": None,
            "version": 2,
        },
        "mergedId": acme,
        "filledFields": ["industry", "phone"],
        "droppedFields": ["name", "website", "externalId"],
        "movedLeads": 1,
        "movedTasks": 1,
        "movedContacts": 0,
        "userErrors": [],
    }
    lead, call, merged, updated = await world.recorded(head)
    pointed = {"changes": {"customerId": [acme, winner]}}
    assert lead == ("lead.updated", "merge_customers", pointed)
    assert call == ("task.updated", "merge_customers", pointed)
    was = {"name": "Acme", **fields, "address": None, "notes": None, "into": winner}
    assert merged == ("customer.merged", "merge_customers", was)
    notes = "Merged from “Acme”\nWebsite: acme.example\nExternal id: c-1"
    changes = {"industry": [None, "Steel"], "phone": [None, "1"], "notes": [None, notes]}
    assert updated == ("customer.updated", "merge_customers", {"changes": changes})
    ids = [event["record_id"] for event in await world.events(head)]
    assert ids[2:] == [parse_id("customer", acme), parse_id("customer", winner)]
    await expect_consistent(world.database)


async def test_the_external_id_of_the_other_is_free(world: World) -> None:
    """The winner or a new customer can be given the loser's external id."""
    await world.change("updateCustomer", {"customerId": world["Acme"], "externalId": "c-1"})
    winner = await bolt(world)
    await world.change("mergeCustomers", {"winnerId": winner, "loserId": world["Acme"]})
    await world.change("updateCustomer", {"customerId": winner, "externalId": "c-1"})


async def test_a_dry_run_changes_nothing(world: World) -> None:
    """A dry run answers what would be filled and moved."""
    await world.change("updateCustomer", {"customerId": world["Acme"], "phone": "1"})
    await world.change("updateContact", {"contactId": world["contact of rita"], "customerId": world["Acme"]})
    winner = await bolt(world)
    head = await world.head()
    made = await world.change("mergeCustomers", {"winnerId": winner, "loserId": world["Acme"], "dryRun": True}, SHOW)
    assert (made["filledFields"], made["mergedId"], made["customer"]["phone"]) == (["phone"], world["Acme"], None)
    assert (made["movedLeads"], made["movedTasks"], made["movedContacts"]) == (1, 0, 1)
    assert (await world.lead("Eve", "customer { name }"), await world.head()) == ({"customer": {"name": "Acme"}}, head)


async def test_refusals(world: World, strangers: World) -> None:
    """Each refusal is at its field, also in a dry run."""
    winner, acme = await bolt(world), world["Acme"]
    for given, code, field in (
        ({"winnerId": acme, "loserId": acme}, "INVALID", "loserId"),
        ({"winnerId": strangers["Acme"], "loserId": acme}, "NOT_FOUND", "winnerId"),
        ({"winnerId": winner, "loserId": strangers["Acme"]}, "NOT_FOUND", "loserId"),
        ({"winnerId": world["Ada"], "loserId": acme}, "WRONG_ID", "winnerId"),
        ({"winnerId": winner, "loserId": acme, "expectedVersion": 2}, "CONFLICT", "expectedVersion"),
    ):
        for dry_run in (False, True):
            await world.refused("mergeCustomers", {**given, "dryRun": dry_run}, code, field)


async def test_nothing_is_hidden_behind_an_archived_customer(world: World) -> None:
    """An archived winner is refused; an archived loser is merged."""
    winner, acme = await bolt(world), world["Acme"]
    await world.change("archiveCustomer", {"customerId": winner})
    await world.refused("mergeCustomers", {"winnerId": winner, "loserId": acme}, "ARCHIVED", "winnerId")
    await world.change("mergeCustomers", {"winnerId": acme, "loserId": winner})


async def test_a_conflict_shows_the_one_that_stays(world: World) -> None:
    """Only the winner's version counts."""
    winner, acme = await bolt(world), world["Acme"]
    await world.change("updateCustomer", {"customerId": acme, "phone": "1"})
    given = {"winnerId": winner, "loserId": acme, "expectedVersion": 2}
    shown = await world.refused("mergeCustomers", given, "CONFLICT", "expectedVersion", show=SHOW)
    assert (shown["customer"]["id"], shown["customer"]["version"], shown["mergedId"]) == (winner, 1, None)
    await world.change("mergeCustomers", {**given, "expectedVersion": 1})


async def test_opposite_merges_at_once(world: World) -> None:
    """One of the merges is done; for the others both ids name the same customer."""
    pair = (await bolt(world), world["Acme"])
    inputs = [{"winnerId": a, "loserId": b} for a, b in (pair, pair[::-1]) * 10]
    assert await world.at_once("mergeCustomers", *inputs) == {"done": 1, "INVALID": 19}
    await expect_consistent(world.database)


async def test_a_rep_merges_nothing(world: World) -> None:
    """A merge cannot be undone, so it requires the role manager."""
    given = {"winnerId": await bolt(world), "loserId": world["Acme"]}
    body = await world.attempt("mergeCustomers", given, **RITA)
    assert [error["extensions"]["code"] for error in body["errors"]] == ["FORBIDDEN"]


async def test_conditions_name_the_one_that_stays(world: World) -> None:
    """A routing rule about the loser is about the winner from then on."""
    made = await world.change("createCustomer", {"name": "A.C.M.E."}, "customer { id }")
    winner = made["customer"]["id"]
    condition = {"or": [{"customerId": {"is": world["Acme"]}}, {"customerId": {"in": [world["Acme"]]}}]}
    rules = [{"name": "Ours", "condition": condition, "memberId": world["mia"]}]
    await world.change("setRoutingRules", {"pipelineId": world["Sales"], "rules": rules})
    await world.change("mergeCustomers", {"winnerId": winner, "loserId": world["Acme"]})
    kept = await world.database.pool.fetchval("SELECT condition FROM routing_rule")
    assert json.loads(kept) == {"or": [{"customerId": {"is": winner}}, {"customerId": {"in": [winner]}}]}
