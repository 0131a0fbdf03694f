"""The totals of a stage: how many leads, their value, and how many have no next step.

Every change updates the totals of whole stages, so a board reads a few rows however many cards it has. The totals of
leads that match a filter are counted.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from sqlalchemy import ColumnElement, func, literal_column, text

from engine.read.json_text import Expression
from engine.read.rows import ORG, Rows, Same, rows
from engine.read.slots import Args
from models.database import Connection, Statement
from models.tables.lead import Lead
from models.tables.stage import StageTotal
from resolvers.conditions.fields import STAGES
from resolvers.reads.lead_lists import counted
from resolvers.reads.leads import chance
from resolvers.reads.record_leads import Worth
from resolvers.reads.tasks.tasks import has_next

ZERO: Expression = literal_column("0")

LARGE = 20_000
"""Leads of an organisation whose queries are planned for their values."""

SIZE = Statement(text("SELECT coalesce(sum(leads), 0) FROM stage_total WHERE org_id = :org_id").bindparams(ORG))


async def is_large(connection: Connection, org_id: UUID) -> bool:
    """Whether an organisation has as many leads as `LARGE`."""
    size: int = await SIZE.value(connection, org_id=org_id)
    return size >= LARGE


@dataclass(frozen=True)
class StageTotals:
    """The leads in a stage, optionally those that match a filter."""

    stage: Any
    of_stage: Mapping[str, Any]
    """The parts of the filter that all leads of a stage meet, or none."""
    of_lead: Mapping[str, Any]
    """The others."""

    def leads(self) -> Rows:
        """All of these leads."""
        found = rows(Lead)
        return counted(found.where(found.entity.stage_id == self.stage.id, *self._conditions()), self.of_lead)

    def weight(self, lead: Any) -> Expression:
        """The value of one of them times its chance, in percent, of being won."""
        weight: Expression = lead.value * chance(lead, self.stage)
        return weight

    def kept(self) -> Rows:
        """The stored totals of the whole stage, by currency."""
        found = rows(StageTotal)
        return found.where(found.entity.stage_id == self.stage.id, *self._conditions())

    def _conditions(self) -> list[ColumnElement[bool]]:
        return [STAGES[name](self.stage, value) for name, value in self.of_stage.items()]


def of(stage: Any, args: Args) -> Same:
    """The totals of the stage: an object of the stage's own row."""
    given = {name: value for name, value in (args.get("filter") or {}).items() if value is not None}
    of_stage = {name: value for name, value in given.items() if name in STAGES}
    return Same(StageTotals(stage, of_stage, {name: value for name, value in given.items() if name not in STAGES}))


def count(totals: StageTotals, args: Args) -> Expression:
    """The number of leads."""
    if totals.of_lead:
        return totals.leads().select(func.count()).scalar_subquery()
    return totals.kept().value(lambda total: func.coalesce(func.sum(total.leads), ZERO))


def values(totals: StageTotals, args: Args) -> Rows:
    """Their value, by currency."""
    if totals.of_lead:
        return Rows(Worth, Worth(totals), ())
    found = totals.kept()
    total = found.entity
    return found.where(total.currency != literal_column("''"), total.leads > ZERO).ordered(total.currency.asc())


def without_next_task(totals: StageTotals, args: Args) -> Expression:
    """The number of open leads without an open task."""
    found = totals.leads()
    lead = found.entity
    return found.where(lead.closed_at.is_(None), ~has_next(lead)).select(func.count()).scalar_subquery()


def weighted(total: Any, args: Args) -> Expression:
    """Value times probability, rounded once, at the precision of the stored values."""
    return func.round(total.weighted * literal_column("0.01"), func.scale(total.value), type_=total.value.type)
