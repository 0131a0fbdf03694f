"""The events that a process has not seen yet, with the columns that subscriptions filter by."""

from sqlalchemy import BigInteger, Integer, bindparam, text

from engine.read.rows import ORG
from models.database import Statement
from models.event_types import EventType
from resolvers.reads.events.subscriptions import FROM_OWNER

NEWS = Statement(
    text(
        f"""
        SELECT event.number, event.type, event.occurred_at, event.lead_id, event.owner_id, event.pipeline_id,
            event.from_pipeline_id,
            CASE WHEN event.type = '{EventType.LEAD_ASSIGNED}'
                THEN CAST(right(event.data ->> '{FROM_OWNER}', 36) AS uuid) END AS from_owner_id,
            ARRAY(
                SELECT id FROM merged_record WHERE org_id = :org_id AND into_id = now.lead_id
            ) || now.lead_id AS lead_ids
        FROM event, LATERAL (
            SELECT coalesce(
                (SELECT into_id FROM merged_record WHERE org_id = :org_id AND id = event.lead_id), event.lead_id
            ) AS lead_id
        ) AS now
        WHERE event.org_id = :org_id AND event.number > :position ORDER BY event.number LIMIT :size
        """
    ).bindparams(ORG, bindparam("position", type_=BigInteger()), bindparam("size", type_=Integer()))
)
"""The columns that subscriptions filter by, of the events after a position. A lead has its own id and those of all
leads that were merged into it."""
