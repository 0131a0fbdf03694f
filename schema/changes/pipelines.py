"""Changes of pipelines: their inputs and payloads."""

import strawberry

import models
from engine.publish.fields import change, id_of, optional, outcome, ref
from engine.publish.payload import ChangeInput, Payload
from models.rules.entering import LeadField
from models.rules.roles import Role
from models.rules.stage_kind import ForecastCategory, StageKind
from models.tables.pipeline import PipelineType
from resolvers.changes.pipelines import pipelines as pipelines_changes
from schema.types.pipeline import Pipeline

EXPECTED_VERSION = "Refuse with CONFLICT unless the pipeline is at this version."
PROBABILITY = "The chance, in percent, that a deal here will be won: 0 to 100. "
ROUTES_NEW_LEADS = "Whether new leads without an owner are routed at once, by the routing rules. "
ROTTEN_AFTER_DAYS = "After how many days without activity a deal here goes stale: 1 to 3650. "

FORECAST_CATEGORY = "How firmly a forecast counts on open deals here that have no category of their own. Not CLOSED. "
REQUIRED_FIELDS = "The fields a lead must have before it may enter; none if omitted."


@strawberry.input(description="A stage of a new pipeline.")
class StageInput:
    name: str = strawberry.field(description="The name of the column on the board: up to 300 characters.")
    kind: StageKind = strawberry.field(
        description="Whether deals here are in progress, won or lost.", default=StageKind.OPEN
    )
    probability: int | None = optional(
        PROBABILITY + "If omitted, it is 0 in an OPEN stage; a WON stage always has 100, a LOST one 0."
    )
    rotten_after_days: int | None = optional(ROTTEN_AFTER_DAYS + "If omitted, never.")
    forecast_category: ForecastCategory | None = optional(FORECAST_CATEGORY + "If omitted, PIPELINE.")
    required_fields: list[LeadField] | None = optional(REQUIRED_FIELDS)


@strawberry.input(description="A new pipeline, with its stages.")
class CreatePipelineInput(ChangeInput):
    name: str = strawberry.field(description="The name of the board: up to 300 characters.")
    type: PipelineType = strawberry.field(
        description="Whether it holds leads or opportunities. It cannot be changed later.", default=PipelineType.LEAD
    )
    stages: list[StageInput] = strawberry.field(
        description="The columns of the board, from left to right: up to 100, at least one of them OPEN."
    )
    description: str | None = optional("What the pipeline is for: up to 20,000 characters.")
    is_default: bool | None = optional(
        "Whether it becomes the default of its type, used when no pipeline is named. The first pipeline "
        "of a type is its default in any case."
    )
    routes_new_leads: bool | None = optional(ROUTES_NEW_LEADS + "If omitted, they are not.")


@strawberry.type(description="Result of `createPipeline`.")
class CreatePipelinePayload(Payload):
    pipeline: Pipeline | None = ref(models.Pipeline, "The new pipeline.")


@strawberry.input(description="Fields of a pipeline to update. Omitted fields stay as they are.")
class UpdatePipelineInput(ChangeInput):
    pipeline_id: strawberry.ID = id_of("pipeline", "The pipeline to update.")
    name: str | None = optional("The name of the board: up to 300 characters. It cannot be null.")
    description: str | None = optional("What the pipeline is for: up to 20,000 characters; null for nothing.")
    is_default: bool | None = optional(
        "True makes it the default of its type, instead of the present one. It cannot be null, nor false "
        "for the default: make another pipeline the default instead."
    )
    routes_new_leads: bool | None = optional(ROUTES_NEW_LEADS + "It cannot be null.")
    expected_version: int | None = optional(EXPECTED_VERSION)


@strawberry.type(description="Result of `updatePipeline`.")
class UpdatePipelinePayload(Payload):
    pipeline: Pipeline | None = ref(models.Pipeline, "The pipeline as it is now.")


@strawberry.input(description="Which pipeline to delete.")
class DeletePipelineInput(ChangeInput):
    pipeline_id: strawberry.ID = id_of("pipeline", "The pipeline to delete. It must hold no leads, open or closed.")
    expected_version: int | None = optional(EXPECTED_VERSION)


@strawberry.type(description="Result of `deletePipeline`.")
class DeletePipelinePayload(Payload):
    deleted_pipeline_id: strawberry.ID | None = outcome(
        "The id of the deleted pipeline; null when the mutation was refused."
    )
    pipeline: Pipeline | None = ref(models.Pipeline, "The pipeline as it is, when the mutation was refused.")


@strawberry.type(description="The mutations of pipelines.")
class PipelineMutations:
    create_pipeline: CreatePipelinePayload | None = change(
        pipelines_changes.create_pipeline,
        CreatePipelineInput,
        "Create a pipeline with its stages: a new board.",
        role=Role.ADMIN,
        checks=pipelines_changes.tidy_pipeline,
    )
    update_pipeline: UpdatePipelinePayload | None = change(
        pipelines_changes.update_pipeline,
        UpdatePipelineInput,
        "Update a pipeline: rename it, describe it, or make it the default of its type.",
        role=Role.ADMIN,
        checks=pipelines_changes.FIELDS.check,
    )
    delete_pipeline: DeletePipelinePayload | None = change(
        pipelines_changes.delete_pipeline,
        DeletePipelineInput,
        "Delete an empty pipeline.",
        role=Role.ADMIN,
        own_ids=True,
    )
