"""The data of events: how fields become keys, and what fails where a key is misspelled."""

import pytest

from models.ended_event_types import Merged, StageDeleted
from models.event_keys import SHAPES, key
from models.event_types import (
    Assigned,
    Disqualified,
    EventType,
    LeadCreated,
    PipelineCreated,
    Reordered,
    Routed,
    Scheduled,
)
from models.tables.event import EventData, Snapshot


@pytest.mark.parametrize(
    ("what", "expected"),
    [
        (Assigned(from_=None, to="member_1"), {"from": None, "to": "member_1"}),
        (
            Routed(from_=None, to="member_1", rule="All", pool_id=None),
            {"from": None, "to": "member_1", "rule": "All", "poolId": None},
        ),
        (Disqualified(reason="Price", notes=None), {"reason": "Price", "notes": None}),
        (
            Disqualified(reason="Price", notes=None, changes={"lostReason": [None, "Price"]}),
            {"reason": "Price", "notes": None, "changes": {"lostReason": [None, "Price"]}},
        ),
        (StageDeleted(record=Snapshot({"name": "New"}), moved_leads=0), {"name": "New", "movedLeads": 0}),
        (Reordered(from_=["stage_1"], to=[]), {"from": ["stage_1"], "to": []}),
        (Scheduled(record=Snapshot({"title": "Call", "notes": None})), {"title": "Call", "notes": None}),
        (LeadCreated(record=Snapshot({"title": "Ada", "source": None})), {"title": "Ada", "source": None}),
        (LeadCreated(record=Snapshot({"title": "Ada"}), lost_reason="Price"), {"title": "Ada", "lostReason": "Price"}),
        (
            PipelineCreated(record=Snapshot({"name": "Sales"}), type_="LEAD", stages=[]),
            {"name": "Sales", "type": "LEAD", "stages": []},
        ),
        (
            Merged(EventType.LEAD_MERGED, Snapshot({"title": "Ada"}), "lead_1"),
            {"title": "Ada", "into": "lead_1"},
        ),
    ],
)
def test_fields_become_keys(what: EventData, expected: dict[str, object]) -> None:
    """Keys are spelled as in the API; null is held, unless the field has a default; a record's fields are keys."""
    assert what.data() == expected


@pytest.mark.parametrize("type_", EventType)
def test_a_type_has_one_shape_and_what_extends_it(type_: EventType) -> None:
    """Some class declares each type; a second one only adds keys to the first."""
    first, *others = SHAPES[type_]
    assert [shape for shape in others if not issubclass(shape, first)] == []


@pytest.mark.parametrize(
    ("type_", "name", "expected"),
    [
        (EventType.LEAD_ASSIGNED, "from_", "from"),
        (EventType.LEAD_ASSIGNED, "pool_id", "poolId"),
        (EventType.LEAD_CONVERTED, "opportunity_id", "opportunityId"),
        (EventType.LEAD_MERGED, "into", "into"),
        (EventType.LEAD_MERGED, "external_id", "externalId"),
        (EventType.LEAD_CREATED, "title", "title"),
        (EventType.LEAD_CREATED, "lost_reason", "lostReason"),
        (EventType.PIPELINE_CREATED, "type_", "type"),
    ],
)
def test_a_reader_gets_the_key_of_a_field(type_: EventType, name: str, expected: str) -> None:
    """The key is the one that the event is written with, for the fields of a whole record, too."""
    assert key(type_, name) == expected


@pytest.mark.parametrize(
    ("type_", "name"),
    [
        (EventType.LEAD_ASSIGNED, "form"),
        (EventType.LEAD_ASSIGNED, "type"),
        (EventType.LEAD_ASSIGNED, "changes"),
        (EventType.LEAD_MOVED, "title"),
        (EventType.LEAD_DELETED, "record"),
        (EventType.LEAD_DELETED, "subject"),
    ],
)
def test_a_field_that_no_such_event_holds_has_no_key(type_: EventType, name: str) -> None:
    """A misspelled field, or one of another type, raises when the reader is imported."""
    with pytest.raises(TypeError, match=f"Events of type {type_} hold no {name}"):
        key(type_, name)
