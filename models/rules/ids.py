"""Public ids: a prefix for the type of the record, and its UUID (`lead_0192…`)."""

import re
from uuid import UUID

from models.records import RECORDS

_PATTERN = re.compile(r"([a-z]+)_([0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12})")


class WrongId(ValueError):
    """A text that is not an id, or the id of another type. Its message is written for the client."""


def public_id(prefix: str, id: UUID) -> str:
    """The id as clients see it."""
    return f"{prefix}_{id}"


def split_id(text: str) -> tuple[str, UUID]:
    """The prefix and the UUID of a public id. Raises `WrongId` when `text` is not one."""
    match = _PATTERN.fullmatch(text)
    if match is None or match[1] not in RECORDS:
        shown = text if len(text) <= 60 else text[:60] + "…"
        raise WrongId(f"{shown!r} is not an id. Send an id as it came from this API, such as 'lead_0192…'.")
    return match[1], UUID(match[2])


def parse_id(prefix: str, text: str) -> UUID:
    """The UUID of a public id that must be of the type of `prefix`. Raises `WrongId` naming both types otherwise."""
    found, id = split_id(text)
    if found != prefix:
        raise WrongId(
            f"{text!r} is the id of a {RECORDS[found].published};"
            f" send the id of a {RECORDS[prefix].published}, '{prefix}_…'."
        )
    return id
