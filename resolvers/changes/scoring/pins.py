"""Scores that people set by hand: they hold until they are unpinned, whatever the rules say.

`updateLead` pins the score that it is given, and unpins it with null.
"""

from collections.abc import Mapping
from typing import Any
from uuid import UUID

from sqlalchemy import text

from engine.change.records import ID
from engine.change.transaction import Change
from engine.read.rows import ORG
from models.database import Row, Statement

PIN = Statement(
    text(
        """
        UPDATE lead_score SET pinned = :pinned WHERE org_id = :org_id AND lead_id = :id RETURNING total
        """
    ).bindparams(ORG, ID)
)

BY_RULES = Statement(
    text("SELECT lead_id FROM lead_score WHERE org_id = :org_id AND lead_id = :id AND NOT pinned").bindparams(ORG, ID)
)


async def pinned(change: Change, lead_id: UUID, wanted: Mapping[str, Any]) -> Mapping[str, Any]:
    """The wanted fields of a locked lead. A score among them is pinned, which stands even if it is that of the rules;
    null instead unpins it, and what the rules gave last holds again."""
    if "score" not in wanted:
        return wanted
    held = await change.first(PIN, id=lead_id, pinned=wanted["score"] is not None)
    if held is None or wanted["score"] is not None:
        return wanted
    return {**wanted, "score": held["total"]}


async def own_score(change: Change, lead: Row) -> int | None:
    """The score of a lead that somebody set by hand; None when it is that of the rules of its pipeline."""
    score: int | None = lead["score"]
    return None if score is None or await change.first(BY_RULES, id=lead["id"]) else score
