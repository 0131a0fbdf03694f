"""createCustomer: a company with its details; its external id is unique in the organisation."""

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
    """Texts are stored on one line without surrounding spaces, address and notes keep their lines, one event records
    it."""
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
    fields = {name: made[name] for name in made.keys() - {"id", "archived", "version"}}
    assert await world.recorded(head) == [("customer.created", "create_customer", fields)]
    assert (await world.events(head))[0]["record_id"] == parse_id("customer", made["id"])
    await expect_consistent(world.database)


@pytest.mark.parametrize("nothing", [{}, dict.fromkeys(set(LONGEST) - {"name"}, " \n")], ids=["left out", "blank"])
async def test_a_name_is_enough(world: World, nothing: dict[str, str]) -> None:
    """Omitted and blank fields are null, and many customers may share a name and have no external id."""
    for _ in range(2):
        made = (await world.change("createCustomer", {"name": "Bolt", **nothing}, SHOW))["customer"]
        empty = dict.fromkeys(LONGEST)
        assert made == {**empty, "id": made["id"], "name": "Bolt", "archived": False, "version": 1}


@pytest.mark.parametrize("field", LONGEST)
async def test_each_field_has_its_longest_text(world: World, field: str) -> None:
    """The longest text is accepted; one character more is refused at the field, and so is a blank name or a NUL."""
    made = await world.change("createCustomer", {"name": "Bolt", field: "x" * LONGEST[field]}, SHOW)
    assert made["customer"][field] == "x" * LONGEST[field]
    for wrong in ("x" * (LONGEST[field] + 1), "a\0b"):
        await world.refused("createCustomer", {"name": "Bolt", field: wrong}, "INVALID", field)


async def test_a_blank_name_is_refused(world: World) -> None:
    """The refusal is at the name, and no customer is returned."""
    shown = await world.refused("createCustomer", {"name": " \n"}, "INVALID", "name", show="customer { id }")
    assert shown["customer"] is None


async def test_an_external_id_is_taken_once(world: World, strangers: World) -> None:
    """An external id is taken whatever spaces are sent, also by an archived customer; other organisations may use
    it."""
    given = {"name": "Bolt", "externalId": "c-1"}
    made = await world.change("createCustomer", given, SHOW)
    await world.refused("createCustomer", {**given, "externalId": " c-1"}, "EXTERNAL_ID_TAKEN", "externalId")
    await world.change("archiveCustomer", {"customerId": made["customer"]["id"]})
    await world.refused("createCustomer", given, "EXTERNAL_ID_TAKEN", "externalId")
    await world.change("createCustomer", {**given, "externalId": "C-1"})
    await strangers.change("createCustomer", given)


async def test_one_of_twenty_with_one_external_id_is_made(world: World) -> None:
    """One of twenty creates the customer; the others get the refusal that the id is taken."""
    given = {"name": "Bolt", "externalId": "c-1"}
    assert await world.at_once("createCustomer", *[given] * 20) == {"done": 1, "EXTERNAL_ID_TAKEN": 19}
    assert await world.database.pool.fetchval("SELECT count(*) FROM customer WHERE name = 'Bolt'") == 1
    await expect_consistent(world.database)


async def test_a_viewer_adds_no_customer(world: World) -> None:
    """Creating a customer requires the role rep."""
    body = await world.attempt("createCustomer", {"name": "Bolt"}, subject="vera", role=Role.VIEWER)
    assert [error["extensions"]["code"] for error in body["errors"]] == ["FORBIDDEN"]
