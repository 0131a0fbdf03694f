"""Scoring the leads that events name, by the rules of their pipelines: a moment after they have changed."""

from collections.abc import Sequence
from uuid import UUID

from sqlalchemy import ARRAY, Uuid, bindparam, text

from engine.background.consumers import Consumer
from engine.change.events import Cause, append
from engine.change.records import IDS
from engine.read.rows import ORG
from models.database import Connection, Row, Statement
from models.event_types import EventType
from models.tables.event import ActorKind
from resolvers.changes.scoring.scoring import scored

SCORER = "scores"

MOST = 10_000
"""Leads of contacts and customers that one batch scores: those of more wait for their own events."""

LOCK_NAMED = Statement(
    text(
        """
        SELECT lead.id, lead.pipeline_id, lead.closed_at, lead.owner_id, lead.stage_id FROM lead
        WHERE EXISTS (SELECT FROM scoring_model WHERE org_id = :org_id AND published_at IS NOT NULL)
            AND lead.org_id = :org_id AND lead.closed_at IS NULL AND lead.id = ANY(CAST(:ids AS uuid[]) || ARRAY(
            (SELECT id FROM lead WHERE org_id = :org_id AND contact_id = ANY(:people) AND closed_at IS NULL)
            UNION (SELECT id FROM lead WHERE org_id = :org_id AND customer_id = ANY(:people) AND closed_at IS NULL)
            LIMIT CAST(:most AS int)
        )) AND EXISTS (
            SELECT FROM scoring_model AS model WHERE model.org_id = :org_id
                AND model.pipeline_id = lead.pipeline_id AND model.published_at IS NOT NULL
        )
        ORDER BY lead.id FOR NO KEY UPDATE OF lead
        """
    ).bindparams(ORG, IDS, bindparam("people", type_=ARRAY(Uuid())))
)
"""The open leads of these ids, and those of these contacts and customers, of pipelines that have scoring rules.
Nothing is looked for where no pipeline has any."""


async def score_named(connection: Connection, org_id: UUID, events: Sequence[Row]) -> bool:
    """Score the leads that these events name. How often and in which order events name a lead makes no difference: it
    is scored as it is now."""
    telling = [event for event in events if event["type"] != EventType.LEAD_SCORE_CROSSED]
    ids = sorted({event["lead_id"] for event in telling} - {None})
    people = sorted({event["record_id"] for event in events if event["type"].startswith(("contact.", "customer."))})
    if not ids and not people:
        return False
    leads = await LOCK_NAMED.all(connection, org_id=org_id, ids=ids, people=people, most=MOST)
    _, new_events = await scored(connection, org_id, leads)
    if new_events:
        depth = 1 + max(event["depth"] for event in events)
        await append(connection, org_id, new_events, Cause(ActorKind.AUTOMATION, depth=depth))
    return bool(new_events)


SCORES = Consumer(SCORER, score_named)
"""Scores the leads that events name."""
