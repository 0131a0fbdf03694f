"""Searching leads, contacts and customers: by the beginnings of words, in any order, in any of their fields."""

import asyncio
import itertools
from collections.abc import Mapping
from typing import Any

import pytest

from engine.errors import RequestError
from models import organisation_id
from resolvers.changes import missing_values
from resolvers.changes.missing_values import fill
from resolvers.conditions.fields import ORDERS
from resolvers.reads import lead_lists
from tests.support.consistency import expect_consistent
from tests.support.world import World

TITLES = (
    "Álvaro Núñez", "A\u0301lvaro in parts", "Müller", "Straße 7", "Smith & Sons, John", "O’Brien", "John Doe", "100%",
)  # fmt: skip

ASKED: Mapping[str, str] = {
    "alvaro": "Álvaro Núñez|A\u0301lvaro in parts",
    "ÁLVARO": "Álvaro Núñez|A\u0301lvaro in parts",
    "a\u0301lva": "Álvaro Núñez|A\u0301lvaro in parts",
    "nunez alvaro": "Álvaro Núñez",
    "muller": "Müller",
    "MÜLLER": "Müller",
    "strasse": "Straße 7",
    "STRASSE": "Straße 7",
    "straße": "Straße 7",
    "smith john": "Smith & Sons, John",
    " john  smith ": "Smith & Sons, John",
    "john": "Smith & Sons, John|John Doe",
    "o'brien": "O’Brien",
    "o’brien": "O’Brien",
    "obrien": "O’Brien",
    "brien": "O’Brien",
    "o brien": "O’Brien",
    "100": "100%",
    "0%": "",
    "mith": "",
    "smith jane": "",
    " ": "|".join(TITLES),
    "%": "|".join(TITLES),
    "x" * 200: "",
}
"""What is searched for, and the titles, or names, that are found."""

LEADS = (
    "query($text: String) { leads(filter: { search: $text }, orderBy: { field: CREATED_AT, direction: ASC })"
    " { nodes { name: title } } }"
)
ORDER = "orderBy: { field: CREATED_AT, direction: ASC }"
CONTACTS = f"query($text: String) {{ contacts(search: $text, {ORDER}) {{ nodes {{ name }} }} }}"
CUSTOMERS = CONTACTS.replace("contacts", "customers")
LISTS = {"leads": LEADS, "contacts": CONTACTS, "customers": CUSTOMERS}


async def search(world: World, list: str, text: str) -> str:
    """The names of what is found, in the order of their creation."""
    found = await world.ask(LISTS[list], {"text": text})
    return "|".join(node["name"] for node in found[list]["nodes"])


async def empty(world: World) -> None:
    """Delete the records that the world has."""
    for table in ("lead", "contact", "customer"):
        await world.sql(f"DELETE FROM {table} WHERE org_id = $1", organisation_id(world.organisation))


@pytest.mark.parametrize("list", LISTS)
async def test_words_are_found(world: World, list: str) -> None:
    """Each question of the table above finds exactly the records listed with it."""
    await empty(world)
    for title in TITLES:
        if list == "leads":
            await world.change("createLead", {"title": title, "stageId": world["New"]})
        else:
            await world.change(f"create{list[:-1].capitalize()}", {"name": title})
    assert {text: await search(world, list, text) for text in ASKED} == ASKED


async def described(world: World) -> None:
    """A lead with an external id, a contact and a customer; and one without. Nobody else has these words."""
    customer = {"name": "Umbra", "website": "https://shop.example", "phone": "030 555", "externalId": "cu-77"}
    made = await world.change("createCustomer", customer, "customer { id }")
    contact = {"name": "Álvaro Núñez", "email": "al.nunez@mail.example", "phone": "+1 (234) 567-8901"}
    person = await world.change("createContact", contact, "contact { id }")
    world.ids |= {"Umbra": made["customer"]["id"], "Álvaro": person["contact"]["id"]}
    given = {"title": "Pump", "externalId": "crm-9", "stageId": world["New"]}
    named = {"contactId": world["Álvaro"], "customerId": world["Umbra"]}
    world.ids["Pump"] = (await world.change("createLead", {**given, **named}, "lead { id }"))["lead"]["id"]
    await world.change("createLead", {"title": "Valve", "stageId": world["New"]})


@pytest.mark.parametrize(
    "text",
    [
        "pump", "crm-9", "9", "alvaro", "al.nunez@mail.example", "Nunez@Mail", "mail.example", "umbra", "shop.example",
        "https://shop.example", "cu-77", "030555", "2345678901", "(234) 567", "567-8901", "8901", "+1 234", "01",
        "alvaro pump umbra", "555 al pum nunez@mail.ex", "umbra 567",
    ],
)  # fmt: skip
async def test_a_lead_is_found_by_all_its_fields_together(world: World, text: str) -> None:
    """Its own, its contact's and its customer's fields; digits in any part of a telephone number."""
    await described(world)
    assert await search(world, "leads", text) == "Pump"


