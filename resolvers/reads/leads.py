"""Leads and opportunities: one of them, and what is computed of it."""

from typing import Any

from sqlalchemy import Numeric, Text, case, func, literal_column

from engine.read.json_text import Expression, quoted
from engine.read.paging import Direction, Order, Page, page
from engine.read.redirects import named
from engine.read.rows import Rows, rows
from engine.read.slots import Args
from models.rules.stage_kind import ForecastCategory, StageKind
from models.tables.lead import Lead, StageChange
from models.tables.pipeline import Pipeline
from models.tables.stage import Stage


def lead(root: Any, args: Args) -> Rows:
    """One lead by id."""
    return rows(Lead, named("lead", args["id"]))


def kind(lead: Any, args: Args) -> Expression:
    """LEAD or OPPORTUNITY: the type of the pipeline."""
    return rows(Pipeline, lead.pipeline_id).value(lambda pipeline: pipeline.type)


def probability(lead: Any, args: Args) -> Expression:
    """The chance of winning, in percent (models.rules.stage_kind.chance)."""
    return rows(Stage, lead.stage_id).value(lambda stage: chance(lead, stage))


def weighted_value(lead: Any, args: Args) -> Expression:
    """Value times probability, rounded once to the currency's precision, which is the scale of the stored value.

    A division would round earlier.
    """
    return rows(Stage, lead.stage_id).value(
        lambda stage: func.round(
            lead.value * chance(lead, stage) * literal_column("0.01"), func.scale(lead.value), type_=Numeric()
        )
    )


def chance(lead: Any, stage: Any) -> Expression:
    """The chance, in percent, that a lead in this stage is won: `models.rules.stage_kind.chance`, as SQL."""
    is_open = stage.kind == literal_column(f"'{StageKind.OPEN}'")
    return case(
        (is_open & lead.closed_at.is_not(None), literal_column("0")),
        (is_open, func.coalesce(lead.probability, stage.probability)),
        else_=stage.probability,
    )


def forecast_category(lead: Any, args: Args) -> Expression:
    """The forecast category: CLOSED when won, OMITTED when closed otherwise; else the lead's own, or its stage's."""
    return rows(Stage, lead.stage_id).value(lambda stage: category(lead, stage))


def category(lead: Any, stage: Any) -> Expression:
    """The forecast category of a lead in this stage."""
    return case(
        (stage.kind == quoted(StageKind.WON), quoted(ForecastCategory.CLOSED)),
        (lead.closed_at.is_not(None), quoted(ForecastCategory.OMITTED)),
        else_=func.coalesce(lead.forecast_category, stage.forecast_category, type_=Text()),
    )


def history(lead: Any, args: Args) -> Page:
    """Every stage the lead has entered, oldest first."""
    found = rows(StageChange)
    orders = {"OCCURRED_AT": Order(lambda change: change.occurred_at)}
    return page(found.where(found.entity.lead_id == lead.id), args, orders, ("OCCURRED_AT", Direction.ASC))
