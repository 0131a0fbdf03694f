"""Finding leads: each part of a filter and each order, over six leads."""

from collections.abc import Mapping
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import pytest

from engine.errors import RequestError
from models.database import Database
from schema.api import graphql_schema
from tests.support.world import MIA, RITA, Api, World

#         stage        owner   value                       expected to close  contact   customer
# Apples  New          -       -                           -                  -         -
# Bolts   New          rita    100 EUR                     2026-03-01         Nora      -
# Cups    Contacted    mia     250 USD                     2026-03-31         -         Umbra
# Doors   Lost         rita    50 EUR                      -                  -         -
# Edges   Offer        mia     250 EUR                     2026-04-01         Omar      Fjord
# Forks   Won          rita    1000 JPY                    2025-12-31         Nora      Fjord
#
# They came in on the first six days of 2026. Bolts and Doors have an open task, Edges a done one.

PIPELINES: Mapping[str, tuple[str, list[dict[str, str]]]] = {
    "Inbound": ("LEAD", [{"name": "New"}, {"name": "Contacted"}, {"name": "Lost", "kind": "LOST"}]),
    "Deals": ("OPPORTUNITY", [{"name": "Offer"}, {"name": "Won", "kind": "WON"}]),
}
LEADS: Mapping[str, dict[str, str]] = {
    "Apples": {"stageId": "New"},
    "Bolts": {"stageId": "New", "ownerId": "rita", "value": "100", "currency": "EUR",
              "expectedCloseDate": "2026-03-01", "contactId": "Nora", "score": "7"},
    "Cups": {"stageId": "Contacted", "ownerId": "mia", "value": "250", "currency": "USD",
             "expectedCloseDate": "2026-03-31", "customerId": "Umbra", "score": "3"},
    "Doors": {"stageId": "Lost", "lostReason": "Too dear", "ownerId": "rita", "value": "50", "currency": "EUR"},
    "Edges": {"stageId": "Offer", "ownerId": "mia", "value": "250", "currency": "EUR",
              "expectedCloseDate": "2026-04-01", "contactId": "Omar", "customerId": "Fjord"},
    "Forks": {"stageId": "Won", "ownerId": "rita", "value": "1000", "currency": "JPY",
              "expectedCloseDate": "2025-12-31", "contactId": "Nora", "customerId": "Fjord"},
}  # fmt: skip

