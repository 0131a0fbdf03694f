"""The events that a process has not seen yet, with what subscriptions are chosen by; and what they may name."""

from sqlalchemy import ARRAY, BigInteger, Integer, Text, Uuid, bindparam, text

from engine.read.rows import ORG
from models.database import Statement
from models.event_types import EventType
from resolvers.reads.events.concerns import CONCERNED, FROM_OWNER

NEWS = Statement(
    text(
        f"""
        SELECT event.number, event.type, event.occurred_at, event.lead_id, event.owner_id, event.pipeline_id,
            event.from_pipeline_id,
            CASE WHEN event.type = '{EventType.LEAD_ASSIGNED}'
                THEN CAST(right(event.data ->> '{FROM_OWNER}', 36) AS uuid) END AS from_owner_id,
            {CONCERNED.strip()} AS concerned,
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
"""What subscriptions are chosen by, of the events after a position. A lead goes by its own id and by those of all that
were merged into it."""

KNOWN = Statement(
    text(
        """
        SELECT asked.prefix, asked.id FROM unnest(:prefixes, :ids) AS asked (prefix, id)
        WHERE CASE asked.prefix
            WHEN 'lead' THEN EXISTS (SELECT FROM lead WHERE lead.org_id = :org_id AND lead.id = asked.id)
                OR EXISTS (SELECT FROM event WHERE event.org_id = :org_id AND event.lead_id = asked.id)
                OR EXISTS (SELECT FROM merged_record AS m WHERE m.org_id = :org_id AND m.id = asked.id)
            WHEN 'pipeline' THEN EXISTS (SELECT FROM pipeline AS p WHERE p.org_id = :org_id AND p.id = asked.id)
                OR EXISTS (SELECT FROM event WHERE event.org_id = :org_id AND event.record_id = asked.id)
            WHEN 'webhook' THEN EXISTS (SELECT FROM webhook AS w WHERE w.org_id = :org_id AND w.id = asked.id)
            ELSE EXISTS (SELECT FROM member WHERE member.org_id = :org_id AND member.id = asked.id)
        END
        """
    ).bindparams(ORG, bindparam("prefixes", type_=ARRAY(Text())), bindparam("ids", type_=ARRAY(Uuid())))
)
"""Those of these leads, pipelines, webhooks and members that are there, or leads and pipelines of which the log speaks.
Members are never deleted."""
