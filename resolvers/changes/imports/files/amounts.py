"""Amounts as people write them: with a decimal point or comma, grouped thousands, and a currency."""

import re
from collections.abc import Iterable
from decimal import Decimal

from models.rules.money import PRECISION
from resolvers.changes.imports.files.encodings import FileRefused

MARKS = (".", ",")

SIGNS = {
    "€": ("EUR",),
    "£": ("GBP", "EGP", "GIP", "FKP", "SHP", "SSP", "SYP", "LBP", "SDG"),
    "¥": ("JPY", "CNY"),
    "₹": ("INR",),
    "₩": ("KRW",),
    "₽": ("RUB",),
    "₺": ("TRY",),
    "₴": ("UAH",),
    "₫": ("VND",),
    "₱": ("PHP",),
    "₪": ("ILS",),
    "₦": ("NGN",),
    "zł": ("PLN",),
    "Kč": ("CZK",),
    "kr": ("SEK", "NOK", "DKK", "ISK"),
    "R$": ("BRL",),
    "US$": ("USD",),
    "$": (
        *("USD", "AUD", "BBD", "BMD", "BND", "BSD", "BZD", "CAD", "CLP", "COP", "DOP", "FJD", "GYD", "HKD", "JMD"),
        *("KYD", "LRD", "MXN", "NAD", "NZD", "SBD", "SGD", "SRD", "TTD", "TWD", "UYU", "XCD", "ARS", "CUP"),
    ),
}
"""The currencies that each sign stands for."""

SPACES = " \xa0\u202f\u2009"
GROUPS = f"[{SPACES}'’]"

_NUMBER = re.compile(r"(?:[0-9][0-9.,'’ \xa0\u202f\u2009]*)?[0-9]", re.ASCII)
_GROUPED = re.compile(rf"[0-9]{{1,3}}(?:(?P<mark>[.,]|{GROUPS})[0-9]{{3}}(?:(?P=mark)[0-9]{{3}})*)?")

LONGEST = 60
"""Characters of the longest text that is read as an amount."""


class NoAmount(ValueError):
    """A text that is not an amount; the message says what to write."""


def known_decimal(said: str) -> str:
    """The decimal mark that is said. Raises `FileRefused` for any but a point or a comma."""
    mark = {"point": ".", "comma": ","}.get(said.casefold(), said)
    if mark not in MARKS:
        raise FileRefused(f"--decimal {said}: write '.' for 1,234.50, or ',' for 1.234,50.")
    return mark


def split_amount(text: str) -> tuple[str, str, str] | None:
    """The sign, the digits with their marks, and what names a currency; None for another text."""
    text = text.strip().replace("\N{MINUS SIGN}", "-")
    if len(text) > LONGEST or (found := _NUMBER.search(text)) is None:
        return None
    around = f"{text[: found.start()]} {text[found.end() :]}"
    minus = "-" if around.count("-") == 1 else ""
    return minus, found[0], " ".join(around.replace("-", "", 1).split())


def find_decimal(texts: Iterable[tuple[int, str]]) -> str | None:
    """The decimal mark that all of these texts agree on, each with its line; None where none of them needs one.

    Raises `FileRefused` when 1.000 can be one or a thousand, and no other amount shows which.
    """
    shows: dict[str, str] = {}
    unclear: tuple[str, str] | None = None
    for line, text in texts:
        split = split_amount(text)
        if split is None:
            continue
        shown = f"{text.strip()[:40]!r} on line {line}"
        mark = _shown_by(split[1])
        if mark in MARKS:
            shows.setdefault(mark, shown)
        elif mark == "?" and unclear is None:
            unclear = split[1], shown
    if len(shows) > 1:
        raise FileRefused(
            f"its amounts do not agree: {shows['.']} has a decimal point, {shows[',']} a decimal comma. Say which is"
            " right with --decimal . or --decimal ,; the others are rejected."
        )
    if shows:
        return next(iter(shows))
    if unclear is not None:
        digits = re.sub(GROUPS, "", unclear[0])
        whole, fraction = re.split("[.,]", digits)
        small = f"{whole}.{fraction}".rstrip("0").rstrip(".")
        raise FileRefused(
            f"the amount {unclear[1]} can be {whole}{fraction} or {small}. Add --decimal . if a point stands before"
            " decimals, or --decimal , if a comma does."
        )
    return None


def _shown_by(digits: str) -> str | None:
    """The decimal mark that an amount shows; `?` if its only mark can be either, None if it has none."""
    digits = re.sub(GROUPS, " ", digits)
    points, commas = digits.count("."), digits.count(",")
    if not points and not commas:
        return None
    if points and commas:
        return "." if digits.rindex(".") > digits.rindex(",") else ","
    mark, other = (".", ",") if points else (",", ".")
    if points + commas > 1:
        return other
    whole, _, fraction = digits.partition(mark)
    grouped = len(fraction) == 3 and 1 <= len(whole) <= 3 and not whole.startswith("0")
    return "?" if grouped else mark


def read_amount(text: str, decimal: str, currency: str | None) -> Decimal | None:
    """The exact amount of a text; None for an empty one. `currency` is the one that is said, by a column or an option.

    Raises `NoAmount`.
    """
    text = text.strip()
    if not text:
        return None
    example = "1054.50" if decimal == "." else "1054,50"
    wrong = NoAmount(f"{text[:40]!r} is not an amount; write one such as {example}")
    split = split_amount(text)
    if split is None:
        raise wrong
    minus, digits, unit = split
    _expect_currency(unit, currency, text, wrong)
    whole, mark, fraction = digits.partition(decimal)
    grouped = _GROUPED.fullmatch(whole)
    if (grouped is None or grouped["mark"] == decimal) and not (whole.isascii() and whole.isdecimal()):
        raise wrong
    if mark and not (fraction.isascii() and fraction.isdecimal()):
        raise wrong
    plain = re.sub(f"[.,]|{GROUPS}", "", whole)
    if len(plain) + len(fraction) > 40:
        raise wrong
    return Decimal(f"{minus}{plain}.{fraction or 0}") if fraction else Decimal(f"{minus}{plain}")


def _expect_currency(unit: str, currency: str | None, text: str, wrong: NoAmount) -> None:
    """Refuse a sign or a code beside an amount unless it is that of the currency that is said."""
    if not unit:
        return
    meant = SIGNS.get(unit) or ((unit.upper(),) if unit.upper() in PRECISION else None)
    if meant is None:
        raise wrong
    if currency is None:
        raise NoAmount(
            f"{text[:40]!r} names a currency; say it with --currency {meant[0]}, or map a column to currency"
        )
    if currency not in meant:
        raise NoAmount(f"{text[:40]!r} is not in {currency}, the currency of its line; correct one of them")
