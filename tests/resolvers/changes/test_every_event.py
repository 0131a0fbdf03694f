"""Every event of every mutation holds what its type declares: these keys and no others, with values of these types."""

from typing import Any

import pytest

from tests.support.creations import expect_undone
from tests.support.event_data import is_declared
from tests.support.mutations import mutation_of
from tests.support.recipes import RECIPES
from tests.support.world import World


@pytest.mark.parametrize("name", RECIPES)
async def test_every_event_holds_what_its_type_declares(world: World, name: str) -> None:
    """Neither the mutation nor what its recipe prepares records a key that is not declared, or leaves one out. What a
    record was created with is found again by undoing what has happened to it."""
    await world.change(mutation_of(name), await RECIPES[name](world))
    recorded = await world.recorded()
    assert recorded
    assert [(type_, data) for type_, _, data in recorded if not is_declared(type_, data)] == []
    await expect_undone(world.database)


@pytest.mark.parametrize(
    ("type_", "data"),
    [
        ("lead.created", {}),
        ("lead.created", {"title": "Ada"}),
        ("pipeline.created", {"name": "Sales", "type": "LEAD", "stages": ["New"]}),
        ("lead.updated", {}),
        ("lead.updated", {"changes": {}}),
        ("lead.updated", {"changes": {"title": ["Ada"]}}),
        ("lead.stage_changed", {"changes": None}),
        ("lead.assigned", {"from": None}),
        ("lead.assigned", {"from": None, "to": None, "rule": "All"}),
        ("lead.disqualified", {"reason": None, "notes": None}),
        ("lead.deleted", {"title": "Ada"}),
        ("pool.deleted", {"name": "Inbound", "strategy": 1, "memberIds": []}),
        ("pool.deleted", {"name": "Inbound"}),
        (
            "stage.deleted",
            {
                "name": "New",
                "kind": "OPEN",
                "probability": 1,
                "rottenAfterDays": None,
                "forecastCategory": "PIPELINE",
                "requiredFields": [],
                "movedLeads": True,
            },
        ),
        ("stages.reordered", {"from": ["stage_1"], "to": [1]}),
    ],
)
def test_what_is_not_declared_is_found(type_: str, data: dict[str, Any]) -> None:
    """A key too many, one too few, and a value of another type are each refused by the check."""
    assert not is_declared(type_, data)
