"""The leads that there are or ever were, those that were deleted or merged included."""

from collections.abc import Callable, Mapping
from typing import Any

from sqlalchemy import CompoundSelect, DateTime, literal_column, union_all

from engine.read.rows import rows
from models.tables.analytics.gone import GoneLead
from models.tables.lead import Lead

INSTANT = DateTime(timezone=True)

Columns = Callable[[Any], Mapping[str, Any]]


def leads_ever(columns: Columns, *conditions: Callable[[Any], Any]) -> CompoundSelect[Any]:
    """These columns of each lead that meets the conditions. What is asked of a lead can be asked of one that is gone,
    as far as `GoneLead` has it; and of both whether it `is_there`, and when it was `gone_at`."""
    return union_all(*(_of(model, columns, conditions) for model in (Lead, GoneLead)))


def _of(model: type[Any], columns: Columns, conditions: tuple[Callable[[Any], Any], ...]) -> Any:
    found = rows(model)
    lead = found.entity
    lead.is_there = literal_column("true" if model is Lead else "false")
    if model is Lead:
        lead.gone_at = literal_column("NULL", INSTANT)
    chosen = [value.label(name) for name, value in columns(lead).items()]
    return found.where(*(condition(lead) for condition in conditions)).select(*chosen)
