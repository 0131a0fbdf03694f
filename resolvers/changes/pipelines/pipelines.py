"""Changes of pipelines: created with their stages, renamed, made the default, deleted."""

from collections.abc import Mapping, Sequence
from typing import Any
from uuid import UUID

from sqlalchemy import text

from engine.change.fields import Fields, required
from engine.change.records import describe, differing, make, rewrite
from engine.change.transaction import Change
from engine.read.rows import ORG
from models.database import Statement
from models.ended_event_types import PipelineDeleted
from models.event_types import Changed, EventType, PipelineCreated
from models.rules.refusal import Checks, Refusal, Refused
from models.rules.stage_kind import StageKind
from models.rules.text import line, prose
from models.tables.base import new_id
from models.tables.event import EventData, NewEvent
from models.tables.pipeline import Pipeline, PipelineType
from resolvers.changes.locks import LOCK_ORGANISATION, TAKE_STAGES
from resolvers.changes.pipeline_stages import expect_open_stage, lock_stages
from resolvers.changes.pipelines.stages import created_stage, insert_stages, tidy_stage

DEFAULT = Statement(
    text(
        """
        SELECT id FROM pipeline WHERE org_id = :org_id AND type = :type AND is_default AND deleted_at IS NULL
        """
    ).bindparams(ORG)
)

OLDEST = Statement(
    text(
        """
        SELECT id FROM pipeline WHERE org_id = :org_id AND type = :type AND deleted_at IS NULL ORDER BY id LIMIT 1
        """
    ).bindparams(ORG)
)

SET_DEFAULT = Statement(
    text(
        """
        UPDATE pipeline SET is_default = :is_default, updated_at = statement_timestamp(), version = version + 1
        WHERE org_id = :org_id AND id = :id
        """
    ).bindparams(ORG)
)

INSERT_PIPELINE = make(
    Pipeline, *("name", "type", "description", "is_default", "routes_new_leads"), default=("deleted_at",)
)

FIELDS = Fields(
    Pipeline,
    {"is_default": False, "routes_new_leads": False},
    name=required(line),
    description=prose,
    is_default=required(),
    routes_new_leads=required(),
)

REVISE_PIPELINE = FIELDS.revise()

HAS_LEADS = Statement(text("SELECT id FROM lead WHERE org_id = :org_id AND pipeline_id = :id LIMIT 1").bindparams(ORG))

DELETE_PIPELINE = Statement(
    text(
        """
        WITH gone AS (
            UPDATE pipeline SET deleted_at = statement_timestamp(), is_default = false,
                updated_at = statement_timestamp(), version = version + 1
            WHERE org_id = :org_id AND id = :id
        )
        UPDATE stage SET deleted_at = statement_timestamp(), updated_at = statement_timestamp(), version = version + 1
        WHERE org_id = :org_id AND pipeline_id = :id AND deleted_at IS NULL
        """
    ).bindparams(ORG)
)
"""Keep a pipeline and its stages as tombstones that history refers to."""


async def create_pipeline(
    change: Change,
    name: str,
    stages: Sequence[Mapping[str, Any]],
    type: str = PipelineType.LEAD,
    description: str | None = None,
    is_default: bool | None = None,
    routes_new_leads: bool | None = None,
) -> Mapping[str, Any]:
    """Create a pipeline with its stages. The first of its type becomes the default in any case.

    Raises `Refused`: LAST_OPEN_STAGE without an OPEN stage; PROBABILITY_CONTRADICTS_KIND; INVALID.
    """
    called, more, tidied = tidy_pipeline({"name": name, "description": description, "stages": stages})
    await change.first(LOCK_ORGANISATION)
    before = await change.first(DEFAULT, type=type)
    if before is not None and is_default:
        await _set_default(change, before["id"], False)
    pipeline_id = new_id()
    fields = {
        "name": called,
        "description": more,
        "is_default": is_default or before is None,
        "routes_new_leads": bool(routes_new_leads),
    }
    await change.run(INSERT_PIPELINE, id=pipeline_id, type=type, **fields)
    ids = await insert_stages(change, pipeline_id, tidied)
    made = [created_stage(id, stage) for id, stage in zip(ids, tidied, strict=True)]
    change.emit(_about(PipelineCreated(record=FIELDS.public(fields), type_=type, stages=made), pipeline_id))
    return {"pipeline": pipeline_id}


