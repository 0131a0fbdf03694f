"""The kind of a stage, the probability that it allows, and the chance and the forecast category of the leads in it."""

from collections.abc import Mapping
from enum import StrEnum
from typing import Any

from models.rules.numbers import within
from models.rules.refusal import Refusal, Refused


class StageKind(StrEnum):
    """Whether deals in a stage are still being worked on, or how they ended."""

    OPEN = "OPEN"
    WON = "WON"
    LOST = "LOST"


class ForecastCategory(StrEnum):
    """How firmly a forecast counts on a deal."""

    OMITTED = "OMITTED"
    PIPELINE = "PIPELINE"
    BEST_CASE = "BEST_CASE"
    COMMIT = "COMMIT"
    CLOSED = "CLOSED"


CHOSEN = ", ".join(f"'{category}'" for category in ForecastCategory if category != ForecastCategory.CLOSED)
"""The categories that can be chosen for open deals, as SQL."""


def chosen_category(category: str | None, *field: str) -> str | None:
    """A category that can be chosen for open deals, unchanged; null passes. Raises `Refused` INVALID for CLOSED."""
    if category == ForecastCategory.CLOSED:
        message = "CLOSED is the category of deals that are won. Choose another one, or win the deal."
        raise Refused(Refusal.INVALID, message, *field)
    return category


CERTAIN = {StageKind.WON: 100, StageKind.LOST: 0}
"""The probability of stages that close deals."""


def odds(kind: str, probability: int | None, *field: str) -> int:
    """The probability of a stage of this kind: as given, or when none is given, 100 for WON, else 0.

    Raises `Refused` PROBABILITY_CONTRADICTS_KIND when a WON or LOST stage has another one; INVALID outside 0 to 100.
    """
    certain = CERTAIN.get(StageKind(kind))
    if probability is None:
        return certain or 0
    within(probability, 0, 100, *field)
    if certain not in (None, probability):
        raise Refused(
            Refusal.PROBABILITY_CONTRADICTS_KIND,
            f"The probability of a {kind} stage is {certain}. Leave it out, or make the stage OPEN.",
            *field,
        )
    return probability


def chance(lead: Mapping[str, Any], stage: Mapping[str, Any]) -> int:
    """The chance, in percent, that a lead in this stage is won: 100 or 0 where deals end; else its own, or its stage's.

    It is 0 for a lead that was closed in an open stage: disqualified there, or converted into an opportunity.
    """
    if stage["kind"] != StageKind.OPEN or (lead["probability"] is None and lead["closed_at"] is None):
        odds: int = stage["probability"]
        return odds
    return 0 if lead["closed_at"] is not None else lead["probability"]
