"""Changes of stages: their inputs and payloads."""

import strawberry

import models
from engine.change.fields import each
from engine.publish.fields import change, id_of, optional, outcome, ref
from engine.publish.payload import ChangeInput, Payload
from models.rules.entering import LeadField
from models.rules.roles import Role
from models.rules.stage_kind import ForecastCategory, StageKind
from models.rules.text import optional_line
from resolvers.changes.pipelines import delete_stage
from resolvers.changes.pipelines import stages as stages_changes
from schema.changes.pipelines import EXPECTED_VERSION as PIPELINE_VERSION
from schema.changes.pipelines import FORECAST_CATEGORY, PROBABILITY, ROTTEN_AFTER_DAYS, StageInput
from schema.types.pipeline import Pipeline
from schema.types.run import Run
from schema.types.stage import Stage

STAGE_VERSION = "Refuse with CONFLICT unless the stage is at this version."


@strawberry.input(description="A new column for a board.")
class AddStageInput(ChangeInput, StageInput):
    pipeline_id: strawberry.ID = id_of("pipeline", "The pipeline to add it to.")
    position: int | None = optional(
        "Its position among the stages, from 0; the stages from there on shift by one. If omitted, an OPEN stage "
        "follows the last OPEN one, any other goes to the end."
    )
    expected_version: int | None = optional(PIPELINE_VERSION)


@strawberry.type(description="Result of `addStage`.")
class AddStagePayload(Payload):
    stage: Stage | None = ref(models.Stage, "The new stage.")
    pipeline: Pipeline | None = ref(models.Pipeline, "The pipeline, with the new stage in its place.")


@strawberry.input(description="Fields of a stage to update. Omitted fields stay as they are.")
class UpdateStageInput(ChangeInput):
    stage_id: strawberry.ID = id_of("stage", "The stage to update.")
    name: str | None = optional("The name of the column: up to 300 characters. It cannot be null.")
    kind: StageKind | None = optional(
        "Whether deals here are in progress, won or lost. It can be changed while no lead is in the stage; the last "
        "OPEN stage stays OPEN. It cannot be null."
    )
    probability: int | None = optional(
        PROBABILITY + "If omitted, it follows a change to WON or LOST. It cannot be null."
    )
    rotten_after_days: int | None = optional(ROTTEN_AFTER_DAYS + "Null for never.")
    forecast_category: ForecastCategory | None = optional(FORECAST_CATEGORY + "It cannot be null.")
    required_fields: list[LeadField] | None = optional(
        "The fields a lead must have before it may enter; an empty list or null for none."
    )
    expected_version: int | None = optional(STAGE_VERSION)


@strawberry.type(description="Result of `updateStage`.")
class UpdateStagePayload(Payload):
    stage: Stage | None = ref(models.Stage, "The stage as it is now.")


@strawberry.input(description="Which stage to delete, and where to move its leads.")
class DeleteStageInput(ChangeInput):
    stage_id: strawberry.ID = id_of("stage", "The stage to delete. The last OPEN stage of a pipeline stays.")
    move_leads_to: strawberry.ID | None = optional(
        "The stage to move its leads to, in the same pipeline or another: to the end, in their order. Required when "
        "it holds any.",
        id="stage",
    )
    lost_reason: str | None = optional(
        "Why the leads are lost: required when they move to a LOST stage, unless all of them were lost before. Those "
        "keep their reason. Not allowed with a stage of another kind. One of your organisation's lost reasons; if it "
        "has none, your own words, up to 300 characters."
    )
    expected_version: int | None = optional(STAGE_VERSION)


@strawberry.type(description="Result of `deleteStage`.")
class DeleteStagePayload(Payload):
    deleted_stage_id: strawberry.ID | None = outcome(
        "The id of the deleted stage; null when the mutation was refused, and when a run deletes it."
    )
    moved_leads: int | None = outcome("How many leads were moved; each has its own event. Null when a run moves them.")
    run: Run | None = ref(
        models.Run,
        "The run that moves its leads, if there are more than 500, and then deletes the stage. Until then the stage "
        "takes no new leads.",
    )
    pipeline: Pipeline | None = ref(models.Pipeline, "The pipeline, without the stage.")
    target_stage: Stage | None = ref(models.Stage, "The stage that the leads were moved to.")
    stage: Stage | None = ref(models.Stage, "The stage as it is, when the mutation was refused or a run deletes it.")


@strawberry.input(description="The new order of the columns of a board.")
class ReorderStagesInput(ChangeInput):
    pipeline_id: strawberry.ID = id_of("pipeline", "The pipeline whose stages to reorder.")
    stage_ids: list[strawberry.ID] = id_of(
        "stage",
        "The ids of all its stages, each once, from left to right. Any other list is refused with CONFLICT, an "
        "unknown id with NOT_FOUND.",
    )
    expected_version: int | None = optional(
        PIPELINE_VERSION + " Send it to avoid overwriting an order that changed since you read it. Of two reorderings "
        "at the same instant only one is made in any case."
    )


@strawberry.type(description="Result of `reorderStages`.")
class ReorderStagesPayload(Payload):
    pipeline: Pipeline | None = ref(models.Pipeline, "The pipeline, with its `stages` in their present order.")


@strawberry.type(description="The mutations of stages.")
class StageMutations:
    add_stage: AddStagePayload | None = change(
        stages_changes.add_stage,
        AddStageInput,
        "Add a stage to a pipeline: a new column of the board.",
        role=Role.ADMIN,
        checks=stages_changes.tidy_stage,
    )
    update_stage: UpdateStagePayload | None = change(
        stages_changes.update_stage,
        UpdateStageInput,
        "Update a stage: its name, kind, probability, or when deals in it go stale.",
        role=Role.ADMIN,
        checks=stages_changes.FIELDS.check,
    )
    delete_stage: DeleteStagePayload | None = change(
        delete_stage.delete_stage,
        DeleteStageInput,
        "Delete a stage. Its leads move to the stage that you name; more than 500 of them in a run.",
        role=Role.ADMIN,
        checks=each(lost_reason=optional_line),
        own_ids=True,
    )
    reorder_stages: ReorderStagesPayload | None = change(
        stages_changes.reorder_stages,
        ReorderStagesInput,
        "Reorder the stages of a pipeline.",
        role=Role.ADMIN,
    )
