"""A merged record answers to all its names: it is recognised by what those were recognised by that became it."""

from itertools import pairwise
from typing import Any

import pytest

from models import organisation_id
from models.rules.ids import parse_id
from resolvers.changes.imports.import_leads import import_deals
from resolvers.changes.imports.options import Import
from resolvers.changes.imports.rows import IN_LINES, Deal
from tests.support.consistency import expect_consistent
from tests.support.recipes import opportunities
from tests.support.world import World

ACME = {"name": "Acme GmbH", "website": "https://www.acme.example", "externalId": "c-1"}


async def customer(world: World, **fields: str) -> str:
    """A new customer; returns its id."""
    id: str = (await world.change("createCustomer", fields, "customer { id }"))["customer"]["id"]
    return id


async def contact(world: World, **fields: str) -> str:
    """A new contact; returns its id."""
    id: str = (await world.change("createContact", fields, "contact { id }"))["contact"]["id"]
    return id


async def merged(world: World, noun: str, *ids: str) -> str:
    """Each record merged into the next; returns the last."""
    for loser, winner in pairwise(ids):
        await world.change(f"merge{noun}s", {"winnerId": winner, "loserId": loser})
    return ids[-1]


async def keys(world: World, id: str) -> set[tuple[str, str]]:
    """What was kept for a record."""
    rows = await world.database.pool.fetch(
        "SELECT kind, key FROM former_key WHERE org_id = $1 AND record_id = $2",
        organisation_id(world.organisation),
        parse_id(id.split("_")[0], id),
    )
    return {(row["kind"], row["key"]) for row in rows}


async def offered(world: World, email: str, name: str = "Something else") -> list[str]:
    """The ids of the customers that a conversion of a new lead is offered."""
    person = await contact(world, name="Some one", email=email)
    lead = (await world.change("createLead", {"title": "New", "contactId": person}, "lead { id }"))["lead"]
    await world.change("qualifyLead", {"leadId": lead["id"]})
    given = {"leadId": lead["id"], "createCustomer": {"name": name}}
    show = "similarCustomers { id }"
    shown = await world.refused("convertLead", given, "DUPLICATE_CUSTOMER", "createCustomer", show=show)
    return [similar["id"] for similar in shown["similarCustomers"]]


async def imported(world: World, **named: str) -> tuple[dict[str, int], dict[str, Any]]:
    """The records that an import of one deal creates, and the customer and contact of its lead."""
    deal = Deal(2, "New", {**dict.fromkeys(IN_LINES), "title": "Imported"}, **named)
    report = await import_deals(
        world.database, Import(world.organisation, "Sales", create_missing=True, again=True), [deal]
    )
    assert (report.created, report.rejected) == (1, [])
    row = await world.database.pool.fetchrow(
        "SELECT * FROM lead WHERE org_id = $1 AND title = 'Imported' ORDER BY created_at DESC LIMIT 1",
        organisation_id(world.organisation),
    )
    return dict(report.made), {noun: row[f"{noun}_id"] for noun in ("customer", "contact")}


@pytest.mark.parametrize("steps", [1, 2, 3])
async def test_a_customer_answers_to_all_its_names(world: World, steps: int) -> None:
    """To the name, the domain and the external id of each customer that became it, however often merged on."""
    await opportunities(world)
    ids = [await customer(world, **ACME), *[await customer(world, name=f"Step {nth}") for nth in range(steps - 1)]]
    last = await merged(world, "Customer", *ids, await customer(world, name="Winner"))
    named = {("NAME", f"step{nth}") for nth in range(steps - 1)}
    assert await keys(world, last) == {
        ("NAME", "acme"), ("DOMAIN", "acme.example"), ("EXTERNAL_ID", "c-1"), *named
    }  # fmt: skip
    await expect_consistent(world.database)
    await world.sql("UPDATE customer SET website = NULL, domain_key = NULL")
    assert await offered(world, "x@mail.acme.example") == [last]
    await world.change("archiveCustomer", {"customerId": world["Acme"]})
    assert await offered(world, "x@other.example", "ACME Ltd.") == [last]
    made, lead = await imported(world, customer="ACME AG")
    assert (made, lead["customer"]) == ({}, parse_id("customer", last))
    again = {"name": "Acme again", "externalId": "c-1"}
    await world.refused("createCustomer", again, "EXTERNAL_ID_TAKEN", "externalId")


async def test_an_external_id_is_the_winners(world: World) -> None:
    """It may have it itself, and nobody else."""
    winner = await customer(world, name="Winner")
    await merged(world, "Customer", await customer(world, **ACME), winner)
    other = {"customerId": world["Acme"], "externalId": "c-1"}
    await world.refused("updateCustomer", other, "EXTERNAL_ID_TAKEN", "externalId")
    await world.change("updateCustomer", {"customerId": winner, "externalId": "c-1"})
    await world.change("updateCustomer", {"customerId": world["Acme"], "externalId": "c-2"})


async def test_merging_the_same_names_twice(world: World) -> None:
    """Both had the same former name, which is kept once."""
    one, other = await customer(world, name="One"), await customer(world, name="Other")
    for winner in (one, other):
        await merged(world, "Customer", await customer(world, name="Same GmbH"), winner)
    await merged(world, "Customer", one, other)
    assert await keys(world, other) == {("NAME", "same"), ("NAME", "one")}
    assert await keys(world, one) == set()