@pytest.mark.parametrize("text", ["alvaro valve", "pumps", "ump", "nunez@mai1", "unez@mail", "2345678902", "umbra 568"])
async def test_every_word_has_to_be_found(world: World, text: str) -> None:
    """One word that begins none of its words, and the lead is not found."""
    await described(world)
    assert await search(world, "leads", text) == ""


async def test_contacts_and_customers_are_found_by_their_own_fields(world: World) -> None:
    """Contacts by name, e-mail address and telephone number; customers also by web address and external id."""
    await described(world)
    asked = ("nunez mail 5678901", "umbra 77 555", "pump", "alvaro umbra")
    assert {text: await search(world, "contacts", text) for text in asked} == {
        "nunez mail 5678901": "Álvaro Núñez", "umbra 77 555": "", "pump": "", "alvaro umbra": "",
    }  # fmt: skip
    assert {text: await search(world, "customers", text) for text in asked} == {
        "nunez mail 5678901": "", "umbra 77 555": "Umbra", "pump": "", "alvaro umbra": "",
    }  # fmt: skip


CHANGES: Mapping[str, tuple[str, dict[str, Any], str, str]] = {
    "a title": ("updateLead", {"leadId": "Pump", "title": "Turbine"}, "pump", "turbine"),
    "an external id": ("updateLead", {"leadId": "Pump", "externalId": "new"}, "crm-9", "new"),
    "another contact": ("updateLead", {"leadId": "Pump", "contactId": None}, "nunez", "pump"),
    "another customer": ("updateLead", {"leadId": "Pump", "customerId": None}, "umbra", "nunez"),
    "a contact's name": ("updateContact", {"contactId": "Álvaro", "name": "Bea"}, "alvaro", "bea"),
    "a contact's e-mail": ("updateContact", {"contactId": "Álvaro", "email": "b@x.example"}, "mail", "b@x"),
    "a contact's number": ("updateContact", {"contactId": "Álvaro", "phone": "77 88"}, "234", "788"),
    "a customer's name": ("updateCustomer", {"customerId": "Umbra", "name": "Fjord"}, "umbra", "fjord"),
    "a customer's web address": ("updateCustomer", {"customerId": "Umbra", "website": "bolt.example"}, "shop", "bolt"),
    "a customer's number": ("updateCustomer", {"customerId": "Umbra", "phone": None}, "555", "umbra"),
    "a customer's external id": ("updateCustomer", {"customerId": "Umbra", "externalId": "new"}, "cu", "new"),
}  # fmt: skip
"""A change, what found the lead before it, and what finds it afterwards."""


@pytest.mark.parametrize("name", CHANGES)
async def test_a_change_is_found_at_once(world: World, name: str) -> None:
    """The lead has the new words and no longer the old ones."""
    await described(world)
    mutation, given, before, after = CHANGES[name]
    assert await search(world, "leads", before) == "Pump"
    await world.change(mutation, {key: world.ids.get(str(value), value) for key, value in given.items()})
    assert await search(world, "leads", before) == ""
    assert await search(world, "leads", after) == given.get("title", "Pump")
    await expect_consistent(world.database)


SHOWN = "{ totalCount nodes { title } pageInfo { endCursor startCursor hasNextPage hasPreviousPage } }"


async def paged(world: World, alias: str, asked: str, *, backward: bool) -> list[str]:
    """The titles of all pages of a list, by twos; each page knows their number."""
    size, at, cursor, more = "first", "after", "endCursor", "hasNextPage"
    if backward:
        size, at, cursor, more = "last", "before", "startCursor", "hasPreviousPage"
    seen: list[str] = []
    place, counts = "", set()
    while True:
        found = (await world.ask(f"{{ {alias}: leads({asked}, {size}: 2{place}) {SHOWN} }}"))[alias]
        titles = [node["title"] for node in found["nodes"]]
        seen = titles + seen if backward else seen + titles
        counts.add(found["totalCount"])
        if not found["pageInfo"][more]:
            assert counts == {len(seen)}
            return seen
        place = f', {at}: "{found["pageInfo"][cursor]}"'


@pytest.mark.parametrize("few", [0, 2, 5])
async def test_few_and_many_leads_make_the_same_totals(world: World, monkeypatch: pytest.MonkeyPatch, few: int) -> None:
    """The totals of a stage are those of the leads that are found in it."""
    monkeypatch.setattr(lead_lists, "FEW_BY_STAGE", few)
    for title, stage in (("Pump 1", "New"), ("Valve", "New"), ("Pump 2", "New"), ("Pump 3", "Offer")):
        await world.change("createLead", {"title": title, "stageId": world[stage], "value": "10"})
    totals = f'few{few}: totals(filter: {{ search: "pump" }}) {{ count withoutNextTask values {{ value }} }}'
    found = await world.stages("Sales", f"name {totals}")
    assert {stage["name"]: stage[f"few{few}"] for stage in found if stage["name"] in ("New", "Offer", "Won")} == {
        "New": {"count": 2, "withoutNextTask": 2, "values": [{"value": "20.00"}]},
        "Offer": {"count": 1, "withoutNextTask": 1, "values": [{"value": "10.00"}]},
        "Won": {"count": 0, "withoutNextTask": 0, "values": []},
    }


