"""Scoring leads whose points may have changed by the passing of time alone, as `passing_time` says.

When that may be is kept with each score, so that no lead is looked at before. What changes the scores of very many
leads at once, such as the days that a stage allows, marks them as due at once.
"""

from collections.abc import Sequence
from datetime import datetime
from uuid import UUID

from sqlalchemy import ARRAY, Boolean, DateTime, Uuid, bindparam, text

from engine.background.passing_time import TIME, Recorder
from engine.change.events import append
from engine.change.records import IDS
from engine.read.rows import ORG
from models.database import Connection, Statement
from resolvers.changes.scoring.scoring import scored

NOW = bindparam("now", type_=DateTime(timezone=True))

DUE = Statement(text("SELECT DISTINCT org_id FROM lead_score WHERE rescore_at <= :now").bindparams(NOW))
"""The organisations in which a score is due, from an index of these instants."""

DUE_LEADS = Statement(
    text(
        """
        SELECT lead_id FROM lead_score WHERE org_id = :org_id AND rescore_at <= :now
        ORDER BY rescore_at LIMIT CAST(:size AS int)
        """
    ).bindparams(ORG, NOW)
)

LOCK_DUE = Statement(
    text(
        """
        SELECT id, pipeline_id, closed_at, owner_id, stage_id FROM lead
        WHERE org_id = :org_id AND id = ANY(:ids) ORDER BY id FOR NO KEY UPDATE SKIP LOCKED
        """
    ).bindparams(ORG, IDS)
)
"""What a change or another process holds is left for the next time."""

SETTLE = Statement(
    text(
        """
        UPDATE lead_score SET rescore_at = NULL WHERE org_id = :org_id AND lead_id = ANY(:ids) AND rescore_at <= :now
        """
    ).bindparams(ORG, IDS, NOW)
)
"""A lead that is closed, or has no rules any more, keeps its score for ever."""

MARK = Statement(
    text(
        """
        UPDATE lead_score SET rescore_at = statement_timestamp()
        FROM lead
        WHERE lead_score.org_id = :org_id AND lead.org_id = :org_id AND lead.id = lead_score.lead_id
            AND lead.closed_at IS NULL AND (
                :all OR lead.stage_id = ANY(:stage_ids) OR lead.contact_id = ANY(:people)
                OR lead.customer_id = ANY(:people)
            )
        """
    ).bindparams(
        ORG,
        bindparam("all", type_=Boolean()),
        bindparam("stage_ids", type_=ARRAY(Uuid())),
        bindparam("people", type_=ARRAY(Uuid())),
    )
)
"""Mark the scores of open leads of these stages, contacts and customers as due, or of all."""


async def mark(
    connection: Connection,
    org_id: UUID,
    stages: Sequence[UUID] = (),
    people: Sequence[UUID] = (),
    *,
    all_: bool = False,
) -> None:
    """Have the open leads of these stages, contacts and customers scored again soon, or all that have been scored."""
    await MARK.run(connection, org_id=org_id, stage_ids=list(stages), people=list(people), all=all_)


async def _score_batch(connection: Connection, org_id: UUID, now: datetime, size: int) -> tuple[int, int]:
    """Score the leads of a batch that are due."""
    due = [row["lead_id"] for row in await DUE_LEADS.all(connection, org_id=org_id, now=now, size=size)]
    leads = await LOCK_DUE.all(connection, org_id=org_id, ids=sorted(due))
    _, new_events = await scored(connection, org_id, leads)
    await SETTLE.run(connection, org_id=org_id, ids=[lead["id"] for lead in leads], now=now)
    if new_events:
        await append(connection, org_id, new_events, TIME)
    return len(due) if leads else 0, len(new_events)


RESCORED = Recorder("scores", DUE.all, _score_batch)
