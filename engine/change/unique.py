"""Violations of unique keys as refusals: the caller learns which value is taken, and in which field."""

import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager

import asyncpg

from models.rules.refusal import Refusal, Refused

TAKEN: Mapping[str, tuple[Refusal, str]] = {
    "lead_external_id_key": (
        Refusal.EXTERNAL_ID_TAKEN,
        "Another lead of the pipeline has this external id. Change that lead, or use another id.",
    ),
    "customer_external_id_key": (
        Refusal.EXTERNAL_ID_TAKEN,
        "Another customer has this external id. Change that customer, or use another id.",
    ),
}
"""The refusal for each key, by the name of its constraint."""


_NAMED = re.compile(r'constraint "(.+?)(?:_[0-9]{5,})?"$')


def violated(constraint: str | None, message: str) -> str:
    """The name of the constraint that a failure is about, or an empty one.

    Citus passes on the message of a shard, but not the name: its constraint has the number of the shard at the end.
    """
    if constraint is not None:
        return constraint
    found = _NAMED.search(message)
    return found[1] if found else ""


@contextmanager
def expect_unique(field: str = "externalId") -> Iterator[None]:
    """Wraps a statement that may violate a unique key. Raises `Refused` with the field; the transaction is aborted
    then."""
    try:
        yield
    except asyncpg.UniqueViolationError as failure:
        key = violated(failure.constraint_name, str(failure))
        if key not in TAKEN:
            raise
        code, message = TAKEN[key]
        raise Refused(code, message, field) from failure
