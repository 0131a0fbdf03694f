"""restoreContact: an archived contact appears in lists and pickers again."""

import asyncio

from engine.change.records import instant
from models import Role
from models.rules.ids import parse_id
from tests.support.consistency import expect_consistent
from tests.support.world import RITA, World

SHOW = "contact { name archived version }"


async def archived(world: World) -> dict[str, str]:
    """The input that restores an archived contact."""
    given = {"contactId": world["contact of rita"]}
    await world.change("archiveContact", given)
    return given


async def test_a_restored_contact_is_listed_again(world: World) -> None:
    """Restoring counts one version and leaves one event, which holds since when the contact was archived."""
    given = await archived(world)
    archived_at = await world.database.pool.fetchval("SELECT archived_at FROM contact WHERE name = 'Contact of rita'")
    head = await world.head()
    made = await world.change("restoreContact", {**given, "expectedVersion": 2}, SHOW, **RITA)
    assert made["contact"] == {"name": "Contact of rita", "archived": False, "version": 3}
    changes = {"archivedAt": [instant(archived_at), None]}
    assert await world.recorded(head) == [("contact.restored", "restore_contact", {"changes": changes})]
    assert (await world.events(head))[0]["record_id"] == parse_id("contact", world["contact of rita"])
    listed = await world.ask("{ now: contacts { nodes { name } } away: contacts(archived: true) { nodes { name } } }")
    assert {"name": "Contact of rita"} in listed["now"]["nodes"]
    assert listed["away"]["nodes"] == []
    await expect_consistent(world.database)


async def test_it_can_be_named_again(world: World) -> None:
    """A lead that was refused the archived contact takes the restored one."""
    given = await archived(world)
    lead = {"leadId": world["Ada"], **given}
    await world.refused("updateLead", lead, "ARCHIVED", "contactId")
    await world.change("restoreContact", given)
    await world.change("updateLead", lead)
    assert await world.lead("Ada", "contact { name }") == {"contact": {"name": "Contact of rita"}}


async def test_what_is_not_archived_stays_as_it_is(world: World) -> None:
    """Neither the version nor the log changes; of twenty at once, one restores."""
    head = await world.head()
    made = await world.change("restoreContact", {"contactId": world["contact of rita"]}, SHOW)
    assert (made["contact"]["version"], await world.head()) == (1, head)
    given = await archived(world)
    head = await world.head()
    assert await world.at_once("restoreContact", *[given] * 20) == {"done": 20}
    assert await world.head() == head + 1


async def test_archived_and_restored_at_once(world: World) -> None:
    """The events alternate, and the last of them matches the record."""
    given, head = {"contactId": world["contact of rita"]}, await world.head()
    await asyncio.gather(world.at_once("archiveContact", *[given] * 10), world.at_once("restoreContact", *[given] * 10))
    types = [one[0] for one in await world.recorded(head)]
    assert types == [("contact.archived", "contact.restored")[nth % 2] for nth in range(len(types))]
    made = await world.change("updateContact", given, SHOW)
    assert made["contact"]["archived"] == (len(types) % 2 == 1)
    await expect_consistent(world.database)


async def test_a_conflict_shows_the_contact_as_it_is(world: World) -> None:
    """The conflict returns the contact, so that the caller can decide again."""
    given = {**await archived(world), "expectedVersion": 1}
    shown = await world.refused("restoreContact", given, "CONFLICT", "expectedVersion", show=SHOW)
    assert shown["contact"] == {"name": "Contact of rita", "archived": True, "version": 2}


async def test_strangers_are_not_found(world: World, strangers: World) -> None:
    """Another organisation's contact is not found, and an id of another type is refused."""
    await world.refused("restoreContact", await archived(strangers), "NOT_FOUND", "contactId")
    await world.refused("restoreContact", {"contactId": world["Ada"]}, "WRONG_ID", "contactId")


async def test_a_viewer_restores_nothing(world: World) -> None:
    """Restoring a contact requires the role rep."""
    body = await world.attempt("restoreContact", await archived(world), subject="vera", role=Role.VIEWER)
    assert [error["extensions"]["code"] for error in body["errors"]] == ["FORBIDDEN"]
