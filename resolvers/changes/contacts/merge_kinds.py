"""What can be merged: contacts, customers and leads, each with what names it and the statements that merge it."""

from collections.abc import Mapping
from dataclasses import dataclass

from sqlalchemy import ARRAY, Text, bindparam, text

from engine.change.fields import Fields
from engine.change.records import IDS
from engine.change.shards import OWN
from engine.read.rows import ORG
from models.database import Statement
from models.ended_event_types import MergedType
from models.event_types import ChangedType, EventType
from resolvers.changes.contacts.create_update import CONTACT_FIELDS, CUSTOMER_FIELDS, REVISE_CONTACT, REVISE_CUSTOMER
from resolvers.changes.leads.fields import FIELDS as LEAD_FIELDS
from resolvers.changes.spans.gone import kept_of

KEEPS = ("external_id",)
"""Fields that are not filled from the other record: they name it in another system."""

UPDATED: Mapping[str, ChangedType] = {
    "lead": EventType.LEAD_UPDATED,
    "task": EventType.TASK_UPDATED,
    "activity": EventType.ACTIVITY_UPDATED,
    "contact": EventType.CONTACT_UPDATED,
    "customer": EventType.CUSTOMER_UPDATED,
}
"""What is recorded of a record that a merge fills, or points at the winner; by table."""


def _take(table: str) -> Statement:
    return Statement(
        text(f"SELECT * FROM {table} WHERE org_id = :org_id AND id = ANY(:ids) ORDER BY id FOR UPDATE").bindparams(
            ORG, IDS
        )
    )


def _lock(noun: str, named_by: Mapping[str, tuple[str, str]]) -> tuple[Statement, ...]:
    """Lock what names the loser, leads first, then tasks and contacts: what a merge changes, in the order in which all
    other changes lock it, with the leads that its events are about."""
    if noun == "lead":
        return ()
    about = {"lead": "id", "task": "lead_id", "activity": "lead_id"}
    leads = " UNION ".join(
        f"SELECT {about[table]} FROM {table} WHERE org_id = :org_id AND {column} = :loser_id"
        for table, column in named_by.values()
        if table in about
    )
    rows = {
        "lead": f"id = ANY(ARRAY({leads}))",
        **{table: f"{column} = :loser_id" for table, column in named_by.values() if table in ("task", "contact")},
    }
    return tuple(
        Statement(
            text(f"SELECT id FROM {table} WHERE org_id = :org_id AND {named} ORDER BY id FOR NO KEY UPDATE").bindparams(
                ORG
            )
        )
        for table, named in rows.items()
    )


def _point(table: str, column: str) -> Statement:
    """Point what names the loser at the winner; returns each such record, with the lead that its event is about."""
    lead_id = {"lead": "id", "contact": "CAST(NULL AS uuid)"}.get(table, "lead_id")
    return Statement(
        text(
            f"""
            WITH pointed AS (
                UPDATE {table} SET {column} = :winner_id, updated_at = statement_timestamp(), version = version + 1
                WHERE org_id = :org_id AND {column} = :loser_id RETURNING id, {lead_id} AS lead_id
            )
            SELECT pointed.id, lead.id AS lead_id, lead.owner_id, lead.pipeline_id, lead.stage_id
            FROM pointed LEFT JOIN lead ON lead.org_id = :org_id AND lead.id = pointed.lead_id ORDER BY pointed.id
            """
        ).bindparams(ORG)
    )


def _count(table: str, column: str) -> Statement:
    return Statement(
        text(f"SELECT count(*) FROM {table} WHERE org_id = :org_id AND {column} = :loser_id").bindparams(ORG)
    )


def _end(table: str) -> Statement:
    """Redirect the loser's id, and the ids that redirect to it, to the winner, and delete the loser. Of a lead, what
    reports on the past count of it is kept."""
    delete = f"DELETE FROM {table} WHERE org_id = :org_id AND id = :loser_id"
    ends = f", gone AS ({delete} RETURNING *) {kept_of('gone')}" if table == "lead" else delete
    return Statement(
        text(
            f"""
            WITH further AS (
                UPDATE merged_record SET into_id = :winner_id WHERE org_id = :org_id AND into_id = :loser_id
            ), named AS (
                INSERT INTO merged_record (org_id, id, into_id) VALUES (:org_id, :loser_id, :winner_id)
            )
            {ends}
            """
        ).bindparams(ORG)
    )


REMEMBER = Statement(
    text(
        f"""
        WITH kept AS (
            INSERT INTO former_key (org_id, kind, key, record_id)
            SELECT own.id, given.kind, given.key, CAST(:winner_id AS uuid)
            FROM {OWN}, unnest(:kinds, :keys) AS given (kind, key) WHERE own.id = :org_id
            UNION SELECT org_id, kind, key, CAST(:winner_id AS uuid) FROM former_key
            WHERE org_id = :org_id AND record_id = :loser_id
            ON CONFLICT DO NOTHING
        )
        DELETE FROM former_key WHERE org_id = :org_id AND record_id = :loser_id
        """
    ).bindparams(ORG, bindparam("kinds", type_=ARRAY(Text())), bindparam("keys", type_=ARRAY(Text())))
)
"""Let the winner answer to what the loser is recognised by, and to what was merged into the loser."""


@dataclass(frozen=True)
class MergeKind:
    """What can be merged: its table, what names it, and its fields: all, what it is called, and its notes."""

    noun: str
    merged: MergedType
    named_by: Mapping[str, tuple[str, str]]
    fields: Fields
    titled: str
    notes: str
    revise: Statement
    lock: tuple[Statement, ...]
    take: Statement
    point: Mapping[str, Statement]
    count: Mapping[str, Statement]
    end: Statement


def _kind(
    noun: str, merged: MergedType, named_by: Mapping[str, tuple[str, str]], fields: Fields, revise: Statement
) -> MergeKind:
    point = {name: _point(*where) for name, where in named_by.items()}
    count = {name: _count(*where) for name, where in named_by.items()}
    texts = ("title", "description") if noun == "lead" else ("name", "notes")
    return MergeKind(
        noun, merged, named_by, fields, *texts, revise, _lock(noun, named_by), _take(noun), point, count, _end(noun)
    )


CONTACT = _kind(
    "contact",
    EventType.CONTACT_MERGED,
    {"leads": ("lead", "contact_id"), "tasks": ("task", "contact_id"), "activities": ("activity", "contact_id")},
    CONTACT_FIELDS,
    REVISE_CONTACT,
)
CUSTOMER = _kind(
    "customer",
    EventType.CUSTOMER_MERGED,
    {"leads": ("lead", "customer_id"), "tasks": ("task", "customer_id"), "contacts": ("contact", "customer_id")},
    CUSTOMER_FIELDS,
    REVISE_CUSTOMER,
)
LEAD = _kind(
    "lead",
    EventType.LEAD_MERGED,
    {"tasks": ("task", "lead_id"), "activities": ("activity", "lead_id")},
    LEAD_FIELDS,
    LEAD_FIELDS.revise("sort_key", "last_activity_at"),
)