FILTERS: Mapping[str, tuple[dict[str, Any], str]] = {
    "nothing asked": ({}, "Apples Bolts Cups Doors Edges Forks"),
    "nulls ask nothing": ({"kind": None, "search": None, "value": None}, "Apples Bolts Cups Doors Edges Forks"),
    "a pipeline": ({"pipelineIds": ["Deals"]}, "Edges Forks"),
    "either pipeline": ({"pipelineIds": ["Deals", "Inbound"]}, "Apples Bolts Cups Doors Edges Forks"),
    "no pipeline": ({"pipelineIds": []}, ""),
    "a stage": ({"stageIds": ["New"]}, "Apples Bolts"),
    "either stage": ({"stageIds": ["Contacted", "Won"]}, "Cups Forks"),
    "leads": ({"kind": "LEAD"}, "Apples Bolts Cups Doors"),
    "opportunities": ({"kind": "OPPORTUNITY"}, "Edges Forks"),
    "an owner": ({"ownerIds": ["rita"]}, "Bolts Doors Forks"),
    "either owner": ({"ownerIds": ["rita", "mia"]}, "Bolts Cups Doors Edges Forks"),
    "unowned": ({"unowned": True}, "Apples"),
    "owned": ({"unowned": False}, "Bolts Cups Doors Edges Forks"),
    "an owner, and unowned": ({"ownerIds": ["rita"], "unowned": True}, ""),
    "an owner who has left": ({"ownerInactive": True}, ""),
    "no owner who has left": ({"ownerInactive": False}, "Apples Bolts Cups Doors Edges Forks"),
    "a contact": ({"contactIds": ["Nora"]}, "Bolts Forks"),
    "a customer": ({"customerIds": ["Fjord"]}, "Edges Forks"),
    "closed": ({"closed": True}, "Doors Forks"),
    "open": ({"closed": False}, "Apples Bolts Cups Edges"),
    "a next step": ({"hasNextTask": True}, "Bolts Doors"),
    "no next step": ({"hasNextTask": False}, "Apples Cups Edges Forks"),
    "open, without a next step": ({"hasNextTask": False, "closed": False}, "Apples Cups Edges"),
    "stale": ({"isRotten": True}, "Apples"),
    "not stale": ({"isRotten": False}, "Bolts Cups Doors Edges Forks"),
    "not stale, and open": ({"isRotten": False, "closed": False}, "Bolts Cups Edges"),
    "a forecast category": ({"forecastCategories": ["COMMIT", "CLOSED"]}, "Cups Forks"),
    "no forecast category": ({"forecastCategories": []}, ""),
    "a currency": ({"currency": "EUR"}, "Bolts Doors Edges"),
    "a currency that nothing is in": ({"currency": "CHF"}, ""),
    "a value from": ({"value": {"min": "250"}}, "Cups Edges Forks"),
    "a value up to": ({"value": {"max": "100.00"}}, "Bolts Doors"),
    "a value from and up to": ({"value": {"min": "50", "max": "100"}}, "Bolts Doors"),
    "a value that cannot be": ({"value": {"min": "100", "max": "50"}}, ""),
    "any value, or none": ({"value": {}}, "Apples Bolts Cups Doors Edges Forks"),
    "a value in a currency": ({"value": {"min": "60"}, "currency": "EUR"}, "Bolts Edges"),
    "closing from": ({"expectedCloseDate": {"from": "2026-03-31"}}, "Cups Edges"),
    "closing up to": ({"expectedCloseDate": {"to": "2026-03-01"}}, "Bolts Forks"),
    "closing in March": ({"expectedCloseDate": {"from": "2026-03-01", "to": "2026-03-31"}}, "Bolts Cups"),
    "come in from": ({"createdAt": {"from": "2026-01-05T00:00:00Z"}}, "Edges Forks"),
    "come in from, an hour east": ({"createdAt": {"from": "2026-01-05T01:00:00+01:00"}}, "Edges Forks"),
    "come in up to": ({"createdAt": {"to": "2026-01-02T00:00:00Z"}}, "Apples Bolts"),
    "come in during": ({"createdAt": {"from": "2026-01-02T00:00:01Z", "to": "2026-01-04T23:59:59Z"}}, "Cups Doors"),
    "a text in the title": ({"search": "doo"}, "Doors"),
    "a text in any case": ({"search": "APPLES"}, "Apples"),
    "a contact's name": ({"search": "berg"}, "Bolts Forks"),
    "a contact's e-mail": ({"search": "@haddad.example"}, "Edges"),
    "a customer's name": ({"search": "umbra"}, "Cups"),
    "words in several places": ({"search": "clinics  NORA fo"}, "Forks"),
    "not the middle of a word": ({"search": "oors"}, ""),
    "no word": ({"search": " -- "}, "Apples Bolts Cups Doors Edges Forks"),
    "a text that is nowhere": ({"search": "zebra"}, ""),
    "all of it": (
        {"pipelineIds": ["Deals"], "kind": "OPPORTUNITY", "ownerIds": ["mia"], "currency": "EUR", "closed": False,
         "value": {"min": "1"}, "search": "omar"},
        "Edges",
    ),
}  # fmt: skip

ORDERS: Mapping[str, tuple[str, str]] = {
    "CREATED_AT": ("Apples Bolts Cups Doors Edges Forks", "Forks Edges Doors Cups Bolts Apples"),
    "UPDATED_AT": ("Bolts Cups Doors Edges Forks Apples", "Apples Forks Edges Doors Cups Bolts"),
    "TITLE": ("Apples Bolts Cups Doors Edges Forks", "Forks Edges Doors Cups Bolts Apples"),
    "VALUE": ("Doors Bolts Cups Edges Forks Apples", "Forks Edges Cups Bolts Doors Apples"),
    "EXPECTED_CLOSE_DATE": ("Forks Bolts Cups Edges Apples Doors", "Edges Cups Bolts Forks Doors Apples"),
    "SCORE": ("Cups Bolts Apples Doors Edges Forks", "Bolts Cups Forks Edges Doors Apples"),
    "STAGE_ENTERED_AT": ("Apples Bolts Doors Edges Forks Cups", "Cups Forks Edges Doors Bolts Apples"),
}
"""Each order from both ends. Leads without a value come last either way; equal ones are in order of creation."""

