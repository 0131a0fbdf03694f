"""Stages: the columns of a board."""

from typing import TYPE_CHECKING, Annotated

import strawberry

import models
from engine.publish.connection import Connection
from engine.publish.fields import Argument, column, connection, id_field, read, to_one
from engine.publish.node import Node
from engine.publish.scalars import DateTime, Decimal_
from models.rules.entering import LeadField
from models.rules.stage_kind import ForecastCategory, StageKind
from resolvers.reads import lead_lists, stage_totals, stages
from schema.filters.lead import LeadFilter, LeadOrder
from schema.types.run import Run

if TYPE_CHECKING:
    from schema.types.lead import Lead
    from schema.types.pipeline import Pipeline


CHANGED_TOTALS = (
    "The stages whose totals have changed, with their present totals: of a lead that moves, the stage that it left and "
    "the one that it entered. Null when no total has changed."
)
"""What payloads of changes of leads say of their `stages`."""


@strawberry.type(
    description="What deals are worth in one currency. Amounts in different currencies are never added up."
)
class CurrencyTotal:
    currency: str = column("currency", "The currency, as an ISO 4217 code.")
    count: int = column("leads", "How many leads have a value in this currency.")
    value: Decimal_ = column("value", "The sum of their values.")
    weighted_value: Decimal_ = read(stage_totals.weighted, "The sum of each value times its chance of being won.")


@strawberry.type(description="The number and value of the leads in a stage.")
class StageTotals:
    count: int = read(stage_totals.count, "The number of leads.")
    values: list[CurrencyTotal] = read(stage_totals.values, "Their value, by currency.", rows=2)
    without_next_task: int = read(
        stage_totals.without_next_task, "How many open leads have no open task: no next step is scheduled."
    )


@strawberry.type(description="One step of a pipeline: a column of the board.")
class Stage(Node):
    id: strawberry.ID = id_field("stage", "The stage's id.")
    name: str = column("name", "The name of the column.")
    kind: StageKind = column("kind", "Whether deals here are in progress, won or lost.")
    terminal: bool = read(stages.terminal, "Whether the stage closes deals: true for WON and LOST.")
    probability: int = column("probability", "The chance, in percent, that a deal here will be won.")
    position: int = column("position", "The position among the stages of the pipeline, from 0.")
    rotten_after_days: int | None = column(
        "rotten_after_days", "After how many days without activity a deal here goes stale."
    )
    forecast_category: ForecastCategory = read(
        stages.forecast_category,
        "How firmly a forecast counts on open deals here that have no category of their own: CLOSED in a WON stage, "
        "OMITTED in a LOST one.",
    )
    required_fields: list[LeadField] = read(
        stages.required_fields, "The fields a lead must have before it may enter.", rows=1
    )
    deleting_run: Run | None = to_one(
        models.Run, "deleting_run_id", "The run that is deleting the stage, which takes no new leads; null otherwise."
    )
    deleted: bool = read(stages.deleted, "Whether the stage is deleted; only history still refers to it.")
    pipeline: Annotated["Pipeline", strawberry.lazy("schema.types.pipeline")] = to_one(
        models.Pipeline, "pipeline_id", "The pipeline it is a step of."
    )
    leads: Connection[Annotated["Lead", strawberry.lazy("schema.types.lead")]] = connection(
        lead_lists.in_stage,
        "The cards of the column, in board order by default.",
        filters={"filter": Argument(LeadFilter | None, "Only the leads that match this filter.")},
        order=LeadOrder,
    )
    totals: StageTotals = read(
        stage_totals.of,
        "How many leads are here and what they are worth, independent of the page of `leads`.",
        arguments={"filter": Argument(LeadFilter | None, "Only the leads that match this filter; without it, all.")},
    )
    created_at: DateTime = column("created_at", "When the stage was created.")
    updated_at: DateTime = column("updated_at", "When the stage last changed.")
    version: int = column("version", "Counts the changes of this record: 1, 2, 3, …")
