"""createCustomer: a company with what is known of it; its external id is its own in the organisation."""

import pytest

from models import Role
from models.rules.ids import parse_id
from tests.support.consistency import expect_consistent
from tests.support.world import RITA, World

SHOW = "customer { id name website industry phone address notes externalId archived version }"
LONGEST = {
    "name": 300, "website": 2000, "industry": 300, "phone": 50, "address": 20_000, "notes": 20_000, "externalId": 300
}  # fmt: skip


async def test_everything_that_is_given_is_kept(world: World) -> None:
    """On one line without spaces around it, but for address and notes, which keep their lines; one event records it."""
    head = await world.head()
    given = {
        "name": "  Bolt \n Ltd ",
        "website": " bolt.example ",
        "industry": "Steel  and more",
        "phone": "+1 2",
        "address": " 1 Main St\nBonn ",
        "notes": "Pays\n\nlate\n",
        "externalId": " c-1 ",
    }
    made = (await world.change("createCustomer", given, SHOW, **RITA))["customer"]
    assert made == {
        "id": made["id"],
        "name": "Bolt Ltd",
        "website": "bolt.example",
        "industry": "Steel and more",
        "phone": "+1 2",
        "address": "1 Main St\nBonn",
        "notes": "Pays\n\nlate",
        "externalId": "c-1",
        "archived": False,
        "version": 1,
    }
    asked = f"query($id: ID!) {{ customer(id: $id) {SHOW.removeprefix('customer ')} }}"
    assert (await world.ask(asked, {"id": made["id"]}))["customer"] == made
    assert await world.recorded(head) == [("customer.created", "create_customer", {})]
    assert (await world.events(head))[0]["record_id"] == parse_id("customer", made["id"])
    await expect_consistent(world.database)


@pytest.mark.parametrize("nothing", [{}, dict.fromkeys(set(LONGEST) - {"name"}, " \n")], ids=["left out", "blank"])
async def test_a_name_is_enough(world: World, nothing: dict[str, str]) -> None:
    """What is left out or blank is null, and many customers may have no external id and one name."""
    for _ in range(2):
        made = (await world.change("createCustomer", {"name": "Bolt", **nothing}, SHOW))["customer"]
        empty = dict.fromkeys(LONGEST)
        assert made == {**empty, "id": made["id"], "name": "Bolt", "archived": False, "version": 1}


@pytest.mark.parametrize("field", LONGEST)
async def test_each_field_has_its_longest_text(world: World, field: str) -> None:
    """That fits; one character more is refused at the field, and so is a blank name or a NUL."""
    made = await world.change("createCustomer", {"name": "Bolt", field: "x" * LONGEST[field]}, SHOW)
    assert made["customer"][field] == "x" * LONGEST[field]
    for wrong in ("x" * (LONGEST[field] + 1), "a\0b"):
        await world.refused("createCustomer", {"name": "Bolt", field: wrong}, "INVALID", field)


async def test_a_blank_name_is_refused(world: World) -> None:
    """At the name; no customer is shown."""
    shown = await world.refused("createCustomer", {"name": " \n"}, "INVALID", "name", show="customer { id }")
    assert shown["customer"] is None


async def test_an_external_id_is_taken_once(world: World, strangers: World) -> None:
    """However its spaces are sent, and also by an archived customer; another organisation may use the same."""
    given = {"name": "Bolt", "externalId": "c-1"}
    made = await world.change("createCustomer", given, SHOW)
    await world.refused("createCustomer", {**given, "externalId": " c-1"}, "EXTERNAL_ID_TAKEN", "externalId")
    await world.change("archiveCustomer", {"customerId": made["customer"]["id"]})
    await world.refused("createCustomer", given, "EXTERNAL_ID_TAKEN", "externalId")
    await world.change("createCustomer", {**given, "externalId": "C-1"})
    await strangers.change("createCustomer", given)


async def test_one_of_twenty_with_one_external_id_is_made(world: World) -> None:
    """The others find that it is taken."""
    given = {"name": "Bolt", "externalId": "c-1"}
    assert await world.at_once("createCustomer", *[given] * 20) == {"done": 1, "EXTERNAL_ID_TAKEN": 19}
    assert await world.database.pool.fetchval("SELECT count(*) FROM customer WHERE name = 'Bolt'") == 1
    await expect_consistent(world.database)


async def test_a_viewer_adds_no_customer(world: World) -> None:
    """It takes a rep."""
    body = await world.attempt("createCustomer", {"name": "Bolt"}, subject="vera", role=Role.VIEWER)
    assert [error["extensions"]["code"] for error in body["errors"]] == ["FORBIDDEN"]
