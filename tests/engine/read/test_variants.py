"""Interfaces whose types a column decides: fields asked of some types, of all, or of none."""

import pytest

from engine.read.variants import merged
from tests.support.world import World


@pytest.mark.parametrize(
    ("selection", "first"),
    [
        ("... on LeadCreated { stage { name } } type", {"stage": {"name": "Due"}, "type": "LEAD_CREATED"}),
        ("... on TaskScheduled { mutation }", {}),
        ("... on LeadCreated @skip(if: true) { mutation }", {}),
        ("kind: __typename ... on Event { __typename }", {"kind": "LeadCreated", "__typename": "LeadCreated"}),
    ],
)
async def test_a_selection(world: World, selection: str, first: dict[str, object]) -> None:
    """An object has only what is selected on its own type; without such a field it is empty."""
    found = await world.ask(f"{{ changeLog(first: 1) {{ nodes {{ {selection} }} }} }}")
    assert found["changeLog"]["nodes"] == [first]


def test_orders_are_joined_or_contradict_each_other() -> None:
    """Two lists are merged with each one's order kept; when they contradict each other, there is no common order."""
    assert merged([["a", "c"], ["b", "c"], []]) == ["a", "b", "c"]
    assert merged([["a", "b"], ["b", "a"]]) is None


async def test_contradicting_orders_are_answered(world: World) -> None:
    """Types that select the same fields in opposite order each get their own order."""
    query = """{ changeLog(first: 1) { nodes {
        ... on LeadCreated { type mutation } ... on TaskScheduled { mutation type }
    } } }"""
    found = await world.ask(query)
    assert list(found["changeLog"]["nodes"][0]) == ["type", "mutation"]
