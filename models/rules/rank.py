"""Fractional ranks: texts that sort byte by byte, with room between any two of them.

A rank reads as a fraction in base 62 (`0`-`9`, `A`-`Z`, `a`-`z`, in the order of their bytes) and never ends in the
lowest digit, so there is always another rank before it. A card dropped between two others gets one in between: one row
is written. At either end of a list ranks go on in steps, so they stay eight digits long however many cards are added.
Inside a list they grow with the drops into one gap: by a digit in about sixty when each goes right below, or each right
above, the same card.
"""

from random import Random, SystemRandom

DIGITS = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
BASE = len(DIGITS)
WIDTH = 8
"""Digits of a rank at the end of a list."""

STEP = 1 << 20
"""How far ranks at the end of a list lie apart: a hundred million fit on either side of the first."""

ROOM = 1 << 30
"""Ranks of one length that a gap must hold before one is drawn from it."""

PARTS = 32
"""A rank is drawn from one of so many parts of its gap, so the gaps on either side of it are no smaller than a part."""

_random = SystemRandom()


def between(before: str | None, after: str | None, random: Random = _random) -> str:
    """A rank after `before` and before `after`; None is the end of the list.

    It is drawn at random, from half a million or more, so that two cards dropped into one gap at once hardly ever get
    the same. Raises `ValueError` when `before` does not come before `after`.
    """
    if before is not None and after is not None:
        if before >= after:
            raise ValueError(f"{before!r} does not come before {after!r}")
        return _inside(before, after, random)
    step = STEP // 2 + random.randrange(STEP // 2)
    if after is not None:
        number = _head(after) - step
        return _written(number) if number > 0 else _inside("", after, random)
    number = BASE**WIDTH // 2 + random.randrange(STEP) if before is None else _head(before) + step
    return _written(number) if number < BASE**WIDTH - 1 else _inside(before or "", None, random)


def spread(count: int, before: str | None = None) -> list[str]:
    """`count` ranks in order, evenly apart, all after `before` if one is given."""
    start = BASE**WIDTH // 2 if before is None else _head(before) + STEP
    if start + STEP * count < BASE**WIDTH - 1:
        return [_written(start + STEP * nth) for nth in range(count)]
    ranks: list[str] = []
    for _ in range(count):
        before = _inside(before or "", None, _random)
        ranks.append(before)
    return ranks


def _inside(low: str, high: str | None, random: Random) -> str:
    """A rank in the gap: digits are read from both sides until there is room.

    The longer of two neighbours was dropped here last, and the next card tends to go to the other side of it again: so
    the rank is drawn close to the longer one, which leaves that side nearly whole. Between equals it is the middle.
    """
    start, end, length = 0, 1 if high is None else 0, 0
    while end - start < ROOM:
        start = start * BASE + _digit(low, length)
        end = end * BASE + (0 if high is None else _digit(high, length))
        length += 1
    part = (end - start) // PARTS
    longer = len(low) - len(high or "")
    first = start + part if longer > 0 else end - 2 * part if longer < 0 else (start + end - part) // 2
    return _written(first + random.randrange(part), length)


def _digit(rank: str, at: int) -> int:
    return DIGITS.index(rank[at]) if at < len(rank) else 0


def _head(rank: str) -> int:
    """The first digits of a rank as a number."""
    number = 0
    for at in range(WIDTH):
        number = number * BASE + _digit(rank, at)
    return number


def _written(number: int, length: int = WIDTH) -> str:
    """A number as a rank; it is moved on by one where it would end in the lowest digit."""
    number += number % BASE == 0
    digits = []
    for _ in range(length):
        number, digit = divmod(number, BASE)
        digits.append(DIGITS[digit])
    return "".join(reversed(digits))