ASK = """query($filter: LeadFilter, $order: LeadOrder, $first: Int, $after: Cursor) {
    leads(filter: $filter, orderBy: $order, first: $first, after: $after) {
        totalCount nodes { title } pageInfo { hasNextPage endCursor }
    }
}"""


@pytest.fixture
async def leads(api: Api, database: Database) -> World:
    """The six leads."""
    world = World(api, database, "demo")
    for name, (type_, stages) in PIPELINES.items():
        given = {"name": name, "type": type_, "stages": stages}
        made = await world.change("createPipeline", given, "pipeline { id stages { id name } }")
        world.ids |= {stage["name"]: stage["id"] for stage in made["pipeline"]["stages"]}
        world.ids[name] = made["pipeline"]["id"]
    for name, full in (("Fjord", "Fjord Clinics"), ("Umbra", "Umbra Logistics")):
        made = await world.change("createCustomer", {"name": full}, "customer { id }")
        world.ids[name] = made["customer"]["id"]
    for name, full, who in (("Nora", "Nora Berg", RITA), ("Omar", "Omar Haddad", MIA)):
        given = {"name": full, "email": full.lower().replace(" ", "@") + ".example"}
        made = await world.change("createContact", given, "contact { id }", **who)
        world.ids[name] = made["contact"]["id"]
    members = await world.ask("{ members { nodes { id name } } }")
    world.ids |= {member["name"]: member["id"] for member in members["members"]["nodes"]}
    for day, (title, fields) in enumerate(LEADS.items(), 1):
        given = {"title": title, **named(world, fields)}
        if "score" in given:
            given["score"] = int(given["score"])
        world.ids[title] = (await world.change("createLead", given, "lead { id }"))["lead"]["id"]
        await world.sql("UPDATE lead SET created_at = $2 WHERE title = $1", title, datetime(2026, 1, day, tzinfo=UTC))
    for title in ("Bolts", "Doors", "Edges"):
        made = await world.change("createTask", {"title": "Call", "leadId": world[title]}, "task { id }")
    await world.change("completeTask", {"taskId": made["task"]["id"]})
    await world.sql("UPDATE lead SET stage_entered_at = now() + interval '1 day' WHERE title = 'Cups'")
    await world.sql("UPDATE lead SET stage_entered_at = now() - interval '9 days' WHERE title = 'Apples'")
    await world.sql("UPDATE stage SET rotten_after_days = 8 WHERE name IN ('New', 'Contacted')")
    await world.sql("UPDATE lead SET forecast_category = 'COMMIT' WHERE title = 'Cups'")
    await world.sql("UPDATE lead SET updated_at = now() + interval '1 day' WHERE title = 'Apples'")
    return world


def named(world: World, value: Any) -> Any:
    """The filter with ids in place of names."""
    if isinstance(value, Mapping):
        return {key: named(world, part) if key[-2:] in ("Id", "ds") else part for key, part in value.items()}
    return [world[name] for name in value] if isinstance(value, list) else world[value]


async def titles(world: World, **variables: Any) -> str:
    """The titles of the leads found, in order."""
    found = (await world.ask(ASK, variables))["leads"]
    assert found["totalCount"] == len(found["nodes"])
    return " ".join(lead["title"] for lead in found["nodes"])


async def test_filters(leads: World) -> None:
    """Each filter of the table above finds exactly the leads listed with it."""
    oldest_first = {"field": "CREATED_AT", "direction": "ASC"}
    found = {
        what: await titles(leads, filter=named(leads, wanted), order=oldest_first)
        for what, (wanted, _) in FILTERS.items()
    }
    assert found == {what: expected for what, (_, expected) in FILTERS.items()}


def test_every_part_of_a_filter_is_tried() -> None:
    """A part that is added to the filter has to be added to the table."""
    parts = graphql_schema.type_map["LeadFilter"].fields
    assert {part for wanted, _ in FILTERS.values() for part in wanted} == set(parts)