def tidy_pipeline(given: Mapping[str, Any]) -> tuple[str, str | None, list[dict[str, Any]]]:
    """Name, description and stages of a new pipeline, as they are stored. Raises as `create_pipeline` does."""
    stages = given["stages"]
    with Checks() as check:
        called = check(line, given["name"] or "", "name")
        more = check(prose, given.get("description"), "description")
        tidied = [check(tidy_stage, stage, "stages", str(at)) for at, stage in enumerate(stages)]
        kinds = [stage.get("kind") or StageKind.OPEN.value for stage in stages]
        check(expect_open_stage, kinds, "stages")
    return called, more, tidied


async def update_pipeline(
    change: Change, pipeline_id: UUID, expected_version: int | None = None, **given: Any
) -> Mapping[str, Any]:
    """Change name, description, default, or whether new leads are routed. To replace the
    default of a type, make another pipeline the default.

    Raises `Refused`: NOT_FOUND; CONFLICT, showing the pipeline; INVALID.
    """
    wanted = FIELDS.tidy(given)
    if wanted.get("is_default"):
        await change.first(LOCK_ORGANISATION)
    shape = await lock_stages(change, pipeline_id, expected_version)
    pipeline = shape.pipeline
    changes = differing(pipeline, wanted)
    if changes.get("is_default") is False:
        raise Refused(
            Refusal.INVALID,
            f"One {pipeline['type']} pipeline must be the default. Make another one the default instead.",
            "isDefault",
            shown={"pipeline": pipeline_id},
        )
    if changes.get("is_default"):
        before = await change.first(DEFAULT, type=pipeline["type"])
        if before is not None:
            await _set_default(change, before["id"], False)
    if changes:
        await rewrite(change, REVISE_PIPELINE, pipeline, changes)
        change.emit(_about(Changed(EventType.PIPELINE_UPDATED, describe(pipeline, changes)), pipeline_id))
    return {"pipeline": pipeline_id}


async def delete_pipeline(change: Change, pipeline_id: UUID, expected_version: int | None = None) -> Mapping[str, Any]:
    """Delete an empty pipeline with its stages. If it was the default, the oldest of its type becomes it.

    Raises `Refused`: NOT_FOUND; CONFLICT or PIPELINE_NOT_EMPTY, showing the pipeline.
    """
    await change.first(LOCK_ORGANISATION)
    shape = await lock_stages(change, pipeline_id, expected_version)
    pipeline = shape.pipeline
    await change.all(TAKE_STAGES, id=pipeline_id)
    if await change.first(HAS_LEADS, id=pipeline_id) is not None:
        raise Refused(
            Refusal.PIPELINE_NOT_EMPTY,
            "This pipeline still has leads, open or closed. Move or delete them first.",
            "pipelineId",
            shown={"pipeline": pipeline_id},
        )
    await change.run(DELETE_PIPELINE, id=pipeline_id)
    deleted = PipelineDeleted(record=FIELDS.public(pipeline), stages=[stage["name"] for stage in shape.stages])
    change.emit(_about(deleted, pipeline_id))
    heir = await change.first(OLDEST, type=pipeline["type"]) if pipeline["is_default"] else None
    if heir is not None:
        await _set_default(change, heir["id"], True)
    return {"deleted_pipeline_id": f"pipeline_{pipeline_id}"}


async def _set_default(change: Change, pipeline_id: UUID, is_default: bool) -> None:
    """Make a pipeline the default of its type, or stop it being the default."""
    await change.run(SET_DEFAULT, id=pipeline_id, is_default=is_default)
    updated = Changed(EventType.PIPELINE_UPDATED, {"isDefault": [not is_default, is_default]})
    change.emit(_about(updated, pipeline_id))


def _about(what: EventData, pipeline_id: UUID) -> NewEvent:
    return NewEvent(what, pipeline_id=pipeline_id, record_id=pipeline_id)
