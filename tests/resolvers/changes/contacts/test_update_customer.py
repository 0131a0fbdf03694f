"""updateCustomer: omitted fields stay, null empties, and the event holds each field before and after."""

from typing import Any

import pytest

from models import Role
from models.rules.ids import parse_id
from tests.support.consistency import expect_consistent
from tests.support.world import RITA, World

SHOW = "customer { name website industry phone address notes externalId archived version }"
FULL = {
    "website": "bolt.example",
    "industry": "Steel",
    "phone": "+1 2",
    "address": "1 Main St\nBonn",
    "notes": "Pays late",
    "externalId": "c-1",
}


async def test_changes_what_is_given(world: World) -> None:
    """All fields at once count one version and leave one event."""
    head = await world.head()
    given = {"customerId": world["Acme"], "name": " Bolt  Ltd", **FULL, "expectedVersion": 1}
    made = await world.change("updateCustomer", given, SHOW, **RITA)
    assert made["customer"] == {"name": "Bolt Ltd", **FULL, "archived": False, "version": 2}
    changes = {"name": ["Acme", "Bolt Ltd"], **{name: [None, value] for name, value in FULL.items()}}
    assert await world.recorded(head) == [("customer.updated", "update_customer", {"changes": changes})]
    assert (await world.events(head))[0]["record_id"] == parse_id("customer", world["Acme"])
    await expect_consistent(world.database)


async def test_left_out_stays_and_null_empties(world: World) -> None:
    """Each optional field can be emptied, with null or a blank, and only that one is."""
    acme = {"customerId": world["Acme"]}
    for name in FULL:
        for nothing in (None, "", " \n"):
            await world.change("updateCustomer", {**acme, **FULL})
            made = await world.change("updateCustomer", {**acme, name: nothing}, SHOW)
            assert {key: made["customer"][key] for key in ("name", *FULL)} == {"name": "Acme", **FULL, name: None}


async def test_what_changes_nothing_leaves_no_trace(world: World) -> None:
    """The same values, however they are written, or none at all, change nothing."""
    await world.change("updateCustomer", {"customerId": world["Acme"], **FULL})
    head = await world.head()
    for given in ({}, FULL, {"name": " Acme", "industry": "Steel ", "notes": "Pays late\n"}):
        made = await world.change("updateCustomer", {"customerId": world["Acme"], **given}, SHOW)
        assert made["customer"]["version"] == 2
    assert await world.head() == head


@pytest.mark.parametrize(
    ("given", "code", "path"),
    [
        ({"name": None}, "INVALID", "name"),
        ({"name": " "}, "INVALID", "name"),
        ({"name": "x" * 301}, "INVALID", "name"),
        ({"website": "x" * 2001}, "INVALID", "website"),
        ({"industry": "x" * 301}, "INVALID", "industry"),
        ({"phone": "1" * 51}, "INVALID", "phone"),
        ({"address": "x" * 20_001}, "INVALID", "address"),
        ({"notes": "a\0b"}, "INVALID", "notes"),
        ({"externalId": "x" * 301}, "INVALID", "externalId"),
        ({"externalId": " c-2 "}, "EXTERNAL_ID_TAKEN", "externalId"),
        ({"name": "Bolt", "expectedVersion": 2}, "CONFLICT", "expectedVersion"),
        ({"expectedVersion": -1}, "CONFLICT", "expectedVersion"),
    ],
    ids=lambda value: str(value)[:40],
)
async def test_refusals(world: World, given: dict[str, Any], code: str, path: str) -> None:
    """Each refusal has its code and its field, and nothing changes."""
    await world.change("createCustomer", {"name": "Other", "externalId": "c-2"})
    await world.refused("updateCustomer", {"customerId": world["Acme"], **given}, code, path)


async def test_strangers_are_not_found(world: World, strangers: World) -> None:
    """Another organisation's customer is not found, its external id is not taken, and an id of another type is
    refused."""
    theirs = {"customerId": strangers["Acme"], "externalId": "c-1"}
    await world.refused("updateCustomer", theirs, "NOT_FOUND", "customerId")
    await world.refused("updateCustomer", {"customerId": world["Ada"]}, "WRONG_ID", "customerId")
    await strangers.change("updateCustomer", theirs)
    await world.change("updateCustomer", {"customerId": world["Acme"], "externalId": "c-1"})


async def test_an_archived_customer_can_be_corrected(world: World) -> None:
    """The customer stays archived."""
    await world.change("archiveCustomer", {"customerId": world["Acme"]})
    made = await world.change("updateCustomer", {"customerId": world["Acme"], "notes": "Gone"}, SHOW)
    assert (made["customer"]["notes"], made["customer"]["archived"], made["customer"]["version"]) == ("Gone", True, 3)


async def test_a_conflict_shows_the_customer_as_it_is(world: World) -> None:
    """The conflict returns the customer, so that the caller can decide again."""
    given = {"customerId": world["Acme"], "name": "Bolt", "expectedVersion": 4}
    shown = await world.refused("updateCustomer", given, "CONFLICT", "expectedVersion", show=SHOW)
    assert (shown["customer"]["name"], shown["customer"]["version"]) == ("Acme", 1)


async def test_one_of_twenty_with_the_same_version_wins(world: World) -> None:
    """One update wins; the others get a conflict."""
    inputs = [{"customerId": world["Acme"], "phone": str(nth), "expectedVersion": 1} for nth in range(20)]
    assert await world.at_once("updateCustomer", *inputs) == {"done": 1, "CONFLICT": 19}
    await expect_consistent(world.database)


async def test_one_of_two_customers_takes_an_external_id(world: World) -> None:
    """Of two updates at once to the same external id, one is refused."""
    other = (await world.change("createCustomer", {"name": "Other"}, "customer { id }"))["customer"]["id"]
    inputs = [{"customerId": id, "externalId": "c-1"} for id in (world["Acme"], other)]
    assert await world.at_once("updateCustomer", *inputs) == {"done": 1, "EXTERNAL_ID_TAKEN": 1}


async def test_a_viewer_changes_no_customer(world: World) -> None:
    """Updating a customer requires the role rep."""
    given = {"customerId": world["Acme"], "name": "Bolt"}
    body = await world.attempt("updateCustomer", given, subject="vera", role=Role.VIEWER)
    assert [error["extensions"]["code"] for error in body["errors"]] == ["FORBIDDEN"]
