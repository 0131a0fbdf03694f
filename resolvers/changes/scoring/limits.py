"""The limits of scores and of points, and the bands of a score."""

from collections.abc import Mapping
from typing import Any

from models.rules.refusal import Checks, Refusal, Refused
from models.rules.text import line, spelled

LOWEST, HIGHEST = 0, 100
"""The limits of a score."""

MOST_POINTS = 1_000
"""Points of a rule, and limits of a group, either way."""


def refuse(message: str, *path: str) -> None:
    """Refuse a part of an input as INVALID."""
    raise Refused(Refusal.INVALID, message, *path)


def between(value: int, low: int, high: int, *path: str) -> int:
    """A number within its limits. Raises `Refused` INVALID."""
    if not low <= value <= high:
        refuse(f"{value} is out of range: send {low} to {high}.", *path)
    return value


def tidy_band(given: Mapping[str, Any], *path: str) -> dict[str, Any]:
    """A band as it is kept. Raises `Refused` INVALID."""
    with Checks() as check:
        start = check(between, given["from_"], LOWEST + 1, HIGHEST, *path, "from")
        leave = given.get("leave_below")
        band: dict[str, Any] = {
            "name": check(line, given["name"] or "", *path, "name"),
            "from": start,
            "leaveBelow": start,
        }
        if leave is not None:
            band["leaveBelow"] = check(between, leave, LOWEST + 1, HIGHEST, *path, spelled("leave_below"))
    if band["leaveBelow"] > band["from"]:
        message = "A lead would leave this band as it enters it. Send at most `from`."
        refuse(message, *path, spelled("leave_below"))
    return band
