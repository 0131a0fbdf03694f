"""Reading stages."""

from typing import Any

from sqlalchemy import ARRAY, ColumnElement, Text, case, func, literal_column
from sqlalchemy.dialects import postgresql

from engine.read.json_text import Expression, quoted
from engine.read.rows import Rows, rows
from engine.read.slots import Args
from models.rules.entering import LeadField
from models.rules.stage_kind import ForecastCategory, StageKind
from models.tables.stage import Stage


def of_pipeline(pipeline: Any, args: Args) -> Rows:
    """The stages of a pipeline, in order."""
    return in_pipeline(pipeline.id)


def in_pipeline(pipeline_id: Expression) -> Rows:
    """The stages of the pipeline with this id, in order."""
    found = rows(Stage)
    stage = found.entity
    return found.where(stage.pipeline_id == pipeline_id, stage.deleted_at.is_(None)).ordered(
        stage.position.asc(), stage.id.asc()
    )


def terminal(stage: Any, args: Args) -> Expression:
    """Whether the stage closes deals."""
    is_terminal: Expression = stage.kind != literal_column(f"'{StageKind.OPEN}'")
    return is_terminal


def forecast_category(stage: Any, args: Args) -> Expression:
    """The forecast category of deals in the stage that have none of their own."""
    return case(
        (stage.kind == quoted(StageKind.WON), quoted(ForecastCategory.CLOSED)),
        (stage.kind == quoted(StageKind.LOST), quoted(ForecastCategory.OMITTED)),
        else_=stage.forecast_category,
    )


def required_fields(stage: Any, args: Args) -> Expression:
    """The fields that a lead must have to enter, by their published names."""
    return lead_fields(*((field, asks_for(stage, field)) for field in LeadField))


def asks_for(stage: Any, field: LeadField) -> ColumnElement[bool]:
    """Whether the stage requires a field."""
    asked: ColumnElement[bool] = quoted(field.value) == func.any(stage.required_fields)
    return asked


def lead_fields(*conditions: tuple[LeadField, ColumnElement[bool]]) -> Expression:
    """The fields whose conditions hold, by their published names."""
    names = [case((condition, quoted(field.name))) for field, condition in conditions]
    return func.array_remove(postgresql.array(names), literal_column("NULL"), type_=ARRAY(Text()))


def deleted(stage: Any, args: Args) -> Expression:
    """Whether the stage is deleted, so that only history refers to it."""
    is_deleted: Expression = stage.deleted_at.is_not(None)
    return is_deleted
