"""Which unique key a failure is about."""

import pytest

from engine.change.unique import violated


@pytest.mark.parametrize(
    ("constraint", "message", "found"),
    [
        ("lead_external_id_key", "anything", "lead_external_id_key"),
        (None, 'duplicate key value violates unique constraint "lead_external_id_key_102067"', "lead_external_id_key"),
        (None, 'duplicate key value violates unique constraint "lead_external_id_key"', "lead_external_id_key"),
        (None, 'duplicate key value violates unique constraint "part_2024_key_1020671"', "part_2024_key"),
        (None, 'duplicate key value violates unique constraint "part_2024"', "part_2024"),
        (None, "duplicate key value", ""),
    ],
)
def test_the_key_is_found(constraint: str | None, message: str, found: str) -> None:
    """By its name, or in the message that Citus passes on from a shard."""
    assert violated(constraint, message) == found
