"""Invalid variables are refused before anything runs: each invalid part with its place in the input."""

from typing import Any

import pytest

from engine.errors import RequestError, format_errors
from tests.support.world import World, tables

CREATE = "mutation($lead: CreateLeadInput!) { createLead(input: $lead) { lead { id } userErrors { code } } }"
FILTERED = (
    "query($min: Decimal, $from: Date, $ids: [ID!]!) {"
    " leads(filter: { value: { min: $min }, expectedCloseDate: { from: $from } }) { totalCount }"
    " nodes(ids: $ids) { id } }"
)


async def refused(world: World, query: str, variables: Any) -> list[dict[str, Any]]:
    """The errors of a request that is refused as a whole, and changes nothing."""
    before = await tables(world.database)
    with pytest.raises(RequestError) as caught:
        await world.ask(query, variables)
    assert await tables(world.database) == before
    found = format_errors(caught.value.errors)
    assert {error["extensions"]["code"] for error in found} == {"BAD_USER_INPUT"}
    return found


def places(errors: list[dict[str, Any]]) -> list[tuple[Any, ...]]:
    """Variable, argument and path of each error."""
    return [tuple(error["extensions"].get(name) for name in ("variable", "argument", "path")) for error in errors]


async def test_each_invalid_part_of_an_input_has_its_path(world: World) -> None:
    """Amounts, days and numbers of other forms are reported all at once, with the name of the argument they are in."""
    given = {"title": "Gil", "value": "12,5", "expectedCloseDate": "31.12.2026", "score": 1.5, "colour": "red"}
    errors = await refused(world, CREATE, {"lead": given})
    assert places(errors) == [
        ("lead", "input", ["input", "value"]),
        ("lead", "input", ["input", "expectedCloseDate"]),
        ("lead", "input", ["input", "score"]),
        ("lead", "input", ["input"]),
    ]
    assert [error["locations"] for error in errors] == [[{"line": 1, "column": 10}]] * 4


async def test_a_variable_within_an_argument_has_the_whole_path(world: World) -> None:
    """The path starts at the argument, also where the variable stands inside of an object or is a list."""
    errors = await refused(world, FILTERED, {"min": "much", "from": "soon", "ids": [world["Ada"], {"id": 1}]})
    assert places(errors) == [
        ("min", "filter", ["filter", "value", "min"]),
        ("from", "filter", ["filter", "expectedCloseDate", "from"]),
        ("ids", "ids", ["ids", 1]),
    ]


async def test_a_missing_variable_has_its_argument(world: World) -> None:
    """A required variable that is not sent is at the argument itself."""
    assert places(await refused(world, CREATE, {})) == [("lead", "input", ["input"])]


async def test_so_many_invalid_parts_are_reported(world: World) -> None:
    """After ten of them the last error says that there are more."""
    errors = await refused(world, FILTERED, {"ids": [{"id": at} for at in range(50)]})
    assert places(errors)[:10] == [("ids", "ids", ["ids", at]) for at in range(10)]
    assert [error["message"] for error in errors[10:]] == [
        "Too many errors processing variables, error limit reached. Execution aborted."
    ]


async def test_a_value_that_a_read_refuses_has_its_path(world: World) -> None:
    """What is found when a value is bound names its argument in the same way."""
    query = (
        "query($id: ID!, $zone: String) { tasks(filter: { leadId: $id, timeZone: $zone, due: TODAY }) { totalCount } }"
    )
    assert places(await refused(world, query, {"id": "nonsense", "zone": "UTC"})) == [
        (None, "filter", ["filter", "leadId"])
    ]
    assert places(await refused(world, query, {"id": world["Ada"], "zone": "Mars"})) == [
        (None, "filter", ["filter", "timeZone"])
    ]
