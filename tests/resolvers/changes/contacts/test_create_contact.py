"""createContact: a person with their details, tidied, at a customer or on their own."""

import pytest

from models import Role
from models.rules.ids import parse_id
from tests.support.consistency import expect_consistent
from tests.support.world import RITA, World

SHOW = "contact { id name email phone jobTitle address notes customer { id } archived version }"
EMPTY = {"email": None, "phone": None, "jobTitle": None, "address": None, "notes": None, "customer": None}
LONGEST = {"name": 300, "phone": 50, "jobTitle": 300, "address": 20_000, "notes": 20_000}


async def test_everything_that_is_given_is_kept(world: World) -> None:
    """Texts are stored on one line without surrounding spaces, address and notes keep their lines, one event records
    it."""
    head = await world.head()
    given = {
        "name": "  Zoe \n Ray ",
        "email": " zoe@ray.test ",
        "phone": "+1  2",
        "jobTitle": "Chief\tof all",
        "address": " 1 Main St\nBonn ",
        "notes": "Writes\n\nletters\n",
        "customerId": world["Acme"],
    }
    made = (await world.change("createContact", given, SHOW, **RITA))["contact"]
    assert made == {
        "id": made["id"],
        "name": "Zoe Ray",
        "email": "zoe@ray.test",
        "phone": "+1 2",
        "jobTitle": "Chief of all",
        "address": "1 Main St\nBonn",
        "notes": "Writes\n\nletters",
        "customer": {"id": world["Acme"]},
        "archived": False,
        "version": 1,
    }
    found = await world.ask(
        f"query($id: ID!) {{ contact(id: $id) {SHOW.removeprefix('contact ')} }}", {"id": made["id"]}
    )
    assert found["contact"] == made
    fields = {name: made[name] for name in given.keys() - {"customerId"}} | {"customerId": world["Acme"]}
    assert await world.recorded(head) == [("contact.created", "create_contact", fields)]
    (event,) = await world.events(head)
    assert (event["record_id"], event["actor_id"]) == (
        parse_id("contact", made["id"]),
        parse_id("member", world["rita"]),
    )
    await expect_consistent(world.database)


@pytest.mark.parametrize("nothing", [{}, dict.fromkeys(("email", "phone", "jobTitle", "address", "notes"), " \n")])
async def test_a_name_is_enough(world: World, nothing: dict[str, str]) -> None:
    """Omitted and blank fields are null, and two people may have one name."""
    for _ in range(2):
        made = (await world.change("createContact", {"name": "Zoe", **nothing}, SHOW))["contact"]
        assert made == {"id": made["id"], "name": "Zoe", "archived": False, "version": 1, **EMPTY}


@pytest.mark.parametrize(
    "email", ["nobody", "@x.test", "a b@x.test", "a@", "@", "a@b c", "x" * 250 + "@x.test", "a\0@x.test"], ids=repr
)
async def test_what_is_no_address_is_refused(world: World, email: str) -> None:
    """An e-mail address has something before and after its @, and no spaces."""
    await world.refused("createContact", {"name": "Zoe", "email": email}, "INVALID", "email")


@pytest.mark.parametrize("field", LONGEST)
async def test_each_field_has_its_longest_text(world: World, field: str) -> None:
    """The longest text is accepted; one character more is refused at the field."""
    fitting = {"name": "Zoe", field: "x" * LONGEST[field]}
    made = await world.change("createContact", fitting, SHOW)
    assert made["contact"][field] == "x" * LONGEST[field]
    await world.refused("createContact", {"name": "Zoe", field: "x" * (LONGEST[field] + 1)}, "INVALID", field)


async def test_an_address_has_up_to_254_characters(world: World) -> None:
    """An e-mail address has at most 254 characters, as mail servers require."""
    longest = "x" * 247 + "@x.test"
    made = await world.change("createContact", {"name": "Zoe", "email": longest}, SHOW)
    assert (len(longest), made["contact"]["email"]) == (254, longest)
    await world.refused("createContact", {"name": "Zoe", "email": "x" + longest}, "INVALID", "email")


async def test_refusals(world: World, strangers: World) -> None:
    """A blank name is refused, and so is a customer that is unknown, archived, or no customer."""
    for given, code, field in (
        ({"name": " \n"}, "INVALID", "name"),
        ({"name": "Zoe", "customerId": strangers["Acme"]}, "NOT_FOUND", "customerId"),
        ({"name": "Zoe", "customerId": world["rita"]}, "WRONG_ID", "customerId"),
    ):
        shown = await world.refused("createContact", given, code, field, show="contact { id }")
        assert shown["contact"] is None
    await world.change("archiveCustomer", {"customerId": world["Acme"]})
    await world.refused("createContact", {"name": "Zoe", "customerId": world["Acme"]}, "ARCHIVED", "customerId")


async def test_a_viewer_adds_nobody(world: World) -> None:
    """Creating a contact requires the role rep."""
    body = await world.attempt("createContact", {"name": "Zoe"}, subject="vera", role=Role.VIEWER)
    assert [error["extensions"]["code"] for error in body["errors"]] == ["FORBIDDEN"]
