"""How leads leave a stage that is deleted: together, in their order, to the end of another, each with its own event."""

from collections.abc import Sequence
from typing import Any
from uuid import UUID

from sqlalchemy import text

from engine.change.records import IDS, describe
from engine.change.shards import CLOCK
from engine.change.transaction import Change
from engine.change.unique import expect_unique
from engine.read.rows import ORG
from models.database import Row, Statement
from models.ended_event_types import StageDeleted
from models.rules import rank
from models.rules.stage_kind import StageKind
from models.tables.event import NewEvent
from resolvers.changes.leads.closing import CLOSING
from resolvers.changes.leads.entering import ENTERS, entered, step_of
from resolvers.changes.leads.lost_reasons import reason_to_enter
from resolvers.changes.pipeline_stages import PipelineStages, arrange
from resolvers.changes.pipelines.stages import FIELDS
from resolvers.changes.stage_totals import count

FIRST_LEADS = Statement(
    text(
        """
        SELECT id FROM lead WHERE org_id = :org_id AND stage_id = :stage_id
        ORDER BY rank, id LIMIT CAST(:most AS int)
        """
    ).bindparams(ORG)
)

WITHOUT_REASON = Statement(
    text(
        """
        SELECT id FROM lead WHERE org_id = :org_id AND stage_id = :stage_id
            AND lost_reason IS NULL AND disqualified_at IS NULL LIMIT 1
        """
    ).bindparams(ORG)
)
"""A lead that has not been lost."""

LOCK_THESE = Statement(
    text(
        """
        SELECT * FROM lead WHERE org_id = :org_id AND id = ANY(:ids) AND stage_id = :stage_id
        ORDER BY id FOR NO KEY UPDATE
        """
    ).bindparams(ORG, IDS)
)

LAST_RANK = Statement(
    text(
        "SELECT rank FROM lead WHERE org_id = :org_id AND stage_id = :stage_id ORDER BY rank DESC, id DESC LIMIT 1"
    ).bindparams(ORG)
)

MOVE_ALL = Statement(
    text(
        f"""
        WITH moving AS (
            SELECT * FROM unnest(CAST(:lead_ids AS uuid[]), CAST(:ranks AS text[]), CAST(:ids AS uuid[]))
                AS moving (lead_id, rank, id)
        ), moved AS (
            UPDATE lead SET {ENTERS}, rank = moving.rank, {CLOSING}
            FROM {CLOCK}, moving WHERE lead.org_id = :org_id AND lead.id = moving.lead_id
            RETURNING moving.id, lead.id AS lead_id, lead.stage_entered_at
        )
        {step_of("moved", "moved.id")}
        """
    ).bindparams(ORG)
)
"""Move leads to another stage, each at its new rank, and record each move in its history."""

BURY = Statement(
    text(
        """
        UPDATE stage SET deleted_at = statement_timestamp(), deleting_run_id = NULL, updated_at = statement_timestamp(),
            version = version + 1
        WHERE org_id = :org_id AND id = :id
        """
    ).bindparams(ORG)
)


async def lock_first(change: Change, stage_id: UUID, most: int) -> list[Row]:
    """Lock the first leads of a stage; returns them in their order. Those that leave meanwhile are not among them."""
    ids = [row["id"] for row in await change.all(FIRST_LEADS, stage_id=stage_id, most=most)]
    locked = await change.all(LOCK_THESE, ids=ids, stage_id=stage_id) if ids else []
    return sorted(locked, key=lambda lead: (lead["rank"], lead["id"]))


async def reason_to_leave(change: Change, stage: Row, target: Row, given: str | None) -> str | None:
    """The reason for which the leads of a stage are lost in the target; None where they are not, or were before.

    Raises `Refused`: REASON_REQUIRED, REASON_UNKNOWN, INVALID.
    """
    has_one = stage["kind"] == StageKind.LOST or await change.first(WITHOUT_REASON, stage_id=stage["id"]) is None
    return await reason_to_enter(change, target, given, has_one=has_one, shown={"stage": stage["id"]})


async def move_together(
    change: Change, leads: Sequence[Row], stage: Row, target: Row, lost_reason: str | None = None
) -> None:
    """Move locked leads of a stage to the end of the target, for this reason if they are lost there. Both stages are
    kept or taken."""
    last = await change.first(LAST_RANK, stage_id=target["id"])
    new_events = [_entered(lead, target, lost_reason) for lead in leads]
    with expect_unique("moveLeadsTo"):
        await change.run(
            MOVE_ALL,
            lead_ids=[lead["id"] for lead in leads],
            ranks=rank.spread(len(leads), last["rank"] if last else None),
            ids=[new_event.id for new_event in new_events],
            kind=target["kind"],
            lost_reason=lost_reason,
            from_kind=stage["kind"],
            pipeline_id=target["pipeline_id"],
            stage_id=target["id"],
            from_pipeline_id=stage["pipeline_id"],
            from_stage_id=stage["id"],
            actor_id=change.actor_id,
        )
    for lead, new_event in zip(leads, new_events, strict=True):
        count(change, lead, stage, -1)
        count(change, {**lead, "closed_at": _still_closed(lead)}, target, 1)
        change.emit(new_event)


def _entered(lead: Row, target: Row, lost_reason: str | None) -> NewEvent:
    """The event of a lead that moves, with the change of its reason, as `CLOSING` makes it."""
    kept = lead["lost_reason"]
    if target["kind"] == StageKind.LOST:
        why = lost_reason if kept is None else kept
    else:
        why = kept if target["kind"] == StageKind.OPEN and lead["disqualified_at"] is not None else None
    return entered(lead, target, describe(lead, {"lost_reason": why}) if why != kept else None)


def _still_closed(lead: Row) -> Any:
    """When a lead was closed that is so in an open stage, too: disqualified or converted."""
    return lead["closed_at"] if lead["disqualified_at"] is not None or lead["converted_at"] is not None else None


async def bury(change: Change, shape: PipelineStages, stage: Row, moved: int) -> None:
    """Delete a taken stage that is empty. Its row stays as a tombstone that history refers to."""
    await change.run(BURY, id=stage["id"])
    await arrange(change, shape, [other["id"] for other in shape.stages if other["id"] != stage["id"]])
    change.emit(
        NewEvent(
            StageDeleted(record=FIELDS.public(stage), moved_leads=moved),
            pipeline_id=stage["pipeline_id"],
            stage_id=stage["id"],
            record_id=stage["id"],
        )
    )
