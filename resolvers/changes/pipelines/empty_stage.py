"""Deleting a stage with many leads: a run moves them in batches, and deletes the stage at the end.

From the start the stage takes no new leads. A batch keeps the two stages and locks its own leads, as a move of each of
them would, so that all other changes go on.
"""

from collections.abc import Mapping
from typing import Any
from uuid import UUID

from sqlalchemy import Uuid, bindparam, text

from engine.background.runs import Given, RunKind, Step, start
from engine.change.records import ID, describe
from engine.change.transaction import Change
from engine.read.rows import ORG
from models.database import Row, Statement
from models.event_types import Changed, EventType
from models.rules.refusal import Refusal, Refused, not_found
from models.tables.base import new_id
from models.tables.event import NewEvent
from resolvers.changes import run_sizes
from resolvers.changes.locks import KEEP_STAGES, expect_not_deleting
from resolvers.changes.pipeline_stages import expect_open_stage, lock_stages_around, take_stages
from resolvers.changes.pipelines.leaving import FIRST_LEADS, bury, lock_first, move_together

MARK = Statement(
    text(
        """
        UPDATE stage SET deleting_run_id = :run_id, updated_at = statement_timestamp(), version = version + 1
        WHERE org_id = :org_id AND id = :id
        """
    ).bindparams(ORG, ID, bindparam("run_id", type_=Uuid()))
)

TAKEN_IDS = Statement(
    text(
        """
        SELECT leaving.id FROM lead AS leaving JOIN lead AS there ON there.org_id = leaving.org_id
            AND there.pipeline_id = :pipeline_id AND there.external_id = leaving.external_id
        WHERE leaving.org_id = :org_id AND leaving.stage_id = :stage_id LIMIT 1
        """
    ).bindparams(ORG)
)
"""A lead whose external id another pipeline has already."""


async def start_emptying(
    change: Change, stage: Row, target: Row, total: int, lost_reason: str | None
) -> Mapping[str, Any]:
    """Start the run that empties and deletes a taken stage. Raises `Refused` EXTERNAL_ID_TAKEN."""
    if target["pipeline_id"] != stage["pipeline_id"]:
        taken = {"stage_id": stage["id"], "pipeline_id": target["pipeline_id"]}
        if await change.first(TAKEN_IDS, **taken) is not None:
            raise Refused(
                Refusal.EXTERNAL_ID_TAKEN,
                "A lead of this stage has an external id that the other pipeline has already. Choose another stage.",
                "moveLeadsTo",
            )
    run_id = new_id()
    given = {"stage_id": stage["id"], "move_leads_to": target["id"], "lost_reason": lost_reason}
    await start(change, given, total, run_id)
    await _mark(change, stage, run_id)
    return {
        "run": run_id,
        "pipeline": stage["pipeline_id"],
        "target_stage": target["id"],
        "stage": stage["id"],
    }


async def _batch(change: Change, given: Given, done: int) -> Step:
    """Move the next leads; when none is left, delete the stage."""
    stage_id, target_id = given["stage_id"], given["move_leads_to"]
    if await change.first(FIRST_LEADS, stage_id=stage_id, most=1) is None:
        return await _finish(change, stage_id, done)
    kept = {row["id"]: row for row in await change.all(KEEP_STAGES, id=None, ids=[stage_id, target_id])}
    stage, target = kept[stage_id], kept[target_id]
    if target["deleted_at"] is not None:
        raise not_found("stage", "moveLeadsTo")
    expect_not_deleting(target, "moveLeadsTo")
    leads = await lock_first(change, stage_id, run_sizes.BATCH)
    if leads:
        await move_together(change, leads, stage, target, given.get("lost_reason"))
    return Step(len(leads))


async def _finish(change: Change, stage_id: UUID, done: int) -> Step:
    """Delete the stage, which has no leads any more."""
    shape = await lock_stages_around(change, stage_id)
    stage = shape.stage(stage_id)
    await take_stages(change, stage_id)
    expect_open_stage((other["kind"] for other in shape.stages if other["id"] != stage_id), "stageId")
    await bury(change, shape, stage, done)
    return Step(0, is_last=True)


async def _give_up(change: Change, given: Given) -> None:
    """Let leads enter the stage again."""
    for stage in (await take_stages(change, given["stage_id"])).values():
        await _mark(change, stage, None)


async def _mark(change: Change, stage: Row, run_id: UUID | None) -> None:
    await change.run(MARK, id=stage["id"], run_id=run_id)
    changes = describe({"deleting_run_id": stage["deleting_run_id"]}, {"deleting_run_id": run_id})
    change.emit(
        NewEvent(
            Changed(EventType.STAGE_UPDATED, changes),
            pipeline_id=stage["pipeline_id"],
            stage_id=stage["id"],
            record_id=stage["id"],
        )
    )


EMPTYING = RunKind(_batch, _give_up)
