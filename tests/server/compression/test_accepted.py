"""The coding of an answer by `Accept-Encoding`."""

import pytest

from server.compression.accepted import Accepted, accepted


@pytest.mark.parametrize(
    ("header", "coding", "plain"),
    [
        (b"", None, True),
        (b"gzip, deflate, br, zstd", b"zstd", True),  # Chrome and Firefox
        (b"gzip, deflate, br", b"br", True),  # Safari
        (b"gzip, deflate", b"gzip", True),
        (b"x-gzip", b"gzip", True),
        (b"GZIP", b"gzip", True),
        (b"deflate", None, True),
        (b"compress;q=0.5, gzip;q=1.0", b"gzip", True),
        (b"zstd;q=0.5, br;q=0.8, gzip;q=0.7", b"br", True),
        (b"zstd;q=0, br; q=0 ,gzip;Q=0.1", b"gzip", True),
        (b"gzip;q=0", None, True),
        (b"gzip;q=wrong", None, True),
        (b"gzip;q=2", None, True),
        (b"gzip;q=nan", None, True),
        (b"*", b"zstd", True),
        (b"zstd;q=0, *", b"br", True),
        (b"*;q=0.5, gzip", b"gzip", True),
        (b"identity", None, True),
        (b"identity, gzip", b"gzip", True),
        (b"identity;q=1, gzip;q=0.5", None, True),
        (b"identity;q=0.5, gzip;q=0.5", b"gzip", True),
        (b"identity;q=0, gzip", b"gzip", False),
        (b"*;q=0, gzip;q=0.1", b"gzip", False),
        (b"*;q=0, identity;q=0.1, gzip;q=0.5", b"gzip", True),
        (b"identity;q=0", None, False),
        (b"*;q=0", None, False),
        (b"identity;q=0, deflate", None, False),
        (b", ,;q=1", None, True),
    ],
)
def test_the_best_coding(header: bytes, coding: bytes | None, plain: bool) -> None:
    """By quality, then in the order of the server; `identity` and `*` count as RFC 9110 says."""
    assert accepted(header) == Accepted(coding, plain)


def test_a_long_header_is_read_in_part() -> None:
    """What is beyond its first bytes counts for nothing."""
    assert accepted(b"gzip" + b" " * 10_000 + b", zstd").coding == b"gzip"
