"""updateContact: omitted fields stay, null empties, and the event holds each field before and after."""

from typing import Any

import pytest

from models import Role
from models.rules.ids import parse_id
from tests.support.consistency import expect_consistent
from tests.support.world import RITA, World

SHOW = "contact { name email phone jobTitle address notes customer { id } archived version }"


def full(world: World) -> dict[str, Any]:
    """A value in each field that can be empty."""
    return {
        "email": "zoe@ray.test",
        "phone": "+1 2",
        "jobTitle": "CEO",
        "address": "1 Main St\nBonn",
        "notes": "Writes",
        "customerId": world["Acme"],
    }


async def test_changes_what_is_given(world: World) -> None:
    """All fields at once count one version and leave one event."""
    head = await world.head()
    given = {"contactId": world["contact of rita"], "name": " Zoë  Ray", **full(world), "expectedVersion": 1}
    made = await world.change("updateContact", given, SHOW, **RITA)
    kept = {**full(world), "customer": {"id": world["Acme"]}}
    del kept["customerId"]
    assert made["contact"] == {"name": "Zoë Ray", **kept, "archived": False, "version": 2}
    before = {**dict.fromkeys(full(world)), "email": "rita@example.com"}
    changes = {name: [before[name], value] for name, value in full(world).items()}
    assert await world.recorded(head) == [
        ("contact.updated", "update_contact", {"changes": {"name": ["Contact of rita", "Zoë Ray"], **changes}})
    ]
    assert (await world.events(head))[0]["record_id"] == parse_id("contact", world["contact of rita"])
    await expect_consistent(world.database)


async def test_left_out_stays_and_null_empties(world: World) -> None:
    """Each optional field can be emptied, with null or a blank, and only that one is."""
    contact, values = {"contactId": world["contact of rita"]}, full(world)
    kept = {**values, "customer": {"id": world["Acme"]}}
    del kept["customerId"]
    for name in values:
        for nothing in (None,) if name == "customerId" else (None, "", " \n"):
            await world.change("updateContact", {**contact, **values})
            made = await world.change("updateContact", {**contact, name: nothing}, SHOW)
            found = {key: made["contact"][key] for key in kept}
            assert found == {**kept, name.removesuffix("Id"): None}
            assert made["contact"]["name"] == "Contact of rita"


async def test_what_changes_nothing_leaves_no_trace(world: World) -> None:
    """The same values, however they are written, or none at all, change nothing."""
    contact = {"contactId": world["contact of rita"]}
    head = await world.head()
    for given in ({}, {"name": " Contact  of rita"}, {"email": "rita@example.com ", "phone": None, "notes": ""}):
        made = await world.change("updateContact", {**contact, **given}, SHOW)
        assert made["contact"]["version"] == 1
    assert await world.head() == head


@pytest.mark.parametrize(
    ("given", "code", "path"),
    [
        ({"name": None}, "INVALID", "name"),
        ({"name": " "}, "INVALID", "name"),
        ({"name": "x" * 301}, "INVALID", "name"),
        ({"email": "nobody"}, "INVALID", "email"),
        ({"email": "x" * 250 + "@x.test"}, "INVALID", "email"),
        ({"phone": "1" * 51}, "INVALID", "phone"),
        ({"jobTitle": "x" * 301}, "INVALID", "jobTitle"),
        ({"address": "x" * 20_001}, "INVALID", "address"),
        ({"notes": "x" * 20_001}, "INVALID", "notes"),
        ({"notes": "\udfff"}, "INVALID", "notes"),
        ({"name": "Zoe", "expectedVersion": 2}, "CONFLICT", "expectedVersion"),
        ({"expectedVersion": 0}, "CONFLICT", "expectedVersion"),
    ],
    ids=lambda value: str(value)[:40].encode("ascii", "backslashreplace").decode(),
)
async def test_refusals(world: World, given: dict[str, Any], code: str, path: str) -> None:
    """Each refusal has its code and its field, and nothing changes."""
    await world.refused("updateContact", {"contactId": world["contact of rita"], **given}, code, path)


async def test_strangers_are_not_found(world: World, strangers: World) -> None:
    """Another organisation's record is not found, as the contact or as its customer."""
    rita = {"contactId": world["contact of rita"]}
    theirs = {"contactId": strangers["contact of rita"], "name": "Ours"}
    await world.refused("updateContact", theirs, "NOT_FOUND", "contactId")
    await world.refused("updateContact", {**rita, "customerId": strangers["Acme"]}, "NOT_FOUND", "customerId")
    await world.refused("updateContact", {"contactId": world["Acme"]}, "WRONG_ID", "contactId")


async def test_an_archived_customer_may_stay_but_not_come(world: World) -> None:
    """An archived customer may stay, so that a form can be sent back as it was, also for an archived contact."""
    rita, acme = {"contactId": world["contact of rita"]}, {"customerId": world["Acme"]}
    await world.change("updateContact", {**rita, **acme})
    await world.change("archiveCustomer", acme)
    await world.change("archiveContact", rita)
    made = await world.change("updateContact", {**rita, **acme, "name": "Rita"}, SHOW)
    assert (made["contact"]["name"], made["contact"]["archived"]) == ("Rita", True)
    mia = {"contactId": world["contact of mia"]}
    await world.refused("updateContact", {**mia, **acme}, "ARCHIVED", "customerId")


async def test_a_conflict_shows_the_contact_as_it_is(world: World) -> None:
    """The conflict returns the contact, so that the caller can decide again."""
    given = {"contactId": world["contact of rita"], "name": "Zoe", "expectedVersion": 4}
    shown = await world.refused("updateContact", given, "CONFLICT", "expectedVersion", show=SHOW)
    assert (shown["contact"]["name"], shown["contact"]["version"]) == ("Contact of rita", 1)


async def test_one_of_twenty_with_the_same_version_wins(world: World) -> None:
    """With a version one update wins; without a version all are made, one after the other."""
    rita = {"contactId": world["contact of rita"]}
    inputs = [{**rita, "phone": str(nth), "expectedVersion": 1} for nth in range(20)]
    assert await world.at_once("updateContact", *inputs) == {"done": 1, "CONFLICT": 19}
    more = [{**rita, "phone": str(nth)} for nth in range(100, 120)]
    assert await world.at_once("updateContact", *more) == {"done": 20}
    kept = await world.database.pool.fetchval("SELECT version FROM contact WHERE name = 'Contact of rita'")
    assert kept == 22
    await expect_consistent(world.database)


async def test_a_viewer_changes_nobody(world: World) -> None:
    """Updating a contact requires the role rep."""
    given = {"contactId": world["contact of rita"], "name": "Zoe"}
    body = await world.attempt("updateContact", given, subject="vera", role=Role.VIEWER)
    assert [error["extensions"]["code"] for error in body["errors"]] == ["FORBIDDEN"]
