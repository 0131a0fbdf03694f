"""The words that a search finds leads, contacts and customers by, as changes keep them.

A lead holds copies of the words of its contact and its customer. Changes that rename one of these take it against being
named meanwhile (`locks.TAKE`): a lead that comes to name it waits and copies the new words, or is there already and
gets them from the change.
"""

from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any
from uuid import UUID

from sqlalchemy import ARRAY, Text, bindparam, text

from engine.change.records import IDS, inserted
from engine.read.rows import ORG
from models.database import Connection, Row, Statement
from models.ended_event_types import Merged
from models.rules.ids import parse_id
from models.rules.matching.keys import KeyKind
from models.rules.search import number_words, vector, words
from models.rules.text import spelled
from models.tables.event import NewEvent
from models.tables.lead import LeadSearch

Named = defaultdict[str, set[UUID | None]]
"""The ids that events name, by noun."""

Rule = Callable[[str | None], set[str]]
"""Makes the words of a field."""

PEOPLE: Mapping[str, Mapping[str, Rule]] = {
    "customer": {"name": words, "website": words, "phone": number_words, "external_id": words},
    "contact": {"name": words, "email": words, "phone": number_words},
}
"""The searched fields of customers and contacts, each with its rule."""

FIELDS: Mapping[str, Mapping[str, Rule]] = {**PEOPLE, "lead": {"title": words, "external_id": words}}
"""The searched fields of each record's own; of customers and contacts first, because leads copy theirs."""

PUBLIC = {noun: {spelled(name) for name in fields} for noun, fields in FIELDS.items()}
"""The same fields as events name them."""

VECTORS = bindparam("vectors", type_=ARRAY(Text()))

READ = {
    noun: Statement(
        text(f"SELECT id, {', '.join(fields)} FROM {noun} WHERE org_id = :org_id AND id = ANY(:ids)").bindparams(
            ORG, IDS
        )
    )
    for noun, fields in FIELDS.items()
}


FORMER = Statement(
    text("SELECT record_id, kind, key FROM former_key WHERE org_id = :org_id AND record_id = ANY(:ids)").bindparams(
        ORG, IDS
    )
)
"""What records were found by that were merged into these."""

FORMER_RULES: Mapping[str, Rule] = {
    KeyKind.NAME: words,
    KeyKind.DOMAIN: words,
    KeyKind.EMAIL: words,
    KeyKind.EXTERNAL_ID: words,
    KeyKind.PHONE: number_words,
}


def _write(table: str, id: str, column: str) -> Statement:
    return Statement(
        text(
            f"""
            UPDATE {table} SET {column} = CAST(given.vector AS tsvector)
            FROM unnest(:ids, :vectors) AS given (id, vector)
            WHERE {table}.org_id = :org_id AND {table}.{id} = given.id
            """
        ).bindparams(ORG, IDS, VECTORS)
    )


WRITE = {
    **{noun: _write(noun, "id", "words") for noun in PEOPLE},
    "lead": _write("lead_search", "lead_id", "own_words"),
}

_row = inserted(
    LeadSearch,
    {
        "org_id": "lead.org_id",
        "lead_id": "lead.id",
        "own_words": "CAST(given.vector AS tsvector)",
        **{f"{noun}_words": f"coalesce({noun}.words, '')" for noun in PEOPLE},
    },
    default=("words",),
)

ADD = Statement(
    text(
        f"""
        INSERT INTO lead_search ({_row.columns}) SELECT {_row.values}
        FROM unnest(:ids, :vectors) AS given (id, vector)
            JOIN lead ON lead.org_id = :org_id AND lead.id = given.id
            LEFT JOIN contact ON contact.org_id = lead.org_id AND contact.id = lead.contact_id
            LEFT JOIN customer ON customer.org_id = lead.org_id AND customer.id = lead.customer_id
        """
    ).bindparams(ORG, IDS, VECTORS)
)

