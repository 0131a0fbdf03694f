"""Scalars take what their standards allow, and nothing else."""

from datetime import UTC, datetime

import pytest
from graphql import GraphQLError

from engine.publish.scalars import parse_instant


@pytest.mark.parametrize(
    ("written", "read"),
    [
        ("2026-11-23T09:30:00Z", datetime(2026, 11, 23, 9, 30, tzinfo=UTC)),
        ("2026-11-23t09:30:00.5z", datetime(2026, 11, 23, 9, 30, 0, 500_000, tzinfo=UTC)),
        ("2026-11-23T09:30:00.1234567Z", datetime(2026, 11, 23, 9, 30, 0, 123_456, tzinfo=UTC)),
        ("2026-11-23T09:30:00.999999999+01:00", datetime(2026, 11, 23, 8, 30, 0, 999_999, tzinfo=UTC)),
        ("1990-12-31T23:59:60Z", datetime(1991, 1, 1, tzinfo=UTC)),
        ("1990-12-31T15:59:60.25-08:00", datetime(1991, 1, 1, 0, 0, 0, 250_000, tzinfo=UTC)),
    ],
)
def test_instants_are_read_to_the_microsecond(written: str, read: datetime) -> None:
    """1 to 9 digits of a second, of which those beyond the sixth are cut off; a leap second is the second after it."""
    assert parse_instant(written) == read


@pytest.mark.parametrize(
    "written",
    [
        "2026-11-23T09:30:00",
        "2026-11-23T09:30:00.Z",
        "2026-11-23T09:30:00.1234567891Z",
        "2026-11-23T09:30:60Z",
        "2026-11-23T23:59:60Z",
        "1990-12-31T23:59:60-08:00",
        "1990-12-31T23:59:61Z",
        "9999-12-31T23:59:60Z",
    ],
)
def test_what_is_no_instant_is_refused(written: str) -> None:
    """No offset, no digits after the point, ten of them, or a second 60 where no month ends in UTC."""
    with pytest.raises(GraphQLError, match="is not an instant"):
        parse_instant(written)
