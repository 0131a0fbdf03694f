"""The people and companies of a file: the same records, in whatever order its lines stand."""

from dataclasses import replace
from random import Random
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from models import organisation_id
from models.database import Database
from models.rules.matching.names import company_key, person_key
from resolvers.changes.imports.import_leads import import_deals
from resolvers.changes.imports.options import Import, ImportFailed
from resolvers.changes.imports.people import Key, Survey
from resolvers.changes.imports.rows import IN_LINES, Deal, Formats, Rejected, read_deal
from tests.support.world import World

LINES: list[tuple[str | None, str | None, str | None, str | None]] = [
    ("Ann", "Globex", "Bob Roe", None),
    ("ann", "GLOBEX", "Bob Roe", "bob@globex.example"),
    ("Ann", "Globex", None, "BOB@globex.example"),
    ("Ann", "Globex", "Robert Roe", "bob@globex.example"),
    ("Ann", None, "Bob Roe", "bob@globex.example"),
    (None, "Initech", "Bob Roe", None),
    ("cy@acme.example", "Twin", "Al", "al1@twin.example"),
    ("cy@acme.example", "Twin", "Al", "al2@twin.example"),
    ("cy@acme.example", "twin", "al", None),
    (None, None, None, "lone@x.example"),
    (None, "Globex", "bob roe", None),
]
"""Owner, customer, contact and e-mail address of each line."""

PEOPLE = [
    ("Al", None, "Twin"),
    ("Al", "al1@twin.example", "Twin"),
    ("Al", "al2@twin.example", "Twin"),
    ("Bob Roe", None, "Initech"),
    ("Bob Roe", "bob@globex.example", "Globex"),
    ("lone@x.example", "lone@x.example", None),
]


def deals() -> list[Deal]:
    """A deal for each line."""
    return [
        Deal(
            line,
            "Open",
            dict.fromkeys(IN_LINES) | {"title": f"Deal {line}"},
            owner=owner,
            customer=customer,
            contact=contact,
            contact_email=email,
        )
        for line, (owner, customer, contact, email) in enumerate(LINES, 2)
    ]


async def stored(database: Database, organisation: str) -> tuple[list[Any], list[Any], list[Any], list[Any]]:
    """The contacts, customers and members of an organisation, and whom each lead names."""
    org_id = organisation_id(organisation)
    contacts = await database.pool.fetch(
        "SELECT contact.name, email, customer.name AS customer FROM contact"
        " LEFT JOIN customer ON customer.org_id = contact.org_id AND customer.id = customer_id"
        " WHERE contact.org_id = $1",
        org_id,
    )
    names = [
        sorted(row["name"] for row in await database.pool.fetch(f"SELECT name FROM {table} WHERE org_id = $1", org_id))
        for table in ("customer", "member")
    ]
    named = await database.pool.fetch(
        "SELECT title, contact.name, contact.email FROM lead LEFT JOIN contact ON contact.id = contact_id"
        " WHERE lead.org_id = $1",
        org_id,
    )
    return (sorted(map(tuple, contacts), key=str), *names, sorted(map(tuple, named)))


@pytest.mark.parametrize("seed", [0, 1, 2])
async def test_any_order_gives_the_same_records(database: Database, seed: int) -> None:
    """One person with and without an address, spelled differently, is one contact; two of one name stay two."""
    found = deals()
    await import_deals(database, Import("acme", "Sales", create_missing=True), found)
    Random(seed).shuffle(found)
    await import_deals(database, Import("other", "Sales", create_missing=True), found)
    contacts, customers, members, named = await stored(database, "other")
    assert contacts == sorted(PEOPLE, key=str)
    assert (customers, members) == (["Globex", "Initech", "Twin"], ["Ann", "cy@acme.example"])
    assert (contacts, customers, members, named) == await stored(database, "acme")


@given(st.permutations(deals()))
def test_a_survey_knows_no_order(shuffled: list[Deal]) -> None:
    """What the lines say together does not depend on which comes first."""
    one, other = Survey(deals()), Survey(shuffled)
    assert one.people == other.people
    assert [one.addresses(deal) for deal in deals()] == [other.addresses(deal) for deal in deals()]
    keys: tuple[tuple[str, Key], ...] = (("ann", str.casefold), ("globex", company_key), ("bob roe", person_key))
    for name, key in keys:
        assert one.spelling(name, key) == other.spelling(name, key)


