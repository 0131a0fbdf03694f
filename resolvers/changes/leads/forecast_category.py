"""The forecast category of a lead: chosen instead of its stage's, until it is cleared."""

from collections.abc import Mapping
from typing import Any
from uuid import UUID

from engine.change.records import describe, differing, revise, rewrite
from engine.change.transaction import Change
from models.event_types import Changed, EventType
from models.rules.refusal import Refusal, Refused
from models.rules.stage_kind import chosen_category
from models.tables.event import NewEvent
from models.tables.lead import Lead
from resolvers.changes.locks import lock_lead

CHOOSE = revise(Lead, "forecast_category")


async def set_forecast_category(
    change: Change, lead_id: UUID, category: str | None = None, expected_version: int | None = None
) -> Mapping[str, Any]:
    """Choose the category of a lead, which stays however it moves; null leaves it to the stage again.

    Raises `Refused`: NOT_FOUND; CONFLICT or LEAD_CLOSED, showing the lead; INVALID for CLOSED.
    """
    wanted = {"forecast_category": chosen_category(category, "category")}
    lead = (await lock_lead(change, lead_id, expected_version)).lead
    changes = differing(lead, wanted)
    if not changes:
        return {"lead": lead_id}
    if lead["closed_at"] is not None:
        raise Refused(
            Refusal.LEAD_CLOSED,
            "This lead is closed, and counts by how it ended. Reopen it first.",
            "leadId",
            shown={"lead": lead_id},
        )
    await rewrite(change, CHOOSE, lead, changes)
    change.emit(NewEvent.of_lead(Changed(EventType.LEAD_UPDATED, describe(lead, changes)), lead))
    return {"lead": lead_id}


def check_category(given: Mapping[str, Any]) -> None:
    """Check the category among the given values. Raises `Refused` INVALID."""
    chosen_category(given.get("category"), "category")
