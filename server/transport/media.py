"""The media types of a request and its response: Content-Type and Accept (RFC 9110, section 12.5.1)."""

from dataclasses import dataclass
from functools import lru_cache

RESPONSE = b"application/graphql-response+json"
JSON = b"application/json"
STREAM = b"text/event-stream"
PAGE = b"text/html"

LONGEST = 500
"""Bytes of a header that are read. Results are cached by these bytes."""


@dataclass(frozen=True, slots=True)
class Accepts:
    """What the sender accepts: the media type of JSON, if any; a stream, and whether it is preferred; a page."""

    json: bytes | None
    stream: bool = False
    stream_first: bool = False
    page: bool = False


@dataclass(frozen=True, slots=True)
class _Range:
    media: bytes
    quality: float
    place: int


@lru_cache(maxsize=256)
def accepts(header: bytes) -> Accepts:
    """What an Accept header accepts. Empty or missing, it means `application/graphql-response+json`.

    Of two types with the same quality the first one in the header counts: GraphQL over HTTP asks for the "highest
    priority media type listed". A stream and a page must be named; `*/*` does not include them.
    """
    if not header.strip():
        return Accepts(RESPONSE)
    ranges = _ranges(header)
    ranked = [(found, media) for media in (RESPONSE, JSON) if (found := _best(ranges, media)) is not None]
    ranked.sort(key=lambda pair: (-pair[0].quality, pair[0].place))
    stream = next((found for found in ranges if found.media == STREAM and found.quality > 0), None)
    page = any(found.media == PAGE and found.quality > 0 for found in ranges)
    if not ranked:
        return Accepts(None, stream is not None, stream is not None, page)
    best, json = ranked[0]
    first = stream is not None and (-stream.quality, stream.place) < (-best.quality, best.place)
    return Accepts(json, stream is not None, first, page)


@lru_cache(maxsize=256)
def is_json(content_type: bytes) -> bool:
    """Whether a Content-Type is exactly `application/json`, in UTF-8 (which is what it means without a charset)."""
    media, *parameters = (part.strip().lower() for part in content_type.split(b";"))
    charsets = [value.strip(b'" ') for name, _, value in (p.partition(b"=") for p in parameters) if name == b"charset"]
    return media == JSON and all(charset in (b"utf-8", b"utf8") for charset in charsets)


def _ranges(header: bytes) -> list[_Range]:
    found = []
    for place, part in enumerate(header.lower().split(b",")):
        media, *parameters = (piece.strip() for piece in part.split(b";"))
        quality = 1.0
        for name, _, value in (parameter.partition(b"=") for parameter in parameters):
            if name.strip() == b"q":
                try:
                    quality = float(value)
                except ValueError:
                    quality = 0.0
        found.append(_Range(media, quality, place))
    return found


def _best(ranges: list[_Range], media: bytes) -> _Range | None:
    """The most specific range that matches a media type. None without one, or when its quality is 0."""
    for pattern in (media, media.split(b"/")[0] + b"/*", b"*/*"):
        for found in ranges:
            if found.media == pattern:
                return found if found.quality > 0 else None
    return None
