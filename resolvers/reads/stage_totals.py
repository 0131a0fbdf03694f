"""What stands in a stage: how many leads, what they are worth, and how many have no next step.

The totals of whole stages are kept up to date by every change, so a board reads a few rows however many cards it has.
Those of the leads that pass a filter are counted.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from sqlalchemy import func, literal_column

from engine.read.json_text import Expression
from engine.read.rows import Rows, Same, rows
from engine.read.slots import Args
from models.tables.lead import Lead
from models.tables.stage import StageTotal
from resolvers.reads.lead_lists import matching
from resolvers.reads.record_leads import Worth
from resolvers.reads.tasks.tasks import has_next

ZERO: Expression = literal_column("0")


@dataclass(frozen=True)
class StageTotals:
    """The leads that stand in a stage and pass a filter, if there is one."""

    stage: Any
    filter: Mapping[str, Any] | None

    def leads(self) -> Rows:
        """All of them."""
        found = rows(Lead)
        return matching(found.where(found.entity.stage_id == self.stage.id), self.filter)

    def kept(self) -> Rows:
        """The totals that are kept of the whole stage, per currency."""
        found = rows(StageTotal)
        return found.where(found.entity.stage_id == self.stage.id)


def of(stage: Any, args: Args) -> Same:
    """What stands in the stage: an object of the stage's own row."""
    return Same(StageTotals(stage, args.get("filter")))


def count(totals: StageTotals, args: Args) -> Expression:
    """How many leads there are."""
    if totals.filter:
        return totals.leads().select(func.count()).scalar_subquery()
    return totals.kept().value(lambda total: func.coalesce(func.sum(total.leads), ZERO))


def values(totals: StageTotals, args: Args) -> Rows:
    """What they are worth, per currency."""
    if totals.filter:
        return Rows(Worth, Worth(totals), ())
    found = totals.kept()
    total = found.entity
    return found.where(total.currency != literal_column("''"), total.leads > ZERO).ordered(total.currency.asc())


def without_next_task(totals: StageTotals, args: Args) -> Expression:
    """How many of them are open and have no open task."""
    found = totals.leads()
    lead = found.entity
    return found.where(lead.closed_at.is_(None), ~has_next(lead)).select(func.count()).scalar_subquery()


def weighted(total: Any, args: Args) -> Expression:
    """Value times probability, rounded once, at the precision that the values are kept at."""
    return func.round(total.weighted * literal_column("0.01"), func.scale(total.value), type_=total.value.type)
