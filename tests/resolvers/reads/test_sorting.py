"""Lists by title or name are sorted as people sort, on every page, after every change, and after an upgrade."""

from typing import Any

import pytest

from models import organisation_id
from models.rules.ids import parse_id
from resolvers.changes import missing_values
from resolvers.changes.missing_values import fill
from tests.support.consistency import expect_consistent
from tests.support.world import World

NAMES = ("alvaro", "Álvaro", "Alvaro 2", "apple", "Item 9", "item 10", "Zebra", "Ωmega", "名前")
"""In the order that people expect."""

LISTS = {"leads": ("TITLE", "title"), "contacts": ("NAME", "name"), "customers": ("NAME", "name")}


async def named(world: World) -> None:
    """A lead, a contact and a customer of each name, made from the last to the first."""
    for name in reversed(NAMES):
        await world.change("createContact", {"name": name})
        await world.change("createCustomer", {"name": name})
        await world.change("createLead", {"title": name})


async def walked(world: World, list: str, order: str, shown: str, direction: str) -> list[str]:
    """The names in a list, read in pages of two."""
    seen: list[str] = []
    query = (
        f"query($after: Cursor) {{ page: {list}(first: 2, after: $after, orderBy: {{field: {order}, direction:"
        f" {direction}}}) {{ nodes {{ name: {shown} }} pageInfo {{ hasNextPage endCursor }} }} }}"
    )
    after = None
    while True:
        page: Any = (await world.ask(query, {"after": after}))["page"]
        seen += [node["name"] for node in page["nodes"]]
        if not page["pageInfo"]["hasNextPage"]:
            return [name for name in seen if name in NAMES]
        after = page["pageInfo"]["endCursor"]


@pytest.mark.parametrize("list", LISTS)
@pytest.mark.parametrize("direction", ["ASC", "DESC"])
async def test_pages_are_in_the_order_that_people_expect(world: World, list: str, direction: str) -> None:
    """Case and accents do not separate names, numbers go by their value, and cursors continue exactly there."""
    await named(world)
    expected = NAMES if direction == "ASC" else NAMES[::-1]
    assert await walked(world, list, *LISTS[list], direction) == [*expected]


async def test_members_are_sorted_alike(world: World) -> None:
    """By the names that they join with, and by those that they are given later."""
    joined = ("zoe 10", "Émile", "emil", "Zoe 9")
    for name in joined:
        await world.change("createContact", {"name": "x"}, subject=name)
    query = "{ members(first: 100) { nodes { id name } } }"
    found = (await world.ask(query))["members"]["nodes"]
    assert [node["name"] for node in found if node["name"] in joined] == ["emil", "Émile", "Zoe 9", "zoe 10"]
    await world.change("updateMember", {"memberId": found[-1]["id"], "name": "Äda"})
    assert (await world.ask(query))["members"]["nodes"][0]["id"] == found[-1]["id"]
    await expect_consistent(world.database)


@pytest.mark.parametrize("list", LISTS)
async def test_a_new_name_is_a_new_place(world: World, list: str) -> None:
    """An update of the name moves the record; an update of anything else leaves it where it was."""
    await named(world)
    order, shown = LISTS[list]
    noun = list[:-1]
    query = f"{{ page: {list}(first: 100) {{ nodes {{ id name: {shown} }} }} }}"
    ids = {node["name"]: node["id"] for node in (await world.ask(query))["page"]["nodes"]}
    change, field = f"update{noun.capitalize()}", {"leads": "description"}.get(list, "notes")
    await world.change(change, {f"{noun}Id": ids["Zebra"], shown: "Alvaro 2"})
    await world.change(change, {f"{noun}Id": ids["Alvaro 2"], shown: "Zebra"})
    await world.change(change, {f"{noun}Id": ids["apple"], field: "Red."})
    assert await walked(world, list, order, shown, "ASC") == [*NAMES]
    await expect_consistent(world.database)


async def test_missing_keys_are_filled_in(world: World, strangers: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """Every lead, contact, customer and member of every organisation, in batches; nothing else is written."""
    monkeypatch.setattr(missing_values, "BATCH", 2)
    await named(world)
    await named(strangers)
    lacking = 0
    for table in ("lead", "contact", "customer", "member"):
        await world.sql(f"UPDATE {table} SET sort_key = ''")
        lacking += await world.database.pool.fetchval(f"SELECT count(*) FROM {table}")
    counted: list[tuple[int, int]] = []
    async with world.database.acquire() as connection:
        await fill(connection, lambda *done: counted.append(done))
    assert sum(done for done, _ in counted) == lacking
    assert {of for _, of in counted} == {lacking}
    await expect_consistent(world.database)


async def test_keys_of_customers_and_contacts_are_filled_in(world: World) -> None:
    """What they are recognised by is made of the name, the website and the address; a row that has its sort key
    already gets the others."""
    await world.change("updateCustomer", {"customerId": world["Acme"], "website": "www.acme.example"})
    await world.sql("UPDATE customer SET name_key = '', domain_key = NULL")
    await world.sql("UPDATE contact SET email_key = NULL, domain_key = NULL")
    counted: list[tuple[int, int]] = []
    async with world.database.acquire() as connection:
        await fill(connection, lambda *done: counted.append(done))
        assert sum(done for done, _ in counted) == 4  # one customer, three contacts
        await fill(connection, lambda *done: counted.append(done))
        assert sum(done for done, _ in counted) == 4
    keys = await world.database.pool.fetchrow("SELECT name_key, domain_key FROM customer")
    assert tuple(keys) == ("acme", "acme.example")
    await expect_consistent(world.database)


@pytest.mark.parametrize("table", ["lead", "contact"])
async def test_a_key_that_was_written_meanwhile_stays(world: World, table: str) -> None:
    """A change between finding a row and writing its keys is not undone."""
    id = parse_id(table, world["Fay" if table == "lead" else "contact of mia"])
    await world.sql(f"UPDATE {table} SET sort_key = 'written' WHERE id = $1", id)
    async with world.database.acquire() as connection, connection.transaction():
        (filler,) = [one for one in missing_values.FILLERS if one.lacking is missing_values.WITHOUT_KEYS[table]]
        await filler.write(connection, organisation_id(world.organisation), [id])
    assert await world.database.pool.fetchval(f"SELECT sort_key FROM {table} WHERE id = $1", id) == "written"
