"""Ids are UUIDs of version 7 that sort by age."""

from datetime import UTC, datetime
from itertools import pairwise

from models.tables.base import new_id


def test_ids_of_a_process_sort_by_age() -> None:
    """Ids increase strictly, however fast they are made; each is an RFC 9562 UUID of version 7 with its creation
    time."""
    before = datetime.now(UTC).timestamp()
    made = [new_id() for _ in range(10_000)]
    assert all(first < second for first, second in pairwise(made))
    assert {(id.version, id.variant) for id in made} == {(7, "specified in RFC 4122")}
    assert 0 <= (made[0].int >> 80) / 1000 - before + 0.001 < 1


def test_an_id_can_be_dated() -> None:
    """The id lies between those of the milliseconds before and after, and no two are the same."""
    at = datetime(2017, 3, 1, 12, 0, 0, 123_000, UTC)
    made = {new_id(at) for _ in range(1000)}
    assert len(made) == 1000
    assert {id.int >> 80 for id in made} == {int(at.timestamp() * 1000)}
    assert {(id.version, id.variant) for id in made} == {(7, "specified in RFC 4122")}
