"""How a stage is deleted: its leads move together, and it stays as a tombstone that history refers to."""

from collections.abc import Mapping, Sequence
from typing import Any
from uuid import UUID

from sqlalchemy import text

from engine.change.shards import CLOCK
from engine.change.transaction import Change
from engine.change.unique import expect_unique
from engine.read.rows import ORG
from models.database import Row, Statement
from models.event_types import EnteredStage, StageDeleted
from models.rules import rank
from models.rules.refusal import Refusal, Refused, not_found
from models.tables.event import NewEvent
from resolvers.changes.leads.closing import CLOSING, LOCK_LEADS, losing_reason
from resolvers.changes.leads.entering import ENTERS, step_of
from resolvers.changes.pipeline_stages import arrange, expect_open_stage, lock_stages_around, take_stages
from resolvers.changes.stage_totals import refresh_totals

LEADS_IN_ORDER = Statement(
    text("SELECT id, owner_id FROM lead WHERE org_id = :org_id AND stage_id = :stage_id ORDER BY rank, id").bindparams(
        ORG
    )
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
        UPDATE stage SET deleted_at = statement_timestamp(), updated_at = statement_timestamp(), version = version + 1
        WHERE org_id = :org_id AND id = :id
        """
    ).bindparams(ORG)
)


async def delete_stage(
    change: Change, stage_id: UUID, move_leads_to: UUID | None = None, expected_version: int | None = None
) -> Mapping[str, Any]:
    """Delete a stage. Its leads, if any, go to the end of another stage, in their order, each with its own event.

    Raises `Refused`: NOT_FOUND; CONFLICT, LAST_OPEN_STAGE or STAGE_NOT_EMPTY, showing the stage; EXTERNAL_ID_TAKEN
    when they would enter a pipeline that has a lead of the same external id; INVALID.
    """
    shape = await lock_stages_around(change, stage_id)
    stage = shape.stage(stage_id, expected_version)
    if move_leads_to == stage_id:
        raise Refused(
            Refusal.INVALID, "The leads cannot stay in the deleted stage. Choose another stage.", "moveLeadsTo"
        )
    taken = await take_stages(change, stage_id, *([move_leads_to] if move_leads_to else []))
    if move_leads_to is not None and move_leads_to not in taken:
        raise not_found("stage", "moveLeadsTo")
    kept = [other for other in shape.stages if other["id"] != stage_id]
    expect_open_stage((other["kind"] for other in kept), "stageId", stage=stage_id)
    await change.run(LOCK_LEADS, stage_id=stage_id)
    leads = await change.all(LEADS_IN_ORDER, stage_id=stage_id)
    if leads and move_leads_to is None:
        raise Refused(
            Refusal.STAGE_NOT_EMPTY,
            f"This stage has {len(leads):,} leads. Choose the stage to move them to.",
            "moveLeadsTo",
            shown={"stage": stage_id},
        )
    if leads and move_leads_to is not None:
        await _move_all(change, leads, stage, taken[move_leads_to])
    await change.run(BURY, id=stage_id)
    await arrange(change, shape, [other["id"] for other in kept])
    change.emit(
        NewEvent(
            StageDeleted(name=stage["name"], moved_leads=len(leads)),
            pipeline_id=stage["pipeline_id"],
            stage_id=stage_id,
            record_id=stage_id,
        )
    )
    return {
        "deleted_stage_id": f"stage_{stage_id}",
        "moved_leads": len(leads),
        "pipeline": stage["pipeline_id"],
        "target_stage": move_leads_to,
    }


async def _move_all(change: Change, leads: Sequence[Row], stage: Row, target: Row) -> None:
    """Move all leads of a stage, which is taken as the target is, to the end of the target."""
    last = await change.first(LAST_RANK, stage_id=target["id"])
    reasons = {lead["id"]: changes for lead, changes in await losing_reason(change, stage["id"], target["kind"])}
    new_events = [
        NewEvent(
            EnteredStage(changes=reasons.get(lead["id"])),
            lead_id=lead["id"],
            owner_id=lead["owner_id"],
            pipeline_id=target["pipeline_id"],
            stage_id=target["id"],
            from_pipeline_id=stage["pipeline_id"],
            from_stage_id=stage["id"],
        )
        for lead in leads
    ]
    with expect_unique("moveLeadsTo"):
        await change.run(
            MOVE_ALL,
            lead_ids=[lead["id"] for lead in leads],
            ranks=rank.spread(len(leads), last["rank"] if last else None),
            ids=[new_event.id for new_event in new_events],
            kind=target["kind"],
            from_kind=stage["kind"],
            pipeline_id=target["pipeline_id"],
            stage_id=target["id"],
            from_pipeline_id=stage["pipeline_id"],
            from_stage_id=stage["id"],
            actor_id=change.actor_id,
        )
    await refresh_totals(change.connection, change.org_id, [stage["id"], target["id"]])
    for new_event in new_events:
        change.emit(new_event)
