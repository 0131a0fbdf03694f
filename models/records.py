"""Every type of record that has an id of its own, declared once."""

from collections.abc import Mapping
from dataclasses import dataclass


@dataclass(frozen=True)
class Record:
    """A type of record.

    `noun` is the prefix of its ids and the name of its table; `published` is the name of its GraphQL type. A record
    that `merges` can be merged into another of its type, whose id its own then stands for.
    """

    noun: str
    published: str
    merges: bool = False


RECORDS: Mapping[str, Record] = {
    record.noun: record
    for record in (
        Record("pipeline", "Pipeline"),
        Record("stage", "Stage"),
        Record("lead", "Lead", merges=True),
        Record("contact", "Contact", merges=True),
        Record("customer", "Customer", merges=True),
        Record("task", "Task"),
        Record("member", "Member"),
        Record("activity", "Activity"),
        Record("pool", "Pool"),
        Record("run", "Run"),
        Record("webhook", "Webhook"),
    )
}
"""Each record by its noun."""
