"""The kind of a stage, and the probability that it allows."""

from enum import StrEnum

from models.rules.numbers import within
from models.rules.refusal import Refusal, Refused


class StageKind(StrEnum):
    """Whether deals in a stage are still being worked on, or how they ended."""

    OPEN = "OPEN"
    WON = "WON"
    LOST = "LOST"


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
