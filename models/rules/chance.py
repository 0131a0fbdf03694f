"""The chance that a lead is won."""

from collections.abc import Mapping
from typing import Any

from models.rules.stage_kind import StageKind


def chance(lead: Mapping[str, Any], stage: Mapping[str, Any]) -> int:
    """The chance, in percent, that a lead in this stage is won: 100 or 0 where deals end; else its own, or its stage's.

    It is 0 for a lead that was closed in an open stage: disqualified there, or converted into an opportunity.
    """
    if stage["kind"] != StageKind.OPEN or (lead["probability"] is None and lead["closed_at"] is None):
        odds: int = stage["probability"]
        return odds
    return 0 if lead["closed_at"] is not None else lead["probability"]
