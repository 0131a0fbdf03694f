"""updateLead: omitted fields stay, null empties, totals follow, and the event holds each field before and after."""

import asyncio
import json

import pytest

from models import Role
from models.rules.ids import parse_id
from tests.support.consistency import expect_consistent
from tests.support.world import World

SHOW = """lead {
    title description contact { id } customer { id } owner { id } value currency probability weightedValue
    expectedCloseDate score source externalId version
}"""


async def test_changes_what_is_given_and_records_it(world: World) -> None:
    """All fields at once count one version, with one event for the fields and one for the owner."""
    head = await world.head()
    given = {
        "leadId": world["Bob"],
        "title": " Robert ",
        "description": "Tall",
        "contactId": world["contact of mia"],
        "customerId": world["Acme"],
        "ownerId": world["mia"],
        "value": "99.9",
        "currency": "EUR",
        "probability": 0,
        "expectedCloseDate": "2027-01-31",
        "score": -3,
        "source": "web",
        "externalId": "b-1",
        "expectedVersion": 1,
    }
    made = await world.change("updateLead", given, SHOW)
    assert made["lead"] == {
        "title": "Robert",
        "description": "Tall",
        "contact": {"id": world["contact of mia"]},
        "customer": {"id": world["Acme"]},
        "owner": {"id": world["mia"]},
        "value": "99.90",
        "currency": "EUR",
        "probability": 0,
        "weightedValue": "0.00",
        "expectedCloseDate": "2027-01-31",
        "score": -3,
        "source": "web",
        "externalId": "b-1",
        "version": 2,
    }
    updated, assigned = await world.events(head)
    assert (updated["type"], updated["mutation"]) == ("lead.updated", "update_lead")
    assert json.loads(updated["data"])["changes"] == {
        "title": ["Bob", "Robert"],
        "description": [None, "Tall"],
        "contactId": [None, world["contact of mia"]],
        "customerId": [None, world["Acme"]],
        "value": ["250.50", "99.90"],
        "currency": ["USD", "EUR"],
        "probability": [None, 0],
        "expectedCloseDate": [None, "2027-01-31"],
        "score": [None, -3],
        "source": [None, "web"],
        "externalId": [None, "b-1"],
    }
    assert (assigned["type"], json.loads(assigned["data"])) == (
        "lead.assigned",
        {"from": world["rita"], "to": world["mia"]},
    )
    assert {event["owner_id"] for event in (updated, assigned)} == {parse_id("member", world["mia"])}
    await expect_consistent(world.database)


async def test_left_out_stays_and_null_empties(world: World) -> None:
    """Each optional field can be emptied, and only that one is."""
    full = {
        "description": "Tall",
        "contactId": world["contact of mia"],
        "customerId": world["Acme"],
        "ownerId": world["rita"],
        "value": "250.50",
        "currency": "USD",
        "probability": 10,
        "expectedCloseDate": "2027-01-31",
        "score": 1,
        "source": "web",
        "externalId": "b-1",
    }
    shown = {name.removesuffix("Id") if name != "externalId" else name: value for name, value in full.items()}
    shown |= {name: {"id": shown[name]} for name in ("contact", "customer", "owner")}
    for name in (name for name in full if name not in ("currency", "probability")):
        await world.change("updateLead", {"leadId": world["Bob"], **full})
        made = await world.change("updateLead", {"leadId": world["Bob"], name: None}, SHOW)
        emptied = name.removesuffix("Id") if name != "externalId" else name
        found = {key: value for key, value in made["lead"].items() if key in shown}
        assert found == {**shown, emptied: None}
    await expect_consistent(world.database)


async def test_without_its_own_probability_it_has_that_of_its_stage(world: World) -> None:
    """Null removes the lead's own probability."""
    made = await world.change("updateLead", {"leadId": world["Ada"], "probability": None}, SHOW)
    assert (made["lead"]["probability"], made["lead"]["weightedValue"]) == (10, "100.00")
    await expect_consistent(world.database)


async def test_what_changes_nothing_leaves_no_trace(world: World) -> None:
    """The same values, however they are written, or none at all, leave version and log as they are."""
    head = await world.head()
    same = {"title": " Ada", "value": "1000.0", "currency": "EUR", "probability": 50, "externalId": "crm-1 "}
    for given in ({}, same, {"value": 1000, "description": None, "ownerId": None, "source": ""}):
        made = await world.change("updateLead", {"leadId": world["Ada"], **given}, SHOW)
        assert made["lead"]["version"] == 1
    assert await world.head() == head


@pytest.mark.parametrize(
    ("name", "given", "value", "currency"),
    [
        ("Ada", {"currency": "JPY"}, "1000", "JPY"),
        ("Ada", {"currency": "KWD"}, "1000.000", "KWD"),
        ("Ada", {"value": None}, None, "EUR"),
        ("Ada", {"value": None, "currency": None}, None, None),
        ("Ada", {"value": "7"}, "7.00", "EUR"),
        ("Cleo", {"value": "7"}, "7.00", "USD"),
        ("Cleo", {"currency": "EUR"}, None, "EUR"),
    ],
)
async def test_value_and_currency_go_together(
    world: World, name: str, given: dict, value: str | None, currency: str | None
) -> None:
    """A value has the precision of its currency, which is the organisation's when the lead had none."""
    made = await world.change("updateLead", {"leadId": world[name], **given}, SHOW)
    assert (made["lead"]["value"], made["lead"]["currency"]) == (value, currency)
    await expect_consistent(world.database)


