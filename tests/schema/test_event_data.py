"""Each key of what events hold can be read: as a field of its own, among the changes, or of the record itself."""

from collections.abc import Mapping
from dataclasses import fields

import pytest

from models.event_keys import SHAPES
from models.event_types import EventType
from models.rules.text import spelled
from models.tables.event import Begun, Ended
from schema.types.event import TYPES, RecordChanged

NAMES: Mapping[tuple[str, str], str] = {
    ("forecast.submitted", "memberId"): "member",
    ("forecast.submitted", "poolId"): "pool",
    ("lead.assigned", "from"): "from_owner",
    ("lead.assigned", "to"): "to_owner",
    ("lead.assigned", "poolId"): "pool",
    ("lead.converted", "opportunityId"): "opportunity",
    ("contact.merged", "into"): "merged_into",
    ("customer.merged", "into"): "merged_into",
    ("stages.reordered", "from"): "changes",
    ("stages.reordered", "to"): "changes",
    ("run.ended", "state"): "record",
    ("run.ended", "error"): "record",
}
"""The field that shows a key, where it has another name. A run does not change after its end."""

IN_CHANGES = (
    *("lead.created lostReason", "pipeline.created type", "pipeline.created stages", "pool.created memberIds"),
    *("pool.deleted memberIds", "pipeline.deleted stages"),
)
"""Keys of what begins or ends that are shown among its changes."""

KEYS = [
    (type_, field.name, spelled(field.name))
    for type_, shapes in SHAPES.items()
    for shape in shapes
    for field in fields(shape)
    if field.name not in ("type", "record", "changes")
]


@pytest.mark.parametrize(("type_", "name", "key"), KEYS)
def test_each_key_can_be_read(type_: EventType, name: str, key: str) -> None:
    """The published type of the event has a field for it."""
    published = TYPES.get(type_, RecordChanged)
    if f"{type_} {key}" in IN_CHANGES:
        assert issubclass(SHAPES[type_][0], Begun | Ended)
        name = "changes"
    names = {field.name for field in published.__strawberry_definition__.fields}  # type: ignore[attr-defined]
    assert NAMES.get((type_, key), name) in names
