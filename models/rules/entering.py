"""What a lead needs before it may enter a stage."""

from collections.abc import Mapping
from enum import StrEnum
from typing import Any


class LeadField(StrEnum):
    """A field that a stage can ask for, by its column."""

    DESCRIPTION = "description"
    CONTACT = "contact_id"
    CUSTOMER = "customer_id"
    OWNER = "owner_id"
    VALUE = "value"
    EXPECTED_CLOSE_DATE = "expected_close_date"
    SCORE = "score"
    SOURCE = "source"


def missing_fields(lead: Mapping[str, Any], stage: Mapping[str, Any]) -> list[LeadField]:
    """What a stage asks for and a lead has not: it may not enter before."""
    return [field for field in LeadField if field in stage["required_fields"] and lead[field] is None]
