"""What becomes of leads whose stage changes its kind, or that move on together: how they are closed or opened."""

from uuid import UUID

from sqlalchemy import text

from engine.change.records import describe
from engine.change.transaction import Change
from engine.read.rows import ORG
from models.database import Row, Statement
from models.tables.event import Changes

STAYS_LOST = """(
    CAST(:kind AS text) = 'LOST' OR (CAST(:kind AS text) = 'OPEN' AND disqualified_at IS NOT NULL)
)"""

CLOSING = f"""
    closed_at = CASE
        WHEN CAST(:kind AS text) = 'OPEN'
            THEN CASE WHEN disqualified_at IS NOT NULL OR converted_at IS NOT NULL THEN closed_at END
        WHEN CAST(:from_kind AS text) = CAST(:kind AS text)
            OR (CAST(:kind AS text) = 'LOST' AND disqualified_at IS NOT NULL)
            THEN coalesce(closed_at, clock.now)
        ELSE clock.now
    END,
    lost_reason = CASE WHEN {STAYS_LOST} THEN lost_reason END,
    disqualified_at = CASE WHEN CAST(:kind AS text) <> 'WON' THEN disqualified_at END
"""
"""Closed where deals end, open elsewhere. One that stays won or lost stays closed since when it was; what was
disqualified or converted is not reopened. The statement has `CLOCK` in its FROM."""

LOCK_LEADS = Statement(
    text(
        "SELECT id FROM lead WHERE org_id = :org_id AND stage_id = :stage_id ORDER BY id FOR NO KEY UPDATE"
    ).bindparams(ORG)
)
"""All leads of a stage that is taken: an assignment locks only the lead."""

LOSING_REASON = Statement(
    text(
        f"""
        SELECT id, owner_id, pipeline_id, stage_id, lost_reason FROM lead
        WHERE org_id = :org_id AND stage_id = :stage_id AND lost_reason IS NOT NULL AND NOT {STAYS_LOST}
        ORDER BY id
        """
    ).bindparams(ORG)
)


async def losing_reason(change: Change, stage_id: UUID, kind: str) -> list[tuple[Row, Changes]]:
    """The leads of a stage that will no longer be lost where the kind is this, each with what changes about it.

    To be asked before they are closed or opened, while the stage is taken and its leads are held.
    """
    leads = await change.all(LOSING_REASON, stage_id=stage_id, kind=kind)
    return [(lead, describe(lead, {"lost_reason": None})) for lead in leads]
