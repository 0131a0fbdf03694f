"""Ranks: there is one between any two, they sort byte by byte, and they stay short where people drop cards."""

from bisect import bisect_right
from itertools import pairwise
from math import ceil, log2
from random import Random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from models.rules.rank import BASE, DIGITS, PARTS, ROOM, STEP, WIDTH, between, spread

PROPERTY = settings(max_examples=300, deadline=None, database=None, derandomize=True)
SEEDS = st.integers(0, 2**32).map(Random)
TAIL = st.sampled_from(DIGITS[1:])
RANKS = st.builds(lambda head, last: head + last, st.text(DIGITS, max_size=12), TAIL)
LOW, HIGH, LAST = "0" * (WIDTH - 1) + "1", "z" * WIDTH, "z" * 40
"""The first and the last rank of eight digits, and one after both."""

BITS = log2(BASE)
GAP = WIDTH * BITS - log2(STEP)
"""How far a gap between two ranks a step apart lies below the whole range, in powers of two."""


def longest(bits: float) -> int:
    """The digits that are read until a gap reduced by so many bits holds `ROOM` ranks, at most."""
    return ceil((log2(ROOM + 1) + GAP + bits) / BITS)


def test_digits_sort_as_their_bytes() -> None:
    """Each digit is one ASCII letter or digit, occurs once, and sorts by its byte."""
    assert DIGITS.isascii()
    assert DIGITS.isalnum()
    assert list(DIGITS.encode()) == sorted(set(DIGITS.encode()))
    assert len(DIGITS) == BASE == 62


@PROPERTY
@given(ends=st.tuples(RANKS, RANKS).filter(lambda pair: pair[0] != pair[1]), random=SEEDS)
def test_a_rank_lies_between_its_neighbours(ends: tuple[str, str], random: Random) -> None:
    """The new rank sorts after one neighbour and before the other byte by byte, and never ends in the lowest digit."""
    low, high = sorted(ends)
    rank = between(low, high, random)
    assert low.encode() < rank.encode() < high.encode()
    assert set(rank) <= set(DIGITS)
    assert not rank.endswith(DIGITS[0])


@PROPERTY
@given(rank=RANKS, zeros=st.integers(0, 40), last=TAIL, random=SEEDS)
def test_there_is_room_right_beside_a_rank(rank: str, zeros: int, last: str, random: Random) -> None:
    """A neighbour may begin with the whole of the other rank, followed by any number of the lowest digit."""
    high = rank + DIGITS[0] * zeros + last
    middle = between(rank, high, random)
    assert rank.encode() < middle.encode() < high.encode()
    assert not middle.endswith(DIGITS[0])


@PROPERTY
@given(rank=RANKS, random=SEEDS)
def test_there_is_room_at_both_ends(rank: str, random: Random) -> None:
    """Each rank has others before and after it, none of which ends in the lowest digit."""
    above, below = between(None, rank, random), between(rank, None, random)
    assert above.encode() < rank.encode() < below.encode()
    assert not above.endswith(DIGITS[0])
    assert not below.endswith(DIGITS[0])


@pytest.mark.parametrize("rank", [DIGITS[1], LOW, "0" * 40 + "1"])
def test_above_the_first_rank_of_eight_digits_they_grow(rank: str) -> None:
    """Where no step fits any more, ranks get more digits and stay in order."""
    for _ in range(100):
        above = between(None, rank)
        assert above.encode() < rank.encode()
        assert not above.endswith(DIGITS[0])
        rank = above


@pytest.mark.parametrize("rank", [HIGH, HIGH + "1", LAST])
def test_below_the_last_rank_of_eight_digits_they_grow(rank: str) -> None:
    """Where no step fits any more, ranks get more digits and stay in order."""
    for _ in range(100):
        below = between(rank, None)
        assert rank.encode() < below.encode()
        assert not below.endswith(DIGITS[0])
        rank = below


@pytest.mark.parametrize("pair", [("V", "V"), ("W", "V"), ("V1", "V"), ("a", "Z")])
def test_neighbours_in_the_wrong_order_are_an_error(pair: tuple[str, str]) -> None:
    """Equal ranks and ranks in the wrong order have nothing between them, which raises an error."""
    with pytest.raises(ValueError, match=f"^'{pair[0]}' does not come before '{pair[1]}'$"):
        between(*pair)


def test_the_first_rank_lies_in_the_middle() -> None:
    """As many cards fit above the first rank as below it."""
    rank, half = between(None, None), BASE**WIDTH // 2
    assert len(rank) == WIDTH
    assert half <= _number(rank) <= half + STEP


