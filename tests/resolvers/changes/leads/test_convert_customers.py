"""convertLead recognises the customer that a contact's company already is."""

import asyncio
from typing import Any

import pytest

from tests.support.consistency import expect_consistent
from tests.support.recipes import opportunities
from tests.support.world import World

SHOW = "customer { id name website } similarCustomers { id name }"


@pytest.fixture
async def qualified(world: World) -> World:
    """Ada is qualified, with a contact; there is a pipeline for deals."""
    await opportunities(world)
    await world.change("qualifyLead", {"leadId": world["Ada"]})
    await world.change("updateLead", {"leadId": world["Ada"], "contactId": world["contact of mia"]})
    return world


async def writes_from(world: World, email: str) -> None:
    """The address of Ada's contact."""
    await world.change("updateContact", {"contactId": world["contact of mia"], "email": email})


async def offered(world: World, name: str = "Something else") -> list[str]:
    """The names of the customers that a conversion is offered, which is refused."""
    given = {"leadId": world["Ada"], "createCustomer": {"name": name}}
    shown = await world.refused("convertLead", given, "DUPLICATE_CUSTOMER", "createCustomer", show=SHOW)
    return [customer["name"] for customer in shown["similarCustomers"]]


@pytest.mark.parametrize(
    ("website", "email"),
    [
        ("https://www.bolt.example/", "x@bolt.example"),
        ("http://bolt.example/contact?from=mail", "x@bolt.example"),
        ("BOLT.example", "X@Mail.Bolt.EXAMPLE"),
        ("shop.bolt.co.uk", "x@bolt.co.uk"),
        ("https://xn--bcher-kva.de", "x@bücher.de"),
    ],
)
async def test_a_website_is_compared_by_its_domain(qualified: World, website: str, email: str) -> None:
    """However it is written: with or without a scheme, `www.`, a path or a name below the domain."""
    world = qualified
    await world.change("createCustomer", {"name": "Bolt", "website": website})
    await writes_from(world, email)
    assert await offered(world) == ["Bolt"]


async def test_a_changed_website_is_compared_as_it_is_now(qualified: World) -> None:
    """And no longer as it was; one that a conversion fills in counts, too."""
    world = qualified
    acme = {"customerId": world["Acme"]}
    await world.change("updateCustomer", {**acme, "website": "www.old.example"})
    await world.change("updateCustomer", {**acme, "website": "www.new.example"})
    await writes_from(world, "x@new.example")
    assert await offered(world) == ["Acme"]
    await writes_from(world, "x@old.example")
    made = await world.change("convertLead", {"leadId": world["Ada"], "createCustomer": {}}, SHOW)
    assert (made["customer"]["name"], made["customer"]["website"]) == ("old.example", "old.example")
    await expect_consistent(world.database)


async def test_a_filled_website_is_compared(qualified: World) -> None:
    """A customer that a conversion completes is recognised by its new website."""
    world = qualified
    await writes_from(world, "x@mail.filled.example")
    made = await world.change("convertLead", {"leadId": world["Ada"], "customerId": world["Acme"]}, SHOW)
    assert made["customer"]["website"] == "filled.example"
    await expect_consistent(world.database)
    await world.change("qualifyLead", {"leadId": world["Bob"]})
    contact = {"name": "Y", "email": "y@filled.example"}
    contact_id = (await world.change("createContact", contact, "contact { id }"))["contact"]["id"]
    await world.change("updateLead", {"leadId": world["Bob"], "contactId": contact_id})
    given = {"leadId": world["Bob"], "createCustomer": {"name": "Y"}}
    shown = await world.refused("convertLead", given, "DUPLICATE_CUSTOMER", "createCustomer", show=SHOW)
    assert [customer["id"] for customer in shown["similarCustomers"]] == [world["Acme"]]


@pytest.mark.parametrize("domain", ["aol.com", "qq.com", "proton.me", "live.com", "t-online.de", "orange.fr"])
async def test_a_provider_is_no_company(qualified: World, domain: str) -> None:
    """A person with an address of a provider becomes a customer of their own name, and the next one is not taken for
    the same company, not even where a customer has the provider as its website."""
    world = qualified
    await world.change("createCustomer", {"name": "The provider", "website": f"https://www.{domain}"})
    await writes_from(world, f"x@{domain}")
    made = await world.change("convertLead", {"leadId": world["Ada"], "createCustomer": {}}, SHOW)
    assert (made["customer"]["name"], made["customer"]["website"]) == ("Contact of mia", None)
    await world.change("qualifyLead", {"leadId": world["Bob"]})
    contact = (await world.change("createContact", {"name": "Y", "email": f"y@{domain}"}, "contact { id }"))["contact"]
    await world.change("updateLead", {"leadId": world["Bob"], "contactId": contact["id"]})
    made = await world.change("convertLead", {"leadId": world["Bob"], "createCustomer": {}}, SHOW)
    assert (made["customer"]["name"], made["customer"]["website"]) == ("Y", None)


@pytest.mark.parametrize("name", ["ACME GmbH", "Ácme, Inc.", "A.C.M.E.", "acme gmbh & co. kg", "Acme S.p.A."])
async def test_names_are_compared_without_legal_form(qualified: World, name: str) -> None:
    """Nor accents, case, signs and blanks."""
    assert await offered(qualified, name) == ["Acme"]


async def test_an_archived_customer_is_not_offered(qualified: World) -> None:
    """Until it is restored."""
    world = qualified
    await world.change("archiveCustomer", {"customerId": world["Acme"]})
    given: dict[str, Any] = {"leadId": world["Ada"], "createCustomer": {"name": "Acme GmbH"}}
    await world.change("convertLead", {**given, "dryRun": True})
    await world.change("restoreCustomer", {"customerId": world["Acme"]})
    assert await offered(world, "Acme GmbH") == ["Acme"]


@pytest.mark.parametrize("alike", ["name", "domain"])
async def test_converted_at_once_they_are_one_customer(qualified: World, alike: str) -> None:
    """Of names that differ in the legal form, or of addresses at names below one domain, one customer is created."""
    world = qualified
    asked = []
    for nth, form in enumerate(("GmbH", "Inc.", "S.A.", "Ltd", "AG", "B.V.")):
        email = {"email": f"x@host{nth}.gill.example"} if alike == "domain" else {}
        contact = await world.change("createContact", {"name": f"Gil {nth}", **email}, "contact { id }")
        given = {"title": f"Gil {nth}", "contactId": contact["contact"]["id"]}
        lead = (await world.change("createLead", given, "lead { id }"))["lead"]
        await world.change("qualifyLead", {"leadId": lead["id"]})
        name = f"Gil {nth}" if alike == "domain" else f"Gil {form}"
        asked.append({"leadId": lead["id"], "createCustomer": {"name": name}})
    bodies = await asyncio.gather(*(world.attempt("convertLead", given) for given in asked))
    codes = sorted(str([error["code"] for error in body["data"]["result"]["userErrors"]]) for body in bodies)
    assert codes == ["['DUPLICATE_CUSTOMER']"] * 5 + ["[]"]
    found = await world.ask('{ customers(search: "gil") { totalCount } }')
    assert found["customers"]["totalCount"] == 1
    await expect_consistent(world.database)
