"""Lists of contacts and customers: search, filters, order, and the totals of their deals."""

from typing import Any

from tests.support.world import World

LISTED = (
    "query($search: String, $archived: Boolean) { contacts(search: $search, archived: $archived) { nodes { name } } }"
)


async def names(world: World, **asked: Any) -> list[str]:
    found = await world.ask(LISTED, asked)
    return [node["name"] for node in found["contacts"]["nodes"]]


async def test_a_customer_shows_who_works_there_now(world: World) -> None:
    """The customer's contacts are listed as all contacts are: searched, filtered, and without archived ones by
    default."""
    for name, phone in (("Zoe", "1"), ("Yann", None), ("Gone", None)):
        given = {"name": name, "customerId": world["Acme"], "phone": phone}
        made = await world.change("createContact", given, "contact { id }")
    await world.change("archiveContact", {"contactId": made["contact"]["id"]})
    asked = """query($id: ID!) { customer(id: $id) {
        now: contacts { totalCount nodes { name } } away: contacts(archived: true) { nodes { name } }
        found: contacts(search: "zo", filter: { hasPhone: true }) { nodes { name } }
    } }"""
    assert (await world.ask(asked, {"id": world["Acme"]}))["customer"] == {
        "now": {"totalCount": 2, "nodes": [{"name": "Yann"}, {"name": "Zoe"}]},
        "away": {"nodes": [{"name": "Gone"}]},
        "found": {"nodes": [{"name": "Zoe"}]},
    }


async def test_search_leaves_out_archived_ones(world: World) -> None:
    """Search ignores case, and finds archived contacts only where these are asked for."""
    for name in ("100% Zoe", "1000 Zoe", "a_b", "axb"):
        made = await world.change("createContact", {"name": name}, "contact { id }")
    await world.change("archiveContact", {"contactId": made["contact"]["id"]})
    assert await names(world, search="zOE") == ["100% Zoe", "1000 Zoe"]
    assert await names(world, search="a") == ["a_b"]
    assert await names(world, search="a", archived=True) == ["axb"]


async def test_totals_of_a_contact(world: World) -> None:
    """The totals count the deals, their outcome and their value; tasks and deals are listed beside them."""
    contact = world["contact of mia"]
    for name in ("Ada", "Bob", "Eve", "Cleo"):
        await world.change("updateLead", {"leadId": world[name], "contactId": contact})
    await world.change("disqualifyLead", {"leadId": world["Cleo"], "reason": "No"})
    await world.change("createTask", {"title": "Call", "contactId": contact})
    asked = """query($id: ID!) { contact(id: $id) {
        totals { count openCount wonCount lostCount values { currency count value weightedValue } }
        tasks { nodes { title } } leads(filter: { closed: false }) { nodes { title } }
    } }"""
    found = (await world.ask(asked, {"id": contact}))["contact"]
    assert found["totals"] == {
        "count": 4, "openCount": 2, "wonCount": 1, "lostCount": 1,
        "values": [
            {"currency": "EUR", "count": 1, "value": "1000.00", "weightedValue": "500.00"},
            {"currency": "USD", "count": 2, "value": "750.50", "weightedValue": "525.05"},
        ],
    }  # fmt: skip
    assert found["tasks"]["nodes"] == [{"title": "Call"}]
    assert [lead["title"] for lead in found["leads"]["nodes"]] == ["Ada", "Bob"]


async def test_filters_and_orders(world: World) -> None:
    """All parts of a filter must match, and the last changed can come first."""
    given = {"name": "Zoe", "customerId": world["Acme"], "phone": "1", "address": "1 Main St\nBonn", "notes": "Writes"}
    made = await world.change("createContact", given, "contact { address notes }")
    assert made["contact"] == {"address": "1 Main St\nBonn", "notes": "Writes"}
    listed = "query($f: ContactFilter) { contacts(filter: $f) { nodes { name } } }"
    acme = ({"customerId": world["Acme"]}, {"customerIds": [world["Acme"]]})
    for wanted in (*acme, {"hasCustomer": True}, {"hasEmail": False, "hasPhone": True}):
        found = await world.ask(listed, {"f": wanted})
        assert [contact["name"] for contact in found["contacts"]["nodes"]] == ["Zoe"]
    found = await world.ask(listed, {"f": {"hasEmail": True, "hasCustomer": True}})
    assert found["contacts"]["nodes"] == []
    assert (await world.ask(listed, {"f": {"customerIds": []}}))["contacts"]["nodes"] == []
    await world.change("updateContact", {"contactId": world["contact of ian"], "notes": "Gone"})
    newest = "{ contacts(orderBy: { field: UPDATED_AT, direction: DESC }, first: 1) { nodes { name notes } } }"
    assert (await world.ask(newest))["contacts"]["nodes"] == [{"name": "Contact of ian", "notes": "Gone"}]
    alone = "{ customers(filter: { hasContacts: true, hasWebsite: false, hasPhone: false }) { nodes { name } } }"
    assert (await world.ask(alone))["customers"]["nodes"] == [{"name": "Acme"}]