LOCK_NAMING = {
    noun: Statement(
        text(
            f"""
            SELECT lead_id FROM lead_search WHERE org_id = :org_id AND lead_id = ANY(ARRAY(
                SELECT id FROM lead WHERE org_id = :org_id AND {noun}_id = ANY(:ids)
            ))
            ORDER BY lead_id FOR NO KEY UPDATE
            """
        ).bindparams(ORG, IDS)
    )
    for noun in PEOPLE
}
"""The leads that name these records, in one order: of two leads, two changes may each write the words of both."""

COPY = {
    noun: Statement(
        text(
            f"""
            UPDATE lead_search SET {noun}_words = coalesce({noun}.words, '')
            FROM lead LEFT JOIN {noun} ON {noun}.org_id = :org_id AND {noun}.id = lead.{noun}_id
            WHERE lead_search.org_id = :org_id AND lead_search.lead_id = ANY(:ids)
                AND lead.org_id = :org_id AND lead.id = lead_search.lead_id
            """
        ).bindparams(ORG, IDS)
    )
    for noun in PEOPLE
}
"""Gives leads the words of the contacts, or the customers, that they name now; the other words stay."""


async def keep_words(connection: Connection, org_id: UUID, new_events: Sequence[NewEvent]) -> None:
    """Write the words of what a change has created or renamed, or merged another record into, and of the leads that it
    has pointed at another contact or customer."""
    created: Named = defaultdict(set)
    renamed: Named = defaultdict(set)
    pointed: Named = defaultdict(set)
    for event in new_events:
        noun, _, happened = event.what.type.partition(".")
        if noun not in FIELDS:
            continue
        id = event.lead_id if noun == "lead" else event.record_id
        changed = set(getattr(event.what, "changes", None) or ())
        if happened == "created":
            created[noun].add(id)
        elif isinstance(event.what, Merged) and noun in PEOPLE:
            renamed[noun].add(parse_id(noun, event.what.into))
        elif not PUBLIC[noun].isdisjoint(changed):
            renamed[noun].add(id)
        for named in PEOPLE if noun == "lead" else ():
            if f"{named}Id" in changed:
                pointed[named].add(id)
    for noun in FIELDS:
        if created[noun]:
            await write_new(connection, org_id, noun, created[noun])
        if ids := renamed[noun] - created[noun]:
            await rename(connection, org_id, noun, ids)
    for noun, leads in pointed.items():
        if ids := leads - created["lead"]:
            await COPY[noun].run(connection, org_id=org_id, ids=list(ids))


async def write_new(connection: Connection, org_id: UUID, noun: str, ids: Iterable[UUID | None]) -> None:
    """Write the words of records that were just created; of leads after those that they name."""
    statement = ADD if noun == "lead" else WRITE[noun]
    await statement.run(connection, org_id=org_id, **await _vectors(connection, org_id, noun, ids))


async def rename(connection: Connection, org_id: UUID, noun: str, ids: Iterable[UUID | None]) -> None:
    """Write the words of records anew; those of contacts and customers also to the leads that name them. They hold what
    merged records were found by."""
    former = await FORMER.all(connection, org_id=org_id, ids=list(ids)) if noun in PEOPLE else ()
    await WRITE[noun].run(connection, org_id=org_id, **await _vectors(connection, org_id, noun, ids, former))
    if noun in PEOPLE:
        naming = await LOCK_NAMING[noun].all(connection, org_id=org_id, ids=list(ids))
        if naming:
            await COPY[noun].run(connection, org_id=org_id, ids=[row["lead_id"] for row in naming])


async def _vectors(
    connection: Connection, org_id: UUID, noun: str, ids: Iterable[UUID | None], former: Iterable[Row] = ()
) -> dict[str, Any]:
    rows = await READ[noun].all(connection, org_id=org_id, ids=list(ids))
    rules = FIELDS[noun]
    found = {row["id"]: set[str]().union(*(rule(row[name]) for name, rule in rules.items())) for row in rows}
    for row in former:
        if row["record_id"] in found:
            found[row["record_id"]] |= FORMER_RULES[row["kind"]](row["key"])
    return {"ids": [*found], "vectors": [vector(org_id, one) for one in found.values()]}
