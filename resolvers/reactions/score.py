"""Scoring the leads that events name, by the rules of their pipelines: a moment after they have changed."""

from collections.abc import Sequence
from uuid import UUID

import orjson
from sqlalchemy import ARRAY, Uuid, bindparam, text

from engine.background.consumers import Consumer
from engine.change.events import Cause, append
from engine.change.records import IDS
from engine.read.rows import ORG
from models.database import Connection, Row, Statement
from models.event_keys import key
from models.event_types import EventType
from models.rules.ids import split_id
from models.rules.text import spelled
from models.tables.event import ActorKind
from resolvers.changes.scoring.rescoring import mark
from resolvers.changes.scoring.scoring import scored

SCORER = "scores"

INTO, CHANGES = key(EventType.CONTACT_MERGED, "into"), key(EventType.STAGE_UPDATED, "changes")

MOST = 10_000
"""Leads of contacts and customers that one batch scores: of more, all are marked, and scored batch by batch."""

OF_STAGES = frozenset(map(spelled, ("probability", "rotten_after_days")))
"""The fields of a stage that conditions test of its leads."""

TIME_ZONE = spelled("time_zone")

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
    people = _people(events)
    await _mark(connection, org_id, events)
    if not ids and not people:
        return False
    leads = await LOCK_NAMED.all(connection, org_id=org_id, ids=ids, people=people, most=MOST)
    if len(leads) >= MOST:
        await mark(connection, org_id, people=people)
    _, new_events = await scored(connection, org_id, leads)
    if new_events:
        depth = 1 + max(event["depth"] for event in events)
        await append(connection, org_id, new_events, Cause(ActorKind.AUTOMATION, depth=depth))
    return bool(new_events)


def _people(events: Sequence[Row]) -> list[UUID]:
    """The contacts and customers that changed, those included into which others were merged."""
    found = {event["record_id"] for event in events if event["type"].startswith(("contact.", "customer."))}
    merged = [event for event in events if event["type"] in (EventType.CONTACT_MERGED, EventType.CUSTOMER_MERGED)]
    return sorted(found | {split_id(orjson.loads(event["data"])[INTO])[1] for event in merged})


async def _mark(connection: Connection, org_id: UUID, events: Sequence[Row]) -> None:
    """Mark the leads of stages whose fields changed, or all where the organisation's days begin at another time."""
    stages = {event["record_id"] for event in events if _changes(event, EventType.STAGE_UPDATED) & OF_STAGES}
    all_ = any(TIME_ZONE in _changes(event, EventType.ORGANISATION_UPDATED) for event in events)
    if stages or all_:
        await mark(connection, org_id, sorted(stages), all_=all_)


def _changes(event: Row, type_: EventType) -> set[str]:
    """The fields that an event of this type has changed."""
    return set(orjson.loads(event["data"])[CHANGES]) if event["type"] == type_ else set()


SCORES = Consumer(SCORER, score_named)
"""Scores the leads that events name."""
