"""Rules on a lead and its stage, both as plain mappings."""

from typing import Any

import pytest

from models.rules.entering import LeadField, missing_fields
from models.rules.stage_kind import chance

EMPTY: dict[str, Any] = dict.fromkeys(field.value for field in LeadField)


def test_a_stage_lists_the_required_fields_that_a_lead_lacks() -> None:
    """Filled fields are left out, the rest has the order of `LeadField`, and zero counts as a value."""
    stage = {"required_fields": ["source", "score", "value", "contact_id"]}
    assert missing_fields({**EMPTY, "score": 0}, stage) == [LeadField.CONTACT, LeadField.VALUE, LeadField.SOURCE]


def test_a_stage_that_requires_nothing_admits_an_empty_lead() -> None:
    """No field is missing where none is required."""
    assert missing_fields(EMPTY, {"required_fields": []}) == []


@pytest.mark.parametrize(
    ("kind", "own", "closed_at", "expected"),
    [
        ("OPEN", None, None, 40),
        ("OPEN", 0, None, 0),
        ("OPEN", 75, None, 75),
        ("OPEN", 75, "now", 0),
        ("OPEN", None, "now", 0),
        ("WON", 75, "now", 100),
        ("LOST", 75, "now", 0),
    ],
)
def test_the_chance_is_the_leads_own_or_its_stages(kind: str, own: int | None, closed_at: Any, expected: int) -> None:
    """A closing stage decides the chance itself; a lead that was closed in an open stage has no chance left."""
    stage = {"kind": kind, "probability": {"OPEN": 40, "WON": 100, "LOST": 0}[kind]}
    assert chance({"probability": own, "closed_at": closed_at}, stage) == expected
