"""Moving a lead: to another stage, or to another place in its own."""

from collections.abc import Mapping
from typing import Any
from uuid import UUID

from sqlalchemy import text

from engine.change.records import describe
from engine.change.shards import CLOCK
from engine.change.transaction import Change
from engine.change.unique import expect_unique
from engine.read.rows import ORG
from models.database import Row, Statement
from models.event_types import Changed, EventType, Plain
from models.rules.entering import missing_fields
from models.rules.refusal import Refusal, Refused, not_found
from models.rules.stage_kind import StageKind
from models.rules.text import spelled
from models.tables.event import NewEvent
from resolvers.changes.leads.entering import ENTERS, entered, step_of
from resolvers.changes.leads.lost_reasons import reason_to_enter, settled_reason
from resolvers.changes.leads.place import place_between
from resolvers.changes.locks import LockedLead, expect_not_deleting, lock_lead
from resolvers.changes.stage_totals import count

MOVE = Statement(
    text(
        f"""
        WITH moved AS (
            UPDATE lead SET {ENTERS}, rank = :rank,
                closed_at = CASE
                    WHEN CAST(:stays AS boolean) THEN coalesce(closed_at, clock.now)
                    WHEN CAST(:closed AS boolean) THEN clock.now
                END,
                lost_reason = CASE
                    WHEN CAST(:stays AS boolean) THEN coalesce(CAST(:lost_reason AS text), lost_reason)
                    WHEN CAST(:closed AS boolean) THEN CAST(:lost_reason AS text)
                END,
                disqualified_at = CASE
                    WHEN CAST(:disqualified AS boolean) THEN clock.now
                    WHEN CAST(:stays AS boolean) THEN disqualified_at
                END,
                qualified_at = CASE WHEN CAST(:qualified AS boolean) THEN clock.now ELSE qualified_at END
            FROM {CLOCK} WHERE org_id = :org_id AND id = :lead_id
            RETURNING id AS lead_id, stage_entered_at
        )
        {step_of("moved")}
        """
    ).bindparams(ORG)
)
"""Move a lead to another stage and add the step to its history. A lead that `stays` won or lost keeps its closing time
and reason; any other move starts afresh."""

REORDER = Statement(
    text(
        """
        UPDATE lead SET rank = :rank, lost_reason = :lost_reason, updated_at = statement_timestamp(),
            version = version + 1
        WHERE org_id = :org_id AND id = :lead_id
        """
    ).bindparams(ORG)
)
"""Move a card within its stage, or correct why it was lost: one row is written, never the column."""


async def move_lead(
    change: Change,
    lead_id: UUID,
    stage_id: UUID,
    after_lead_id: UUID | None = None,
    before_lead_id: UUID | None = None,
    lost_reason: str | None = None,
    expected_version: int | None = None,
) -> Mapping[str, Any]:
    """Move a lead to a stage, of its own pipeline or another: right after one card, right before another, or on top.
    In its own stage, a lost lead gets another reason, and keeps its place unless a neighbour is named.

    Raises `Refused`: NOT_FOUND; CONFLICT, showing the lead, when its version or its neighbours have changed;
    LEAD_CONVERTED; REASON_REQUIRED, REASON_UNKNOWN where it is lost; FIELDS_REQUIRED; EXTERNAL_ID_TAKEN in another
    pipeline.
    """
    standing = await lock_lead(change, lead_id, expected_version, stage_ids=(stage_id,))
    stage = standing.stages.get(stage_id)
    if stage is None or stage["deleted_at"] is not None:
        raise not_found("stage", "stageId")
    lead = standing.lead
    if lead["converted_at"] is not None and lead["stage_id"] != stage_id:
        raise Refused(
            Refusal.LEAD_CONVERTED,
            "This lead was converted and stays in its last stage. Move its opportunity instead.",
            "leadId",
            shown={"lead": lead_id},
        )
    stays = lead["stage_id"] == stage_id
    reason = await _corrected(change, standing, lost_reason) if stays and lost_reason is not None else None
    if reason is not None and after_lead_id is None and before_lead_id is None:
        place = None
    else:
        place = await place_between(change, lead_id, stage_id, after_lead_id, before_lead_id)
    if stays:
        await _stay(change, lead, place, reason)
    elif place is not None:
        expect_complete(lead, stage, "stageId", shown={"lead": lead_id})
        reason = await _why(change, standing, stage, lost_reason)
        with expect_unique("stageId"):
            await enter(change, standing, stage, place, lost_reason=reason)
    return {"lead": lead_id}


