"""The content coding of an answer, by `Accept-Encoding` (RFC 9110, section 12.5.3)."""

from dataclasses import dataclass
from functools import lru_cache

CODINGS = (b"zstd", b"br", b"gzip")
"""Those that this server has; the first of those with the same quality is taken."""

LONGEST = 500
"""Bytes of the header that are read. Results are cached by these bytes."""


@dataclass(frozen=True, slots=True)
class Accepted:
    """The coding that a client prefers, if any. Without `plain`, an answer that is not coded is not acceptable."""

    coding: bytes | None = None
    plain: bool = True


@lru_cache(maxsize=256)
def accepted(header: bytes) -> Accepted:
    """What an `Accept-Encoding` accepts. Empty or missing, it accepts no coding."""
    qualities: dict[bytes, float] = {}
    for part in header[:LONGEST].lower().split(b","):
        name, *parameters = (piece.strip() for piece in part.split(b";"))
        if name:
            qualities[b"gzip" if name == b"x-gzip" else name] = _quality(parameters)
    rest = qualities.get(b"*")
    plain = qualities.get(b"identity", rest if rest == 0 else None)
    found = [(qualities.get(coding, rest or 0.0), coding) for coding in CODINGS]
    quality, coding = max(found, key=lambda pair: pair[0])  # the first of the best
    # Not coded is acceptable unless it is excluded, and preferred only where it is named with a better quality.
    return Accepted(coding if quality > 0 and quality >= (plain or 0.0) else None, plain != 0)


def _quality(parameters: list[bytes]) -> float:
    for name, _, value in (parameter.partition(b"=") for parameter in parameters):
        if name.strip() == b"q":
            try:
                quality = float(value)
            except ValueError:
                return 0.0
            return quality if 0 <= quality <= 1 else 0.0
    return 1.0
