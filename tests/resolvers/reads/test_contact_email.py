"""Leads are found by a contact's e-mail address as fast as contacts are."""

from typing import Any

import pytest

from engine.read.rows import rows
from models.tables.lead import Lead
from resolvers.conditions.sql import compiled
from resolvers.conditions.stored import stored
from tests.support.world import World


@pytest.mark.parametrize(
    ("operator", "value", "expected"),
    [
        ("equals", "ADA@example.com", ["Ada"]),
        ("in", ["bob@example.com", "Ada@Example.com", "nobody@example.com"], ["Ada", "Bob"]),
        ("equals", "nobody@example.com", []),
        ("contains", "@example", ["Ada", "Bob"]),
        ("isSet", False, ["Nobody", "Without"]),
    ],
)
async def test_an_address_is_looked_up_before_leads_are(
    world: World, operator: str, value: Any, expected: list[str]
) -> None:
    """The contacts with a whole address are found first, once, and not looked up for each lead; leads without a
    contact, or with one without an address, match as before."""
    people = {}
    for name, email in (("Ada", "ada@example.com"), ("Bob", "Bob@example.com"), ("Nobody", None)):
        made = await world.change("createContact", {"name": name, "email": email}, "contact { id }")
        people[name] = made["contact"]["id"]
    for title in ("Ada", "Bob", "Nobody", "Without"):
        await world.change("createLead", {"title": title, "contactId": people.get(title), "source": "looked up"})
    of_source = {"source": {"equals": "looked up"}}
    for condition, titles in (
        ({"contactEmail": {operator: value}}, expected),
        ({"not": {"contactEmail": {operator: value}}}, [t for t in (*people, "Without") if t not in expected]),
    ):
        query = (
            "query($c: Condition!) { matchingLeads(condition: $c, orderBy: {field: TITLE}) { nodes { title } count {"
            " count } } }"
        )
        found = (await world.ask(query, {"c": {"and": [of_source, condition]}}))["matchingLeads"]
        assert [node["title"] for node in found["nodes"]] == titles
        assert found["count"]["count"] == len(titles)


def test_only_whole_addresses_are_looked_up() -> None:
    """Parts of an address have no index: the contact of each lead is read."""
    for operator, value in {"equals": "a@b.c", "in": ["a@b.c"], "contains": "a", "isSet": True}.items():
        found = rows(Lead)
        condition = compiled(stored({"contactEmail": {operator: value}}, lambda *_: "given"), found.entity)
        assert ("array(" in str(condition)) == (operator in ("equals", "in")), operator
