"""A short soak: nothing is lost, doubled or out of order, whatever happens to processes and connections.

`python -m bench.soak` does the same for minutes.
"""

from pathlib import Path

import pytest

from bench.soak import astray, difference, soak
from bench.soaking.hook import Sent, misdelivered

OF_WORKERS = (
    "dealboard work killed",
    "receiver answers 500",
    "receiver drops the connection after the body",
    "NATS killed and started",
)
BY_POSTGRES = ("every PostgreSQL backend terminated", "server killed", "sockets cut")


@pytest.mark.parametrize(("redis", "only"), [(True, ()), (False, BY_POSTGRES)], ids=["redis", "postgresql"])
async def test_subscribers_get_exactly_the_event_table(tmp_path: Path, redis: bool, only: tuple[str, ...]) -> None:
    """Each disturbance happens once; then every subscriber has every event once and in order, and each move counts."""
    verdict = await soak(tmp_path, 0, redis=redis, nodes=(1, 1), subscribers=6, only=only)
    assert verdict.wrong == []
    assert verdict.moves > 0
    assert set(only) <= set(verdict.done)


async def test_webhooks_and_nats_get_what_happened(tmp_path: Path) -> None:
    """Each disturbance of receiver and workers happens once; then the webhook's receiver has taken each stage
    change, those of a lead in order, the stream is the event table, and nothing is leased after the end."""
    verdict = await soak(tmp_path, 0, redis=False, nodes=(1,), subscribers=2, only=OF_WORKERS, workers=2)
    assert verdict.wrong == []
    assert verdict.moves > 0
    assert set(OF_WORKERS) <= set(verdict.done)


STEPS = {1: "a", 2: "b", 3: "a"}


@pytest.mark.parametrize(
    ("sent", "words"),
    [
        ([(1, "a", True), (2, "b", True), (3, "a", True)], []),
        ([(2, "b", True), (1, "a", False), (1, "a", True), (3, "a", True), (1, "a", True)], []),
        ([(1, "a", True), (2, "b", False), (3, "a", True)], ["the webhook missed 1: [2]"]),
        ([(3, "a", True), (1, "a", True), (2, "b", True)], ["the webhook was not sent the steps of 1 leads in order"]),
        (
            [(1, "a", True), (2, "b", True), (3, "a", True), (4, "a", True)],
            ["the webhook was sent 1 that are not there: [4]"],
        ),
    ],
)
def test_the_checker_sees_what_a_webhook_was_not_sent(sent: list[tuple[int, str, bool]], words: list[str]) -> None:
    """What was never taken, what is not there, and what overtook; not what came twice."""
    found = misdelivered([Sent(number, lead, f"id {number}", b"", taken) for number, lead, taken in sent], STEPS)
    assert [one.partition(": ['a'")[0] for one in found] == words


def test_the_checker_sees_other_ids() -> None:
    """A retry has the id of the event, and no other event has it."""
    well = [Sent(number, lead, f"id {number}", b"", taken=True) for number, lead in STEPS.items()]
    twice = [*well, Sent(1, "a", "another", b"", taken=True)]
    assert misdelivered(twice, STEPS) == ["the webhook was sent 1 with several ids: [1]"]
    one = [Sent(number, lead, "id", b"", taken=True) for number, lead in STEPS.items()]
    assert misdelivered(one, STEPS) == ["the webhook was sent several events with one id"]


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
