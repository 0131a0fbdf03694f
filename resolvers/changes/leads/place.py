"""The place of a card in its stage: the rank on top of it, or between two neighbours."""

from typing import Any
from uuid import UUID

from sqlalchemy import text

from engine.change.transaction import Change
from engine.read.rows import ORG
from models.database import Statement
from models.rules import rank
from models.rules.refusal import Refusal, Refused, not_found

TOP = Statement(
    text(
        """
        SELECT NULL::text AS low, (
            SELECT rank FROM lead WHERE org_id = :org_id AND stage_id = :stage_id AND id <> :lead_id
            ORDER BY rank, id LIMIT 1
        ) AS high
        """
    ).bindparams(ORG)
)
"""The gap above the first card of a stage."""

AFTER = Statement(
    text(
        """
        SELECT card.rank AS low, (
            SELECT next.rank FROM lead AS next
            WHERE next.org_id = :org_id AND next.stage_id = :stage_id AND next.rank > card.rank AND next.id <> :lead_id
            ORDER BY next.rank, next.id LIMIT 1
        ) AS high
        FROM lead AS card WHERE card.org_id = :org_id AND card.id = :card_id AND card.stage_id = :stage_id
        """
    ).bindparams(ORG)
)
"""The gap right below a card."""

BEFORE = Statement(
    text(
        """
        SELECT (
            SELECT previous.rank FROM lead AS previous
            WHERE previous.org_id = :org_id AND previous.stage_id = :stage_id AND previous.rank < card.rank
                AND previous.id <> :lead_id
            ORDER BY previous.rank DESC, previous.id DESC LIMIT 1
        ) AS low, card.rank AS high
        FROM lead AS card WHERE card.org_id = :org_id AND card.id = :card_id AND card.stage_id = :stage_id
        """
    ).bindparams(ORG)
)
"""The gap right above a card."""

KNOWN = Statement(
    text(
        """
        SELECT id FROM lead WHERE org_id = :org_id AND id = :card_id
        UNION ALL (SELECT id FROM event WHERE org_id = :org_id AND lead_id = :card_id LIMIT 1)
        """
    ).bindparams(ORG)
)
"""Whether a lead exists or ever existed in the organisation: the log names those that were deleted."""


async def top_of(change: Change, lead_id: UUID, stage_id: UUID) -> str:
    """The rank for a card that goes on top of a stage."""
    gap = await change.first(TOP, stage_id=stage_id, lead_id=lead_id)
    assert gap is not None
    return rank.between(gap["low"], gap["high"])


async def place_between(
    change: Change, lead_id: UUID, stage_id: UUID, after_lead_id: UUID | None, before_lead_id: UUID | None
) -> str:
    """The rank for a card dropped between these neighbours."""
    if after_lead_id is None and before_lead_id is None:
        return await top_of(change, lead_id, stage_id)
    low = high = None
    if after_lead_id is not None:
        low, high = await _gap(change, AFTER, lead_id, stage_id, after_lead_id, "afterLeadId")
    if before_lead_id is not None:
        above, below = await _gap(change, BEFORE, lead_id, stage_id, before_lead_id, "beforeLeadId")
        if low is None:
            low, high = above, below
        elif low >= below:
            raise _moved_on("beforeLeadId", lead_id)
    return rank.between(low, high)


async def _gap(
    change: Change, statement: Statement, lead_id: UUID, stage_id: UUID, card_id: UUID, field: str
) -> tuple[Any, Any]:
    if card_id == lead_id:
        raise Refused(Refusal.INVALID, "A lead cannot be its own neighbour. Name another lead, or none.", field)
    gap = await change.first(statement, lead_id=lead_id, stage_id=stage_id, card_id=card_id)
    if gap is None:
        if await change.first(KNOWN, card_id=card_id) is None:
            raise not_found("lead", field)
        raise _moved_on(field, lead_id)
    return gap["low"], gap["high"]


def _moved_on(field: str, lead_id: UUID) -> Refused:
    return Refused(
        Refusal.CONFLICT,
        "The neighbours have moved. Load the stage again and repeat the move.",
        field,
        shown={"lead": lead_id},
    )