async def test_totals_of_what_was_filtered(leads: World) -> None:
    """Each column counts and sums up what the filter matches, or all leads without a filter."""
    query = """query($filter: LeadFilter) {
      leads(filter: $filter) { nodes { stage { id } value currency weightedValue closedAt nextTask { id } } }
      pipelines { stages { id totals(filter: $filter) {
        count withoutNextTask values { currency count value weightedValue }
      } } }
    }"""
    for wanted in ({}, *(wanted for wanted, _ in FILTERS.values())):
        found = await leads.ask(query, {"filter": named(leads, wanted)})
        for stage in (stage for pipeline in found["pipelines"] for stage in pipeline["stages"]):
            here = [node for node in found["leads"]["nodes"] if node["stage"]["id"] == stage["id"]]
            assert stage["totals"] == {
                "count": len(here),
                "withoutNextTask": sum(node["nextTask"] is None and node["closedAt"] is None for node in here),
                "values": [
                    {
                        "currency": currency,
                        "count": len(priced),
                        "value": str(sum(Decimal(node["value"]) for node in priced)),
                        "weightedValue": str(sum(Decimal(node["weightedValue"]) for node in priced)),
                    }
                    for currency in sorted({node["currency"] for node in here if node["value"]})
                    for priced in [[node for node in here if node["currency"] == currency and node["value"]]]
                ],
            }, wanted


async def test_orders(leads: World) -> None:
    """Each order of the table above is that of the list, from both ends."""
    found = {
        field: tuple([await titles(leads, order={"field": field, "direction": way}) for way in ("ASC", "DESC")])
        for field in ORDERS
    }
    assert found == ORDERS


def test_every_order_is_tried() -> None:
    """An order that is added has to be added to the table; the board's order has a test of its own."""
    assert {*ORDERS, "BOARD"} == set(graphql_schema.type_map["LeadOrderField"].values)


async def test_the_newest_come_first(leads: World) -> None:
    """Without an order, leads are listed from the newest."""
    assert await titles(leads) == "Forks Edges Doors Cups Bolts Apples"


async def test_the_order_of_the_board(leads: World) -> None:
    """Within a stage the cards have the order that people gave them: a new one on top, a dropped one in its place."""
    new = {"filter": {"stageIds": [leads["New"]]}, "order": {"field": "BOARD"}}
    assert await titles(leads, **new) == "Bolts Apples"
    dropped = {"leadId": leads["Cups"], "stageId": leads["New"], "afterLeadId": leads["Bolts"]}
    await leads.change("moveLead", dropped)
    assert await titles(leads, **new) == "Bolts Cups Apples"


async def test_pages_of_what_was_filtered_and_sorted(leads: World) -> None:
    """The pages hold the leads of the list in its order, and each page has the full count."""
    wanted: dict[str, Any] = {"filter": {"unowned": False}, "order": {"field": "VALUE", "direction": "DESC"}}
    pages, after = [], None
    while after is not None or not pages:
        page = (await leads.ask(ASK, {**wanted, "first": 2, "after": after}))["leads"]
        pages.append([lead["title"] for lead in page["nodes"]])
        assert page["totalCount"] == 5
        after = page["pageInfo"]["endCursor"] if page["pageInfo"]["hasNextPage"] else None
    assert pages == [["Forks", "Edges"], ["Cups", "Bolts"], ["Doors"]]


async def test_another_organisation_finds_nothing(leads: World) -> None:
    """A stranger finds none of the leads with any filter."""
    for wanted, _ in FILTERS.values():
        body = await leads.api(ASK, {"filter": named(leads, wanted)}, organisation="strangers")
        assert body["data"]["leads"]["nodes"] == []


async def test_a_filter_lists_up_to_500_ids(leads: World) -> None:
    """Repeated ones count; one more is refused, wherever ids are listed, with what to send."""
    for field, id in (("ownerIds", leads["rita"]), ("customerIds", leads["Fjord"])):
        data = await leads.ask(ASK, {"filter": {field: [id] * 500}})
        assert data["leads"]["totalCount"] > 0
        wrong = rf"{field}: 501 ids are too many for a filter\. Send up to 500, in several requests\."
        with pytest.raises(RequestError, match=wrong):
            await leads.ask(ASK, {"filter": {field: [id] * 501}})
