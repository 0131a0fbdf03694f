"""Interfaces whose types are told apart by a column: what is asked of some types, of all, or of none."""

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
    """Only what is asked of an event's own type is there; nothing at all is an empty object."""
    found = await world.ask(f"{{ changeLog(first: 1) {{ nodes {{ {selection} }} }} }}")
    assert found["changeLog"]["nodes"] == [first]


def test_orders_are_joined_or_contradict_each_other() -> None:
    """Each list keeps its own order; when two want the opposite, there is none."""
    assert merged([["a", "c"], ["b", "c"], []]) == ["a", "b", "c"]
    assert merged([["a", "b"], ["b", "a"]]) is None


async def test_contradicting_orders_are_answered(world: World) -> None:
    """Types that ask for the same in opposite order each get their own."""
    query = """{ changeLog(first: 1) { nodes {
        ... on LeadCreated { type mutation } ... on TaskScheduled { mutation type }
    } } }"""
    found = await world.ask(query)
    assert list(found["changeLog"]["nodes"][0]) == ["type", "mutation"]