async def _stay(change: Change, lead: Row, place: str | None, reason: str | None) -> None:
    """Give a lead another place in its stage, another reason why it was lost, or both. None leaves each as it is."""
    corrects = reason is not None and reason != lead["lost_reason"]
    if place is None and not corrects:
        return
    why = reason if corrects else lead["lost_reason"]
    await change.run(REORDER, lead_id=lead["id"], rank=place or lead["rank"], lost_reason=why)
    if place is not None:
        change.emit(NewEvent.of_lead(Plain(EventType.LEAD_MOVED), lead))
    if corrects:
        change.emit(NewEvent.of_lead(Changed(EventType.LEAD_UPDATED, describe(lead, {"lost_reason": why})), lead))


async def _corrected(change: Change, standing: LockedLead, given: str) -> str:
    """The reason that replaces the one of a lead that stays in its stage. Only a lost lead has one."""
    if not is_lost(standing):
        raise Refused(Refusal.INVALID, "This lead is not lost. Leave lostReason out.", "lostReason")
    return await settled_reason(change, given, "lostReason", shown={"lead": standing.lead["id"]})


async def _why(change: Change, standing: LockedLead, stage: Mapping[str, Any], given: str | None) -> str | None:
    """The reason for which a lead is lost on entering a stage, or None; one that was lost before needs no new one."""
    has_one = is_lost(standing) or standing.lead["lost_reason"] is not None
    shown = {"lead": standing.lead["id"]} if stage["kind"] == StageKind.LOST else None
    return await reason_to_enter(change, stage, given, has_one=has_one, shown=shown)


def expect_complete(
    lead: Mapping[str, Any], stage: Mapping[str, Any], *field: str, shown: Mapping[str, Any] | None = None
) -> None:
    """Refuse a lead that may not enter a stage: with STAGE_BEING_DELETED; with FIELDS_REQUIRED, naming the fields that
    the stage requires and the lead lacks."""
    expect_not_deleting(stage, *field, shown=shown)
    missing = [spelled(name) for name in missing_fields(lead, stage)]
    if missing:
        message = f"The stage “{stage['name']}” requires {', '.join(missing)}. Fill in what is missing first."
        raise Refused(Refusal.FIELDS_REQUIRED, message, *field, shown=shown)


async def enter(
    change: Change,
    standing: LockedLead,
    stage: Mapping[str, Any],
    place: str,
    *,
    lost_reason: str | None = None,
    qualified: bool = False,
    disqualified: bool = False,
) -> None:
    """Move a locked lead into another locked stage, with its history, its event and the totals of both stages."""
    lead, kind = standing.lead, stage["kind"]
    was = StageKind.LOST if is_lost(standing) else standing.stage["kind"]
    closed = kind != StageKind.OPEN
    why = (lost_reason or (lead["lost_reason"] if kind == was else None)) if closed else None
    new_event = entered(lead, stage, None if why == lead["lost_reason"] else describe(lead, {"lost_reason": why}))
    await change.run(
        MOVE,
        id=new_event.id,
        lead_id=lead["id"],
        pipeline_id=stage["pipeline_id"],
        stage_id=stage["id"],
        from_pipeline_id=lead["pipeline_id"],
        from_stage_id=lead["stage_id"],
        rank=place,
        closed=closed,
        stays=closed and kind == was,
        lost_reason=lost_reason,
        disqualified=disqualified,
        qualified=qualified,
        actor_id=change.actor_id,
    )
    count(change, lead, standing.stage, -1)
    count(change, {**lead, "closed_at": None}, stage, 1)
    change.emit(new_event)


def is_lost(standing: LockedLead) -> bool:
    """Whether a lead is lost or disqualified already."""
    return standing.stage["kind"] == StageKind.LOST or standing.lead["disqualified_at"] is not None