@pytest.mark.parametrize("seed", [0, 1, 2])
async def test_companies_and_people_are_recognised_by_their_keys(database: Database, seed: int) -> None:
    """Legal forms, accents and signs make no other customer or contact; most lines decide how the name is spelled."""
    lines = [("Acme AG", "Bób Roe"), ("ACME", "Bob Roe"), ("Acme GmbH", "bob roe"), ("Acme GmbH", "Bob Roe")]
    found = [
        Deal(line, "Open", dict.fromkeys(IN_LINES) | {"title": f"Deal {line}"}, customer=customer, contact=contact)
        for line, (customer, contact) in enumerate(lines, 2)
    ]
    Random(seed).shuffle(found)
    report = await import_deals(database, Import("acme", "Sales", create_missing=True), found)
    assert (report.created, report.rejected) == (4, [])
    contacts, customers, _, _ = await stored(database, "acme")
    assert (contacts, customers) == ([("Bob Roe", None, "Acme GmbH")], ["Acme GmbH"])


async def test_a_name_that_is_written_so_comes_first(database: Database) -> None:
    """Where there are customers that differ in the legal form only, each is found by its own name."""
    options = Import("acme", "Sales", stages=["Open"], create_missing=True)
    await import_deals(database, options, [replace(deals()[0], customer="Acme GmbH")])
    await database.pool.execute(
        "INSERT INTO customer (org_id, id, name, name_key) SELECT org_id, gen_random_uuid(), 'Acme AG', name_key"
        " FROM customer"
    )
    named = [replace(deals()[0], customer=name, contact=None) for name in ("ACME GMBH", "acme ag")]
    for deal, name in zip(named, ("Acme GmbH", "Acme AG"), strict=True):
        await import_deals(database, replace(options, create_missing=False, again=True), [replace(deal, owner=None)])
        last = "SELECT name FROM customer WHERE id = (SELECT customer_id FROM lead ORDER BY created_at DESC LIMIT 1)"
        assert await database.pool.fetchval(last) == name


@pytest.mark.parametrize("email", ["bob", "bob@", "@x", "b b@x.example", "x" * 250 + "@x.example"])
def test_addresses_are_checked_as_the_api_does(email: str) -> None:
    """A contact that `createContact` refuses is no contact of an import, either."""
    with pytest.raises(Rejected, match="contact_email: "):
        read_deal(2, {"title": "Deal", "stage": "Open", "contact_email": email}, Formats("USD"))


@pytest.mark.parametrize(("option", "name"), [("won", "Wonn"), ("lost", "Lsot")])
async def test_a_mistyped_stage_is_refused(database: Database, option: str, name: str) -> None:
    """A stage of `--won` or `--lost` that neither the pipeline, the file nor `--stages` has; nothing is written."""
    options = replace(Import("acme", "Sales", create_missing=True), **{option: [name]})
    with pytest.raises(ImportFailed, match=f"--{option} {name}: there is no such stage"):
        await import_deals(database, options, deals())
    assert await database.pool.fetchval("SELECT count(*) FROM organisation") == 0


async def test_two_stages_of_one_name_are_refused(database: Database) -> None:
    """Lines that name them are rejected; it is not clear which of the two is meant."""
    options = Import("acme", "Sales", stages=["Open", "Offer"], create_missing=True)
    await import_deals(database, options, [])
    await database.pool.execute("UPDATE stage SET name = 'OPEN' WHERE name = 'Offer'")
    report = await import_deals(database, options, deals()[:1])
    assert report.rejected == [(2, "stage: the pipeline has two stages 'Open'; rename one")]
    assert await database.pool.fetchval("SELECT count(*) FROM contact") == 0


async def test_a_member_who_was_renamed_is_the_one_that_files_name(world: World) -> None:
    """An imported member gets another name, and a later file names the old one: that is still the same member."""
    options = Import(world.organisation, "Imported", create_missing=True)
    deal = Deal(2, "Open", dict.fromkeys(IN_LINES) | {"title": "One"}, owner="Gus")
    await import_deals(world.database, options, [deal])
    gus = await world.database.pool.fetchval("SELECT id FROM member WHERE name = 'Gus'")
    await world.change("updateMember", {"memberId": f"member_{gus}", "name": "Gustav Klein"})
    await import_deals(
        world.database,
        options,
        [
            replace(deal, line=line, lead={**deal.lead, "title": "Two"}, owner=name)
            for line, name in ((3, "gus"), (4, "Gustav Klein"))
        ],
    )
    owners = await world.database.pool.fetch("SELECT DISTINCT owner_id FROM lead WHERE title IN ('One', 'Two')")
    assert [row["owner_id"] for row in owners] == [gus]
