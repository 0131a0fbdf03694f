"""Where an opportunity begins: the open stage that a lead is converted into."""

from uuid import UUID

from sqlalchemy import text

from engine.read.rows import ORG
from models.database import Row, Statement
from models.rules.refusal import Refusal, Refused, not_found
from models.rules.stage_kind import StageKind
from models.tables.pipeline import PipelineType
from resolvers.changes.locks import LockedLead

TARGET = Statement(
    text(
        """
        SELECT stage.id, stage.kind, stage.pipeline_id, pipeline.type, pipeline.routes_new_leads AND EXISTS (
            SELECT FROM lead WHERE org_id = :org_id AND id = :lead_id AND converted_at IS NULL AND NOT EXISTS (
                SELECT FROM member WHERE org_id = :org_id AND id = lead.owner_id AND active
            )
        ) AS routes
        FROM pipeline JOIN stage ON stage.org_id = pipeline.org_id AND stage.pipeline_id = pipeline.id
        WHERE pipeline.org_id = :org_id AND pipeline.deleted_at IS NULL AND stage.deleted_at IS NULL
            AND CASE
                WHEN CAST(:stage_id AS uuid) IS NOT NULL THEN
                    stage.id = :stage_id AND pipeline.id = coalesce(CAST(:pipeline_id AS uuid), pipeline.id)
                ELSE stage.kind = 'OPEN' AND stage.deleting_run_id IS NULL AND CASE
                    WHEN CAST(:pipeline_id AS uuid) IS NOT NULL THEN pipeline.id = :pipeline_id
                    ELSE pipeline.is_default AND pipeline.type = 'OPPORTUNITY'
                END
            END
        ORDER BY stage.position, stage.id LIMIT 1
        """
    ).bindparams(ORG)
)
"""The stage that is named, or the first open one of the pipeline that is named, or of the default one; and whether the
rules of its pipeline give the opportunity to somebody."""


def begins(stage: Row | None) -> bool:
    """Whether an opportunity can begin in a locked stage."""
    return stage is not None and stage["deleted_at"] is None and stage["kind"] == StageKind.OPEN


def expect_target(standing: LockedLead, target: Row | None, pipeline_id: UUID | None, stage_id: UUID | None) -> Row:
    """The stage for the opportunity: open, and in a pipeline of opportunities."""
    stage = None if target is None else standing.stages.get(target["id"])
    if target is None or stage is None or stage["deleted_at"] is not None:
        if stage_id is not None:
            raise not_found("stage", "stageId")
        if pipeline_id is not None:
            raise not_found("pipeline", "pipelineId")
        raise Refused(
            Refusal.NO_PIPELINE, "There is no default pipeline for opportunities. Create one, or name a pipeline."
        )
    if target["type"] != PipelineType.OPPORTUNITY:
        raise Refused(Refusal.INVALID, "This pipeline holds leads. Name one that holds opportunities.", "pipelineId")
    if stage["kind"] != StageKind.OPEN:
        raise Refused(Refusal.INVALID, "An opportunity begins in an open stage. Name one of kind OPEN.", "stageId")
    return stage
