"""What is kept of leads that are deleted or merged: what reports on the past count of them.

It is written where a lead goes; of those that went before it was kept, it is made from the log.
"""

from collections.abc import Sequence
from uuid import UUID

from sqlalchemy import ARRAY, Text, bindparam, text

from engine.change.records import IDS, inserted
from engine.change.shards import OWN
from engine.read.rows import ORG
from models.database import Connection, Statement
from models.event_keys import key
from models.event_types import EventType
from models.tables.analytics.gone import GoneLead
from resolvers.changes.spans.undoing import ENDS

KEPT = ("created_at", "pipeline_id", "stage_id", "owner_id", "source", "closed_at")


def kept_of(deleted: str) -> str:
    """The INSERT of what is kept of the leads that `deleted`, a CTE, returns."""
    columns, values = inserted(
        GoneLead,
        {
            "org_id": "own.id",
            "lead_id": f"{deleted}.id",
            "gone_at": "statement_timestamp()",
            **{name: f"{deleted}.{name}" for name in KEPT},
        },
    )
    return f"INSERT INTO gone_lead ({columns}) SELECT {values} FROM {OWN}, {deleted} WHERE own.id = :org_id"


SOURCE = key(EventType.LEAD_DELETED, "source")
TYPES = bindparam("types", type_=ARRAY(Text()))

WRITE_GONE = Statement(
    text(
        f"""
        INSERT INTO gone_lead (org_id, lead_id, created_at, gone_at, pipeline_id, stage_id, owner_id, source, closed_at)
        SELECT :org_id, ended.lead_id, began.occurred_at, ended.occurred_at, ended.pipeline_id, ended.stage_id,
            ended.owner_id, ended.data ->> '{SOURCE}', closed.occurred_at
        FROM event AS ended CROSS JOIN LATERAL (
            SELECT occurred_at FROM event
            WHERE event.org_id = :org_id AND event.lead_id = ended.lead_id ORDER BY number LIMIT 1
        ) AS began LEFT JOIN LATERAL (
            SELECT min(event.occurred_at) AS occurred_at FROM lead_span JOIN event
                ON event.org_id = :org_id AND event.number = lead_span.from_number
            WHERE lead_span.org_id = :org_id AND lead_span.lead_id = ended.lead_id AND lead_span.outcome IS NOT NULL
                AND NOT EXISTS (
                    SELECT FROM lead_span AS later WHERE later.org_id = :org_id AND later.lead_id = lead_span.lead_id
                        AND later.until_number > lead_span.until_number AND later.outcome IS NULL
                )
        ) AS closed ON true
        WHERE ended.org_id = :org_id AND ended.lead_id = ANY(:ids) AND ended.type = ANY(:types)
        ON CONFLICT (org_id, lead_id) DO NOTHING
        """
    ).bindparams(ORG, IDS, TYPES)
)
"""Keeps what reports on the past count of leads that went before it was kept."""

WRITE_STEPS = Statement(
    text(
        """
        INSERT INTO stage_change (org_id, id, lead_id, from_pipeline_id, from_stage_id, to_pipeline_id, to_stage_id,
            actor_id, occurred_at)
        SELECT org_id, id, lead_id, from_pipeline_id, from_stage_id, pipeline_id, stage_id, actor_id, occurred_at
        FROM event WHERE org_id = :org_id AND lead_id = ANY(:ids) AND type = ANY(:types)
        ON CONFLICT (org_id, id) DO NOTHING
        """
    ).bindparams(ORG, IDS, TYPES)
)
"""Writes the history of leads that went with it."""

STEPS = (EventType.LEAD_CREATED, EventType.LEAD_STAGE_CHANGED)


async def keep_gone(connection: Connection, org_id: UUID, lead_ids: Sequence[UUID]) -> None:
    """Keep what there is in the log of these leads, whose spans have been made and which are there no more."""
    await WRITE_GONE.run(connection, org_id=org_id, ids=lead_ids, types=list(ENDS))
    await WRITE_STEPS.run(connection, org_id=org_id, ids=lead_ids, types=list(STEPS))
