"""restoreCustomer: an archived customer appears in lists and pickers again."""

import asyncio

from engine.change.records import instant
from models import Role
from models.rules.ids import parse_id
from tests.support.consistency import expect_consistent
from tests.support.world import RITA, World

SHOW = "customer { name archived version }"


async def archived(world: World) -> dict[str, str]:
    """The input that restores an archived customer."""
    given = {"customerId": world["Acme"]}
    await world.change("archiveCustomer", given)
    return given


async def test_a_restored_customer_is_listed_again(world: World) -> None:
    """Restoring counts one version and leaves one event, which holds since when the customer was archived."""
    given = await archived(world)
    archived_at = await world.database.pool.fetchval("SELECT archived_at FROM customer WHERE name = 'Acme'")
    head = await world.head()
    made = await world.change("restoreCustomer", {**given, "expectedVersion": 2}, SHOW, **RITA)
    assert made["customer"] == {"name": "Acme", "archived": False, "version": 3}
    changes = {"archivedAt": [instant(archived_at), None]}
    assert await world.recorded(head) == [("customer.restored", "restore_customer", {"changes": changes})]
    assert (await world.events(head))[0]["record_id"] == parse_id("customer", world["Acme"])
    listed = await world.ask("{ now: customers { nodes { name } } away: customers(archived: true) { nodes { name } } }")
    assert {"name": "Acme"} in listed["now"]["nodes"]
    assert listed["away"]["nodes"] == []
    await expect_consistent(world.database)


async def test_it_can_be_named_again(world: World) -> None:
    """A lead that was refused the archived customer takes the restored one."""
    given = await archived(world)
    lead = {"leadId": world["Ada"], **given}
    await world.refused("updateLead", lead, "ARCHIVED", "customerId")
    await world.change("restoreCustomer", given)
    await world.change("updateLead", lead)
    assert await world.lead("Ada", "customer { name }") == {"customer": {"name": "Acme"}}


async def test_what_is_not_archived_stays_as_it_is(world: World) -> None:
    """Neither the version nor the log changes; of twenty at once, one restores."""
    head = await world.head()
    made = await world.change("restoreCustomer", {"customerId": world["Acme"]}, SHOW)
    assert (made["customer"]["version"], await world.head()) == (1, head)
    given = await archived(world)
    head = await world.head()
    assert await world.at_once("restoreCustomer", *[given] * 20) == {"done": 20}
    assert await world.head() == head + 1


async def test_archived_and_restored_at_once(world: World) -> None:
    """The events alternate, and the last of them matches the record."""
    given, head = {"customerId": world["Acme"]}, await world.head()
    await asyncio.gather(
        world.at_once("archiveCustomer", *[given] * 10), world.at_once("restoreCustomer", *[given] * 10)
    )
    types = [one[0] for one in await world.recorded(head)]
    assert types == [("customer.archived", "customer.restored")[nth % 2] for nth in range(len(types))]
    made = await world.change("updateCustomer", given, SHOW)
    assert made["customer"]["archived"] == (len(types) % 2 == 1)
    await expect_consistent(world.database)


async def test_a_conflict_shows_the_customer_as_it_is(world: World) -> None:
    """The conflict returns the customer, so that the caller can decide again."""
    given = {**await archived(world), "expectedVersion": 1}
    shown = await world.refused("restoreCustomer", given, "CONFLICT", "expectedVersion", show=SHOW)
    assert shown["customer"] == {"name": "Acme", "archived": True, "version": 2}


async def test_strangers_are_not_found(world: World, strangers: World) -> None:
    """Another organisation's customer is not found, and an id of another type is refused."""
    await world.refused("restoreCustomer", await archived(strangers), "NOT_FOUND", "customerId")
    await world.refused("restoreCustomer", {"customerId": world["Ada"]}, "WRONG_ID", "customerId")


async def test_a_viewer_restores_nothing(world: World) -> None:
    """Restoring a customer requires the role rep."""
    body = await world.attempt("restoreCustomer", await archived(world), subject="vera", role=Role.VIEWER)
    assert [error["extensions"]["code"] for error in body["errors"]] == ["FORBIDDEN"]
