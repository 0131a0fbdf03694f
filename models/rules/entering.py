"""What a lead needs before it may enter a stage."""

from collections.abc import Mapping
from enum import StrEnum
from typing import Any


class LeadField(StrEnum):
    """A field that a stage can require, by its column."""

    DESCRIPTION = "description"
    CONTACT = "contact_id"
    CUSTOMER = "customer_id"
    OWNER = "owner_id"
    VALUE = "value"
    EXPECTED_CLOSE_DATE = "expected_close_date"
    SCORE = "score"
    SOURCE = "source"


def missing_fields(lead: Mapping[str, Any], stage: Mapping[str, Any]) -> list[LeadField]:
    """The required fields of a stage that a lead lacks; it cannot enter without them."""
    return [field for field in LeadField if field in stage["required_fields"] and lead[field] is None]
