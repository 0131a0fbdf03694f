"""archiveCustomer: an archived customer is hidden from lists and pickers; the records that name it stay."""

from engine.change.records import instant
from models import Role
from models.rules.ids import parse_id
from tests.support.consistency import expect_consistent
from tests.support.world import RITA, World

SHOW = "customer { name archived version }"
LISTED = "query($archived: Boolean) { customers(archived: $archived) { nodes { name } } }"


async def names(world: World, archived: bool | None = None) -> list[str]:
    """The names of the listed customers."""
    found = await world.ask(LISTED, {"archived": archived})
    return [customer["name"] for customer in found["customers"]["nodes"]]


async def test_an_archived_customer_is_listed_only_when_asked_for(world: World) -> None:
    """Archiving counts one version and leaves one event with its instant; the record itself can still be read."""
    head = await world.head()
    given = {"customerId": world["Acme"], "expectedVersion": 1}
    made = await world.change("archiveCustomer", given, SHOW, **RITA)
    assert made["customer"] == {"name": "Acme", "archived": True, "version": 2}
    assert "Acme" not in await names(world)
    assert await names(world, archived=True) == ["Acme"]
    asked = f"query($id: ID!) {{ {SHOW.replace('customer', 'customer(id: $id)')} }}"
    assert (await world.ask(asked, {"id": world["Acme"]}))["customer"] == made["customer"]
    archived_at = await world.database.pool.fetchval("SELECT archived_at FROM customer WHERE name = 'Acme'")
    changes = {"archivedAt": [None, instant(archived_at)]}
    assert await world.recorded(head) == [("customer.archived", "archive_customer", {"changes": changes})]
    assert (await world.events(head))[0]["record_id"] == parse_id("customer", world["Acme"])
    await expect_consistent(world.database)


async def test_what_names_it_stays(world: World) -> None:
    """Leads keep the customer and show that it is archived; new leads are refused it."""
    await world.change("archiveCustomer", {"customerId": world["Acme"]})
    assert await world.lead("Eve", "customer { name archived }") == {"customer": {"name": "Acme", "archived": True}}
    given = {"leadId": world["Ada"], "customerId": world["Acme"]}
    await world.refused("updateLead", given, "ARCHIVED", "customerId")
    await world.refused("createLead", {"title": "Gil", "customerId": world["Acme"]}, "ARCHIVED", "customerId")
    await world.refused("createTask", {"title": "Call", "customerId": world["Acme"]}, "ARCHIVED", "customerId")
    await world.change("updateLead", {"leadId": world["Eve"], "customerId": world["Acme"], "score": 1})


async def test_archiving_twice_changes_nothing(world: World) -> None:
    """Neither the version nor the log changes the second time; of twenty at once, one archives."""
    given = {"customerId": world["Acme"]}
    head = await world.head()
    assert await world.at_once("archiveCustomer", *[given] * 20) == {"done": 20}
    made = await world.change("archiveCustomer", given, SHOW)
    assert (made["customer"]["version"], await world.head()) == (2, head + 1)


async def test_a_conflict_shows_the_customer_as_it_is(world: World) -> None:
    """A stale version is a conflict, also where the customer is already archived."""
    await world.change("archiveCustomer", {"customerId": world["Acme"]})
    given = {"customerId": world["Acme"], "expectedVersion": 1}
    shown = await world.refused("archiveCustomer", given, "CONFLICT", "expectedVersion", show=SHOW)
    assert shown["customer"] == {"name": "Acme", "archived": True, "version": 2}


async def test_strangers_are_not_found(world: World, strangers: World) -> None:
    """Another organisation's customer is not found, and an id of another type is refused."""
    await world.refused("archiveCustomer", {"customerId": strangers["Acme"]}, "NOT_FOUND", "customerId")
    await world.refused("archiveCustomer", {"customerId": world["Ada"]}, "WRONG_ID", "customerId")


async def test_a_viewer_archives_nothing(world: World) -> None:
    """Archiving a customer requires the role rep."""
    body = await world.attempt("archiveCustomer", {"customerId": world["Acme"]}, subject="vera", role=Role.VIEWER)
    assert [error["extensions"]["code"] for error in body["errors"]] == ["FORBIDDEN"]
    assert await names(world, archived=True) == []
