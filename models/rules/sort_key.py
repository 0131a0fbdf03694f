"""Sorting texts as people sort them, by keys that are compared byte by byte.

The key of a text has two levels. The first compares letters without case and accents, and numbers by their value: `Item
9` before `Item 10`, `Zebra` after `apple`, `Álvaro` beside `alvaro`. Blanks come first, then signs, digits and letters.
The second one puts `alvaro` before `álvaro` where the first finds no difference.

Follows the Unicode Collation Algorithm (UTS 10) as far as this goes without a table of weights: letters of a script are
in the order of their code points, and no language has an order of its own.
"""

import re
import unicodedata
from collections.abc import Mapping

from models.rules.search import UNDECOMPOSED

LONGEST_LEVEL = 200
"""Characters of a level: two of them, of four bytes each, fit into an entry of an index, which takes 2,704 bytes."""

SORTED: Mapping[str, str] = {"lead": "title", "contact": "name", "customer": "name", "member": "name"}
"""The tables whose rows have a `sort_key`, and the column that it is made of."""

BETWEEN = "\x01"
"""Ends the first level: less than anything in it, so that a text comes before those that go on after it."""

SIGN = "!"
"""Stands before each sign, which puts signs between blanks and digits."""

DIGITS = "0"
"""Stands before each number, followed by how long it is: no other digits remain, so numbers come between signs and
letters."""


class _Weights(dict[int, str | None]):
    """What each character of a decomposed text without case is on the first level. Filled as characters occur."""

    def __missing__(self, code: int) -> str | None:
        self[code] = found = self._weight(chr(code))
        return found

    @staticmethod
    def _weight(letter: str) -> str | None:
        category = unicodedata.category(letter)
        if category == "Nd":
            return str(unicodedata.decimal(letter))
        if letter.isspace() or category.startswith("Z"):
            return " "
        if unicodedata.combining(letter) or category in ("Cc", "Cf", "Cs", "Me"):
            return None
        return SIGN + letter if category[0] in "PS" else letter


_WEIGHTS = _Weights({ord(letter): typed for letter, typed in UNDECOMPOSED.items()})
_NUMBER = re.compile("[0-9]+")
_UNSEEN = re.compile("[\x00-\x1f\x7f\ud800-\udfff]")


def _number(found: re.Match[str]) -> str:
    digits = found[0].lstrip("0") or "0"
    return f"{DIGITS}{chr(ord(DIGITS) + len(digits))}{digits}"


def sort_key(text: str) -> str:
    """The key that a text is sorted by; never empty."""
    plain = unicodedata.normalize("NFKD", text.casefold()).casefold()
    first = _NUMBER.sub(_number, plain.translate(_WEIGHTS))
    second = "" if text.isascii() else _UNSEEN.sub("", unicodedata.normalize("NFD", text.lower()))
    return first[:LONGEST_LEVEL] + BETWEEN + second[:LONGEST_LEVEL]