@pytest.mark.parametrize(
    ("given", "code", "path"),
    [
        ({"title": None}, "INVALID", "title"),
        ({"title": " "}, "INVALID", "title"),
        ({"currency": None}, "INVALID", "currency"),
        ({"currency": "EURO"}, "INVALID", "currency"),
        ({"value": "-1"}, "INVALID", "value"),
        ({"value": "1.005"}, "INVALID", "value"),
        ({"value": "1.5", "currency": "JPY"}, "INVALID", "value"),
        ({"probability": 200}, "INVALID", "probability"),
        ({"expectedCloseDate": "1066-10-14"}, "INVALID", "expectedCloseDate"),
        ({"source": "x" * 1_000_000}, "INVALID", "source"),
        ({"externalId": "crm-2"}, "EXTERNAL_ID_TAKEN", "externalId"),
        ({"title": "B", "expectedVersion": 2}, "CONFLICT", "expectedVersion"),
        ({"title": "B", "expectedVersion": -1}, "CONFLICT", "expectedVersion"),
    ],
    ids=lambda value: str(value)[:40],
)
async def test_refusals(world: World, given: dict, code: str, path: str) -> None:
    """Each refusal has its code and its field, and nothing changes."""
    await world.change("updateLead", {"leadId": world["Dan"], "externalId": "crm-2"})
    await world.refused("updateLead", {"leadId": world["Ada"], **given}, code, path)


async def test_a_conflict_shows_the_lead_as_it_is(world: World) -> None:
    """The conflict returns the lead, so that the caller can decide again."""
    stale = {"leadId": world["Ada"], "title": "B", "expectedVersion": 4}
    shown = await world.refused("updateLead", stale, "CONFLICT", "expectedVersion", show=SHOW)
    assert (shown["lead"]["title"], shown["lead"]["version"]) == ("Ada", 1)


async def test_owners(world: World) -> None:
    """A rep takes leads without an owner and gives up her own; the rest takes a manager; nobody assigns to deactivated
    Ian."""
    rita = {"subject": "rita", "role": Role.REP}
    ada, bob = {"leadId": world["Ada"]}, {"leadId": world["Bob"]}
    await world.refused("updateLead", {**ada, "ownerId": world["ian"]}, "OWNER_INACTIVE", "ownerId")
    await world.refused("updateLead", {**ada, "ownerId": world["mia"]}, "FORBIDDEN", "ownerId", **rita)
    await world.refused("updateLead", {**bob, "ownerId": world["mia"]}, "FORBIDDEN", "ownerId", **rita)
    await world.change("updateLead", {**ada, "ownerId": world["rita"]}, **rita)
    await world.change("updateLead", {**bob, "ownerId": None}, **rita)
    await world.change("updateLead", {**bob, "ownerId": world["mia"]}, subject="mia", role=Role.MANAGER)
    await world.refused("updateLead", {**bob, "ownerId": None}, "FORBIDDEN", "ownerId", **rita)
    made = await world.change("updateLead", {**bob, "ownerId": world["mia"], "title": "Rob"}, SHOW, **rita)
    assert made["lead"]["title"] == "Rob"


async def test_an_owner_who_has_left_may_stay(world: World) -> None:
    """The other fields can still be changed, so that a form can be sent back as it was."""
    await world.sql("UPDATE member SET active = false WHERE subject = 'rita'")
    made = await world.change("updateLead", {"leadId": world["Bob"], "ownerId": world["rita"], "score": 5}, SHOW)
    assert made["lead"]["score"] == 5


async def test_a_converted_lead_keeps_what_was_agreed(world: World) -> None:
    """The opportunity has the commercial fields now; the lead's notes can still be changed."""
    await world.change("createPipeline", {"name": "Deals", "type": "OPPORTUNITY", "stages": [{"name": "A"}]})
    await world.change("qualifyLead", {"leadId": world["Bob"]})
    await world.change("convertLead", {"leadId": world["Bob"]})
    for given, path in (
        ({"value": "1"}, "value"),
        ({"currency": "EUR"}, "currency"),
        ({"probability": 5}, "probability"),
        ({"expectedCloseDate": "2027-01-01"}, "expectedCloseDate"),
        ({"contactId": world["contact of mia"]}, "contactId"),
        ({"customerId": world["Acme"]}, "customerId"),
    ):
        shown = await world.refused(
            "updateLead", {"leadId": world["Bob"], **given}, "LEAD_CONVERTED", path, show="lead { title }"
        )
        assert shown["lead"] == {"title": "Bob"}
    await world.change("updateLead", {"leadId": world["Bob"], "description": "Went well", "value": "250.50"})
    await expect_consistent(world.database)


async def test_one_of_twenty_with_the_same_version_wins(world: World) -> None:
    """With a version one update wins; without a version all are made, one after the other."""
    ada = {"leadId": world["Ada"]}
    bodies = await asyncio.gather(
        *(world.attempt("updateLead", {**ada, "value": str(at), "expectedVersion": 1}) for at in range(1, 21))
    )
    codes = [[error["code"] for error in body["data"]["result"]["userErrors"]] for body in bodies]
    assert sorted(codes) == [[]] + [["CONFLICT"]] * 19
    await asyncio.gather(*(world.change("updateLead", {**ada, "value": str(at)}) for at in range(2000, 2020)))
    assert await world.lead("Ada", "version") == {"version": 22}
    await expect_consistent(world.database)
