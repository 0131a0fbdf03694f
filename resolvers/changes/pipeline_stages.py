"""The stages of a pipeline, and their order.

A change of the stages locks the pipeline's row. So they change one after the other, and the stages can be read
without a lock. Leads are moved and changed meanwhile, except those of a stage that is taken with `take_stages`.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from uuid import UUID

from sqlalchemy import func, select, text

from engine.change.records import ID, IDS
from engine.change.transaction import Change
from engine.read.rows import ORG
from models.database import Row, Statement
from models.rules.refusal import Refusal, Refused, not_found
from models.rules.stage_kind import StageKind
from models.tables.stage import Stage
from resolvers.changes.locks import LOCK_PIPELINE, expect_version

PIPELINE_OF = Statement(select(Stage.pipeline_id).where(Stage.org_id == ORG, Stage.id == ID))

STAGES_IN_ORDER = Statement(
    select(Stage.__table__)
    .where(Stage.org_id == ORG, Stage.pipeline_id == ID, Stage.deleted_at.is_(None))
    .order_by(Stage.position, Stage.id)
)

TAKE_SOME_STAGES = Statement(
    select(Stage.__table__)
    .where(Stage.org_id == ORG, Stage.id == func.any(IDS), Stage.deleted_at.is_(None))
    .order_by(Stage.id)
    .with_for_update()
)
"""These stages, each against every change of a lead in it."""

ARRANGE = Statement(
    text(
        """
        UPDATE stage SET position = wanted.nth - 1, updated_at = statement_timestamp(), version = stage.version + 1
        FROM unnest(CAST(:ids AS uuid[])) WITH ORDINALITY AS wanted (id, nth)
        WHERE stage.org_id = :org_id AND stage.id = wanted.id AND stage.position <> wanted.nth - 1
        """
    ).bindparams(ORG)
)
"""Give stages the positions 0, 1, 2, …; those that already have theirs are not written."""

RESHAPED = Statement(
    text(
        "UPDATE pipeline SET updated_at = statement_timestamp(), version = version + 1"
        " WHERE org_id = :org_id AND id = :id"
    ).bindparams(ORG)
)
"""Count a change of its stages or rules as a change of the pipeline."""


@dataclass(frozen=True)
class PipelineStages:
    """A pipeline whose row is held, and its stages in order."""

    pipeline: Row
    stages: tuple[Row, ...]

    @property
    def ids(self) -> list[UUID]:
        """The ids of the stages, in order."""
        return [stage["id"] for stage in self.stages]

    def stage(self, stage_id: UUID, expected_version: int | None = None) -> Row:
        """One of the stages. Raises `Refused`: NOT_FOUND; CONFLICT, showing it, when its version is another."""
        for stage in self.stages:
            if stage["id"] == stage_id:
                expect_version(stage, expected_version, stage=stage_id)
                return stage
        raise not_found("stage", "stageId")


async def lock_stages(change: Change, pipeline_id: UUID, expected_version: int | None = None) -> PipelineStages:
    """Hold a pipeline's shape. Raises `Refused`: NOT_FOUND; CONFLICT, showing the pipeline."""
    pipeline = await change.first(LOCK_PIPELINE, id=pipeline_id)
    if pipeline is None:
        raise not_found("pipeline", "pipelineId")
    expect_version(pipeline, expected_version, pipeline=pipeline_id)
    return PipelineStages(pipeline, tuple(await change.all(STAGES_IN_ORDER, id=pipeline_id)))


async def lock_stages_around(change: Change, stage_id: UUID) -> PipelineStages:
    """Hold the shape of the pipeline that a stage belongs to; it never changes its pipeline. Raises `Refused`."""
    found = await change.first(PIPELINE_OF, id=stage_id)
    pipeline = found and await change.first(LOCK_PIPELINE, id=found["pipeline_id"])
    if not pipeline:
        raise not_found("stage", "stageId")
    return PipelineStages(pipeline, tuple(await change.all(STAGES_IN_ORDER, id=pipeline["id"])))


async def take_stages(change: Change, *stage_ids: UUID) -> dict[UUID, Row]:
    """Take stages alone, so that no lead enters, leaves or changes in them; deleted ones are left out."""
    return {row["id"]: row for row in await change.all(TAKE_SOME_STAGES, ids=list(stage_ids))}


async def arrange(change: Change, shape: PipelineStages, stage_ids: Iterable[UUID]) -> None:
    """Put the stages of a held shape into this order."""
    await change.run(ARRANGE, ids=list(stage_ids))
    await change.run(RESHAPED, id=shape.pipeline["id"])


def expect_open_stage(kinds: Iterable[str], *field: str, **shown: UUID) -> None:
    """Refuse with LAST_OPEN_STAGE unless one of the kinds is OPEN."""
    if StageKind.OPEN not in kinds:
        raise Refused(
            Refusal.LAST_OPEN_STAGE,
            "A pipeline needs an open stage. Keep or add a stage of kind OPEN.",
            *field,
            shown=shown,
        )