async def test_a_name_that_somebody_has_is_theirs(world: World) -> None:
    """A former name yields to that of a customer that has it now."""
    winner = await merged(world, "Customer", await customer(world, name="Globex"), await customer(world, name="Winner"))
    assert (await imported(world, customer="Globex Inc."))[1]["customer"] == parse_id("customer", winner)
    globex = await customer(world, name="GLOBEX")
    assert (await imported(world, customer="Globex Inc."))[1]["customer"] == parse_id("customer", globex)


@pytest.mark.parametrize("steps", [1, 2])
async def test_a_contact_answers_to_all_its_names(world: World, steps: int) -> None:
    """To the name and the address of each contact that became it; its customer is found by their domains."""
    await opportunities(world)
    bob = await contact(world, name="Bob Ábel", email="Bob@Bolt.example", customerId=world["Acme"])
    between = [await contact(world, name="Bobby") for _ in range(steps - 1)]
    last = await contact(world, name="Robert", email="robert@else.example", customerId=world["Acme"])
    await merged(world, "Contact", bob, *between, last)
    assert await keys(world, last) >= {("NAME", "bob abel"), ("EMAIL", "bob@bolt.example"), ("DOMAIN", "bolt.example")}
    await expect_consistent(world.database)
    for named in ({"contact": "Anybody", "contact_email": "bob@BOLT.example"}, {"contact": "bob abel"}):
        made, lead = await imported(world, customer="Acme", **named)
        assert (made, lead["contact"]) == ({}, parse_id("contact", last))
    assert await offered(world, "x@bolt.example") == [world["Acme"]]


async def test_a_dry_run_keeps_nothing(world: World) -> None:
    """Nor does a merge of leads, which are found by no key."""
    given = {"winnerId": await customer(world, name="Winner"), "loserId": world["Acme"], "dryRun": True}
    await world.change("mergeCustomers", given)
    await world.change("mergeLeads", {"winnerId": world["Ada"], "loserId": world["Bob"]})
    assert await world.database.pool.fetchval("SELECT count(*) FROM former_key") == 0


async def test_other_organisations_know_nothing_of_it(world: World, strangers: World) -> None:
    """The same names there are not recognised."""
    await merged(world, "Customer", await customer(world, **ACME), world["Acme"])
    await strangers.change("archiveCustomer", {"customerId": strangers["Acme"]})
    made, _ = await imported(strangers, customer="Acme GmbH")
    assert made == {"customer": 1}
    await customer(strangers, name="Other", externalId="c-1")


@pytest.mark.parametrize("steps", [1, 2])
async def test_a_search_finds_a_contact_by_all_that_became_it(world: World, strangers: World, steps: int) -> None:
    """By each e-mail address and telephone number, also its leads, and after it was renamed."""
    bob = await contact(world, name="Bob Ábel", email="Bob.A+x@Bolt.example", phone="+49 (30) 12-34-56")
    await world.change("updateLead", {"leadId": world["Ada"], "contactId": bob})
    between = [await contact(world, name="Bobby", email=f"b{nth}@x.example") for nth in range(steps - 1)]
    last = await contact(world, name="Robert", email="robert@else.example", phone="5550000")
    await merged(world, "Contact", bob, *between, last)
    asked = """query($s: String!) {
        contacts(search: $s) { nodes { id } } leads(filter: { search: $s }) { nodes { title } }
    }"""

    async def found(text: str, place: World = world) -> tuple[list[str], list[str]]:
        answer = await place.ask(asked, {"s": text})
        return [one["id"] for one in answer["contacts"]["nodes"]], [one["title"] for one in answer["leads"]["nodes"]]

    texts = ("bob.a+x@bolt.example", "BOB.A+X@Bolt.example", "bolt", "3012", "123456", "Abel", "robert 5550 bolt")
    for text in (*texts, *(f"b{nth}@x.example" for nth in range(steps - 1))):
        assert await found(text) == ([last], ["Ada"]), text
        assert await found(text, strangers) == ([], [])
    await world.change("updateContact", {"contactId": last, "name": "Rob", "phone": None})
    assert await found("rob bob.a+x@bolt.example") == ([last], ["Ada"])
    assert await found("robert 5550") == ([], [])
    await expect_consistent(world.database)


async def test_a_search_finds_a_customer_by_all_that_became_it(world: World) -> None:
    """By its name, its web address, its telephone number and its external id, also its leads."""
    old = await customer(world, **{**ACME, "externalId": "zq-9"}, phone="040 77 88 99")
    await merged(world, "Customer", old, world["Acme"])
    for text in ("acme.example", "778899", "zq-9"):
        asked = """query($s: String!) {
            customers(search: $s) { nodes { id } } leads(filter: { search: $s }) { nodes { title } }
        }"""
        answer = await world.ask(asked, {"s": text})
        assert answer == {"customers": {"nodes": [{"id": world["Acme"]}]}, "leads": {"nodes": [{"title": "Eve"}]}}, text
    await expect_consistent(world.database)