@pytest.mark.parametrize("field", ORDERS)
@pytest.mark.parametrize("few", [0, 2, 5])
async def test_few_and_many_leads_make_the_same_pages(
    world: World, monkeypatch: pytest.MonkeyPatch, few: int, field: str
) -> None:
    """In each order, forwards and backwards, the pages hold what the whole list holds of the leads that are found."""
    for constant in ("FEW", "FEW_BY_STAGE"):
        monkeypatch.setattr(lead_lists, constant, few)
    for nth, stage in enumerate(("New", "Offer", "Won", "Due", "New")):
        given = {"title": f"Pump {nth}", "stageId": world[stage], **({"value": str(nth // 2)} if nth % 2 else {})}
        await world.change("createLead", given)
    for direction, stages in itertools.product(("ASC", "DESC"), ("null", f'["{world["New"]}"]')):
        order = f"orderBy: {{ field: {field}, direction: {direction} }}"
        whole = await world.ask(f"{{ leads(first: 100, {order}, filter: {{ stageIds: {stages} }}) {SHOWN} }}")
        expected = [node["title"] for node in whole["leads"]["nodes"] if node["title"].startswith("Pump")]
        assert len(expected) == (5 if stages == "null" else 2)
        asked = f'{order}, filter: {{ stageIds: {stages}, search: "pum" }}'
        for backward in (False, True):
            # Under an alias of its own, because plans are kept by their documents.
            assert await paged(world, f"few{few}", asked, backward=backward) == expected


async def test_another_organisation_finds_nothing(world: World, strangers: World) -> None:
    """The same words in another organisation are found there only, also by a question without words."""
    await empty(world)
    await described(strangers)
    for list in LISTS:
        assert [await search(world, list, text) for text in ("pump", "alvaro", "umbra", " ")] == [""] * 4
    assert await search(strangers, "leads", "pump alvaro") == "Pump"


@pytest.mark.parametrize("list", LISTS)
async def test_a_question_is_bounded(world: World, list: str) -> None:
    """More than 200 characters are refused; so is what PostgreSQL cannot store."""
    for text, message in (
        ("x" * 201, "201 characters are too many to search for. Send up to 200."),
        ("a\0b", "NUL"),
        ("a\ud800b", "surrogate"),
    ):
        with pytest.raises(RequestError, match=message):
            await search(world, list, text)


async def test_a_merge_is_found_at_once(world: World) -> None:
    """The leads of the merged contact are found by the other one, with what that was filled with, and by the merged
    one's name."""
    await described(world)
    made = await world.change("createContact", {"name": "Alva N."}, "contact { id }")
    await world.change("mergeContacts", {"winnerId": made["contact"]["id"], "loserId": world["Álvaro"]})
    assert await search(world, "leads", "nunez alvaro") == "Pump"
    assert await search(world, "leads", "alva n 2345") == "Pump"
    await expect_consistent(world.database)


async def forget(world: World) -> None:
    """Leave contacts, customers and leads as an earlier version has stored them."""
    await world.sql("UPDATE contact SET words = NULL")
    await world.sql("UPDATE customer SET words = NULL")
    await world.sql("DELETE FROM lead_search")


async def test_missing_words_are_filled_in(world: World, strangers: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """Every record of every organisation is found again, in batches; a second time there is nothing to do."""
    monkeypatch.setattr(missing_values, "BATCH", 2)
    await described(world)
    await described(strangers)
    await forget(world)
    counted: list[tuple[int, int]] = []
    async with world.database.acquire() as connection:
        await fill(connection, lambda *done: counted.append(done))
        assert sum(done for done, _ in counted) == 28
        assert {of for _, of in counted} == {28}
        await expect_consistent(world.database)
        counted.clear()
        await fill(connection, lambda *done: counted.append(done))
        assert counted == []


async def test_a_copy_that_is_missing_is_filled_in(world: World) -> None:
    """A lead that had its words before its contact did gets them with the contact's."""
    await described(world)
    await world.sql("UPDATE contact SET words = NULL")
    await world.sql("UPDATE lead_search SET contact_words = ''")
    async with world.database.acquire() as connection:
        await fill(connection)
    await expect_consistent(world.database)


async def test_two_servers_fill_in_turn(world: World) -> None:
    """Both end when all is filled in, and neither fails."""
    await described(world)
    await forget(world)

    async def one() -> None:
        async with world.database.acquire() as connection:
            await fill(connection)
            assert await connection.fetchval("SELECT count(*) FROM lead_search") == 8

    await asyncio.gather(*(one() for _ in range(4)))
    await expect_consistent(world.database)
