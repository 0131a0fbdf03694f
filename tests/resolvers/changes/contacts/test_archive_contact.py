"""archiveContact: an archived contact is hidden from lists and pickers; the records that name it stay."""

from engine.change.records import instant
from models import Role
from models.rules.ids import parse_id
from tests.support.consistency import expect_consistent
from tests.support.world import RITA, World

SHOW = "contact { name archived version }"
LISTED = "query($archived: Boolean) { contacts(archived: $archived) { nodes { name } } }"


async def names(world: World, archived: bool | None = None) -> list[str]:
    """The names of the listed contacts."""
    found = await world.ask(LISTED, {"archived": archived})
    return [contact["name"] for contact in found["contacts"]["nodes"]]


async def test_an_archived_contact_is_listed_only_when_asked_for(world: World) -> None:
    """Archiving counts one version and leaves one event with its instant; the record itself can still be read."""
    head = await world.head()
    given = {"contactId": world["contact of rita"], "expectedVersion": 1}
    made = await world.change("archiveContact", given, SHOW, **RITA)
    assert made["contact"] == {"name": "Contact of rita", "archived": True, "version": 2}
    assert "Contact of rita" not in await names(world)
    assert await names(world, archived=True) == ["Contact of rita"]
    asked = f"query($id: ID!) {{ {SHOW.replace('contact', 'contact(id: $id)')} }}"
    assert (await world.ask(asked, {"id": world["contact of rita"]}))["contact"] == made["contact"]
    archived_at = await world.database.pool.fetchval("SELECT archived_at FROM contact WHERE name = 'Contact of rita'")
    changes = {"archivedAt": [None, instant(archived_at)]}
    assert await world.recorded(head) == [("contact.archived", "archive_contact", {"changes": changes})]
    assert (await world.events(head))[0]["record_id"] == parse_id("contact", world["contact of rita"])
    await expect_consistent(world.database)


async def test_what_names_it_stays(world: World) -> None:
    """Leads keep the contact and show that it is archived; new leads are refused it."""
    await world.change("archiveContact", {"contactId": world["contact of rita"]})
    assert await world.lead("Dan", "contact { name archived }") == {
        "contact": {"name": "Contact of rita", "archived": True}
    }
    given = {"leadId": world["Ada"], "contactId": world["contact of rita"]}
    await world.refused("updateLead", given, "ARCHIVED", "contactId")
    await world.refused("createLead", {"title": "Gil", "contactId": world["contact of rita"]}, "ARCHIVED", "contactId")
    await world.refused("createTask", {"title": "Call", "contactId": world["contact of rita"]}, "ARCHIVED", "contactId")
    await world.change("updateLead", {"leadId": world["Dan"], "contactId": world["contact of rita"], "score": 1})


async def test_archiving_twice_changes_nothing(world: World) -> None:
    """Neither the version nor the log changes the second time; of twenty at once, one archives."""
    given = {"contactId": world["contact of rita"]}
    head = await world.head()
    assert await world.at_once("archiveContact", *[given] * 20) == {"done": 20}
    made = await world.change("archiveContact", given, SHOW)
    assert (made["contact"]["version"], await world.head()) == (2, head + 1)


async def test_a_conflict_shows_the_contact_as_it_is(world: World) -> None:
    """A stale version is a conflict, also where the contact is already archived."""
    await world.change("archiveContact", {"contactId": world["contact of rita"]})
    given = {"contactId": world["contact of rita"], "expectedVersion": 1}
    shown = await world.refused("archiveContact", given, "CONFLICT", "expectedVersion", show=SHOW)
    assert shown["contact"] == {"name": "Contact of rita", "archived": True, "version": 2}


async def test_strangers_are_not_found(world: World, strangers: World) -> None:
    """Another organisation's contact is not found, and an id of another type is refused."""
    await world.refused("archiveContact", {"contactId": strangers["contact of rita"]}, "NOT_FOUND", "contactId")
    await world.refused("archiveContact", {"contactId": world["Ada"]}, "WRONG_ID", "contactId")


async def test_a_viewer_archives_nothing(world: World) -> None:
    """Archiving a contact requires the role rep."""
    body = await world.attempt(
        "archiveContact", {"contactId": world["contact of rita"]}, subject="vera", role=Role.VIEWER
    )
    assert [error["extensions"]["code"] for error in body["errors"]] == ["FORBIDDEN"]
    assert await names(world, archived=True) == []
