"""Pinning the score of a lead, and letting the rules of its pipeline give it again."""

from collections.abc import Mapping
from typing import Any
from uuid import UUID

from engine.change.transaction import Change
from resolvers.changes.leads.create_update import update_lead
from resolvers.changes.scoring.scoring import LOCK_LEADS, score


async def pin_score(
    change: Change, lead_id: UUID, score: int, expected_version: int | None = None
) -> Mapping[str, Any]:
    """Set the score of a lead, which stays whatever the rules give. Raises as `update_lead` does."""
    return await update_lead(change, lead_id, expected_version, score=score)


async def unpin_score(change: Change, lead_id: UUID, expected_version: int | None = None) -> Mapping[str, Any]:
    """Let the rules of its pipeline give the score of a lead, as it is now; without rules it has none. Raises as
    `update_lead` does."""
    shown = await update_lead(change, lead_id, expected_version, score=None)
    await score(change, await change.all(LOCK_LEADS, ids=[lead_id]))
    return shown