@pytest.mark.parametrize("seed", range(3))
def test_ends_grow_in_steps(seed: int) -> None:
    """Ten thousand cards on top and as many at the bottom take eight digits each, half a step to a whole one apart."""
    random = Random(seed)
    first = between(None, None, random)
    above, below = [first], [first]
    for _ in range(10_000):
        above.append(between(None, above[-1], random))
        below.append(between(below[-1], None, random))
    assert {len(rank) for rank in above + below} == {WIDTH}
    for high, low in (*pairwise(above), *((high, low) for low, high in pairwise(below))):
        assert low.encode() < high.encode()
        assert STEP // 2 - 1 <= _number(high) - _number(low) <= STEP


@pytest.mark.parametrize("downwards", [True, False])
@pytest.mark.parametrize("seed", range(2))
def test_ten_thousand_drops_beside_one_card_stay_short(seed: int, downwards: bool) -> None:
    """Ten thousand cards dropped right below the same card, or right above it, need at most 167 digits.

    The first halves the gap, but for half a part. From then on the neighbour that was dropped last is the longer one,
    so each drop leaves 30 of 32 parts: 0.0931 bits. A gap of one step, of eight digits, lies 27.6 bits below the whole.
    """
    random = Random(seed)
    low, high = spread(2)
    kept = 1 - 2 / PARTS - 2 / ROOM
    bound = longest(-log2(1 / 2 - 1 / PARTS) - 9_998 * log2(kept))
    assert bound == 167
    for _ in range(10_000):
        rank = between(low, high, random)
        assert low.encode() < rank.encode() < high.encode()
        assert len(rank) <= bound
        low, high = (low, rank) if downwards else (rank, high)


@PROPERTY
@given(random=SEEDS, sides=st.lists(st.booleans(), min_size=1, max_size=200))
def test_no_order_of_drops_takes_a_digit_each(random: Random, sides: list[bool]) -> None:
    """Whichever side of the last card is taken, the gap keeps at least one of 32 parts: five bits, less than a
    digit."""
    low, high = spread(2)
    for count, is_above in enumerate(sides):
        rank = between(low, high, random)
        assert low.encode() < rank.encode() < high.encode()
        assert len(rank) <= longest(-count * log2(1 / PARTS - 2 / ROOM))
        low, high = (low, rank) if is_above else (rank, high)


@PROPERTY
@given(random=SEEDS, places=st.lists(st.integers(0, 2**32), max_size=60))
def test_a_column_stays_in_order(random: Random, places: list[int]) -> None:
    """Cards dropped anywhere have distinct ranks in the order of the column."""
    column: list[str] = []
    for place in places:
        at = place % (len(column) + 1)
        above, below = column[at - 1] if at else None, column[at] if at < len(column) else None
        rank = between(above, below, random)
        assert bisect_right(column, rank) == at
        column.insert(at, rank)
    assert column == sorted(set(column))


@pytest.mark.parametrize(
    ("before", "after"),
    [(None, None), (None, "V"), ("V", None), ("V", "W"), ("V", "V1"), (*spread(2),), (None, LOW), (HIGH, None)],
)
def test_two_dropped_at_once_do_not_meet(before: str | None, after: str | None) -> None:
    """A hundred ranks in one gap are all different: they are drawn from half a million or more."""
    random = Random(5)
    assert len({between(before, after, random) for _ in range(100)}) == 100


@PROPERTY
@given(before=st.none() | RANKS, count=st.integers(0, 50))
def test_ranks_are_spread_in_order(before: str | None, count: int) -> None:
    """As many ranks as asked for come in order, after the given one, and none ends in the lowest digit."""
    ranks = spread(count, before)
    assert len(ranks) == count
    assert ranks == sorted(set(ranks))
    assert before is None or all(before.encode() < rank.encode() for rank in ranks)
    assert not [rank for rank in ranks if rank.endswith(DIGITS[0])]


def test_ranks_are_spread_a_step_apart() -> None:
    """Spread ranks have eight digits each, and begin in the middle or a step after the given one."""
    assert [_number(rank) - BASE**WIDTH // 2 for rank in spread(3)] == [1, STEP, 2 * STEP]
    first, second = spread(2, "V")
    assert _number(first) == _number("V0000000") + STEP
    assert _number(second) - _number(first) == STEP
    assert len(first) == len(second) == WIDTH


def test_ranks_are_spread_after_the_last_of_eight_digits() -> None:
    """Where no steps fit any more, spread ranks get more digits and stay in order."""
    ranks = spread(20, HIGH)
    assert [HIGH, *ranks] == sorted({HIGH, *ranks})


def _number(rank: str) -> int:
    number = 0
    for digit in rank:
        number = number * BASE + DIGITS.index(digit)
    return number
