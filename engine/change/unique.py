"""Violations of unique keys as refusals: the caller learns which value is taken, and in which field."""

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


@contextmanager
def expect_unique(field: str = "externalId") -> Iterator[None]:
    """Wraps a statement that may violate a unique key. Raises `Refused` with the field; the transaction is aborted
    then."""
    try:
        yield
    except asyncpg.UniqueViolationError as failure:
        if (key := failure.constraint_name) is None or key not in TAKEN:
            raise
        code, message = TAKEN[key]
        raise Refused(code, message, field) from failure
