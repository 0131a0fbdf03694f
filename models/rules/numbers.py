"""Numbers and dates that people enter: refused when they are out of range."""

from datetime import date
from decimal import Decimal
from typing import TypeVar

from models.rules.refusal import Refusal, Refused

Quantity = TypeVar("Quantity", int, Decimal, date)

FIRST_DAY, LAST_DAY = date(1900, 1, 1), date(2200, 12, 31)
"""The days that a date field accepts; an earlier or later year was mistyped."""


def within(value: Quantity, least: Quantity, most: Quantity, *field: str) -> Quantity:
    """The value, if it lies between these two, both inclusive. Raises `Refused` INVALID otherwise."""
    if not least <= value <= most:
        raise Refused(Refusal.INVALID, f"{value} is out of range: send {least} to {most}.", *field)
    return value
