"""A short soak: nothing is lost, doubled or out of order, whatever happens to processes and connections.

`python -m bench.soak` does the same for minutes.
"""

from pathlib import Path

import pytest

from bench.soak import astray, difference, soak

BY_POSTGRES = ("every PostgreSQL backend terminated", "server killed", "sockets cut")


@pytest.mark.parametrize(("redis", "only"), [(True, ()), (False, BY_POSTGRES)], ids=["redis", "postgresql"])
async def test_subscribers_get_exactly_the_event_table(tmp_path: Path, redis: bool, only: tuple[str, ...]) -> None:
    """Each disturbance happens once; then every subscriber has every event once and in order, and each move counts."""
    verdict = await soak(tmp_path, 0, redis=redis, nodes=(1, 1), subscribers=6, only=only)
    assert verdict.wrong == []
    assert verdict.moves > 0
    assert set(only) <= set(verdict.done)


@pytest.mark.parametrize(
    ("got", "words"),
    [
        ([1, 2, 3], []),
        ([1, 3], ["missed 1: [2]"]),
        ([1, 2, 3, 4], ["was given 1 that are not there: [4]"]),
        ([1, 2, 2, 3], ["was given 1 more than once: [2]"]),
        ([1, 3, 2], ["was not given them in order"]),
    ],
)
def test_the_checker_sees_what_is_wrong(got: list[int], words: list[str]) -> None:
    """Missing, surplus, doubled and misplaced events are found."""
    assert difference(got, [1, 2, 3]) == words


@pytest.mark.parametrize(
    ("found", "right"),
    [
        ([("a", "1"), ("b", "1"), ("a", "2")], True),
        ([("b", "1"), ("a", "1"), ("a", "2")], True),
        ([("a", "1"), ("a", "1"), ("a", "2")], False),
        ([("a", "2"), ("b", "1"), ("a", "1")], False),
        ([("a", "1"), ("b", "1"), ("a", "3")], False),
    ],
)
def test_the_checker_sees_moves_that_go_astray(found: list[tuple[str, str]], right: bool) -> None:
    """As many moves as were answered are not enough: each lead went where its writer sent it, in that order."""
    assert (astray([("a", "1"), ("b", "1"), ("a", "2")], found) == []) is right
