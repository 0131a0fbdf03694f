"""How a stage is deleted: its leads move together, and it stays as a tombstone that history refers to."""

from collections.abc import Mapping
from typing import Any
from uuid import UUID

from sqlalchemy import text

from engine.change.transaction import Change
from engine.read.rows import ORG
from models.database import Statement
from models.rules.refusal import Refusal, Refused, not_found
from resolvers.changes import run_sizes
from resolvers.changes.locks import expect_not_deleting
from resolvers.changes.pipeline_stages import expect_open_stage, lock_stages_around, take_stages
from resolvers.changes.pipelines.empty_stage import start_emptying
from resolvers.changes.pipelines.leaving import bury, lock_first, move_together, reason_to_leave

LEADS_IN = Statement(
    text("SELECT count(*) AS leads FROM lead WHERE org_id = :org_id AND stage_id = :stage_id").bindparams(ORG)
)


async def delete_stage(
    change: Change,
    stage_id: UUID,
    move_leads_to: UUID | None = None,
    lost_reason: str | None = None,
    expected_version: int | None = None,
) -> Mapping[str, Any]:
    """Delete a stage. Its leads, if any, go to the end of another stage, in their order, each with its own event.

    With many leads this starts a run, which moves them in batches and then deletes the stage.

    Raises `Refused`: NOT_FOUND; STAGE_BEING_DELETED, showing its run; CONFLICT, LAST_OPEN_STAGE or
    STAGE_NOT_EMPTY, showing the stage; EXTERNAL_ID_TAKEN when they would enter a pipeline that has a lead of the same
    external id; REASON_REQUIRED, REASON_UNKNOWN where they are lost by it; INVALID.
    """
    shape = await lock_stages_around(change, stage_id)
    stage = shape.stage(stage_id, expected_version)
    if stage["deleting_run_id"] is not None:
        raise Refused(
            Refusal.STAGE_BEING_DELETED,
            "This stage is being deleted already. Follow its run.",
            "stageId",
            shown={"stage": stage_id, "run": stage["deleting_run_id"]},
        )
    if move_leads_to == stage_id:
        raise Refused(
            Refusal.INVALID, "The leads cannot stay in the deleted stage. Choose another stage.", "moveLeadsTo"
        )
    taken = await take_stages(change, stage_id, *([move_leads_to] if move_leads_to else []))
    if move_leads_to is not None and move_leads_to not in taken:
        raise not_found("stage", "moveLeadsTo")
    if move_leads_to is not None:
        expect_not_deleting(taken[move_leads_to], "moveLeadsTo", shown={"stage": stage_id})
    kept = [other for other in shape.stages if other["id"] != stage_id]
    open_kinds = (other["kind"] for other in kept if other["deleting_run_id"] is None)
    expect_open_stage(open_kinds, "stageId", stage=stage_id)
    total = (await change.all(LEADS_IN, stage_id=stage_id))[0]["leads"]
    if total and move_leads_to is None:
        raise Refused(
            Refusal.STAGE_NOT_EMPTY,
            f"This stage has {total:,} leads. Choose the stage to move them to.",
            "moveLeadsTo",
            shown={"stage": stage_id},
        )
    target = taken.get(move_leads_to) if move_leads_to is not None and total else None
    if target is not None:
        why = await reason_to_leave(change, stage, target, lost_reason)
        if total > run_sizes.AT_ONCE:
            return await start_emptying(change, stage, target, total, why)
        await move_together(change, await lock_first(change, stage_id, total), stage, target, why)
    await bury(change, shape, stage, total)
    return {
        "deleted_stage_id": f"stage_{stage_id}",
        "moved_leads": total,
        "pipeline": stage["pipeline_id"],
        "target_stage": move_leads_to,
    }
