"""The open leads of a pipeline at a moment, or those of them that match a filter, and what they were worth."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from sqlalchemy import ColumnElement, Date, Numeric, and_, case, func, literal_column, select, true

from engine.read.filters import between, one_of
from engine.read.json_text import Expression
from engine.read.rows import Rows, rows
from models.tables.analytics.spans import LeadSpan
from models.tables.stage import Stage


@dataclass(frozen=True)
class OpenLeads:
    """The open leads of a pipeline, or those of them that match a filter."""

    pipeline_id: Any
    wanted: Mapping[str, Any]

    def has_owner(self, span: Any) -> ColumnElement[bool]:
        """Whether the owner of then is one of those asked for."""
        ids = self.wanted.get("owner_ids")
        return true() if ids is None else func.coalesce(one_of(span.owner_id, "member", ids), literal_column("false"))

    def is_due(self, span: Any) -> ColumnElement[bool]:
        """Whether the sale was expected on one of the days asked for."""
        days = self.wanted.get("expected_close_date")
        if days is None:
            return true()
        return func.coalesce(between(span.expected_close_date, days, Date(), "from_", "to"), literal_column("false"))

    def holds(self, span: Any) -> ColumnElement[bool]:
        """Whether a span is of one of these leads."""
        here = (span.pipeline_id == self.pipeline_id, span.outcome.is_(None))
        return and_(*here, self.has_owner(span), self.is_due(span))

    def spans(self) -> Rows:
        """All spans of leads in the pipeline, stage by stage, as their index has them."""
        stages = rows(Stage)
        of_pipeline = stages.where(stages.entity.pipeline_id == self.pipeline_id).select(stages.entity.id)
        found = rows(LeadSpan)
        return found.where(found.entity.stage_id.in_(of_pipeline))


class OpenThen:
    """The open leads at a number of the log: how many of each currency, and their value; as a CTE, which all fields
    share."""

    def __init__(self, leads: OpenLeads, number: Any) -> None:
        found = leads.spans()
        span = found.entity
        held = found.where(span.until_number > number, span.from_number <= number, leads.holds(span))
        currency = case((span.value.is_not(None), span.currency))
        self.sums = (
            held.select(
                currency.label("currency"),
                func.count().label("leads"),
                func.sum(span.value, type_=Numeric()).label("value"),
            )
            .group_by(currency)
            .cte()
        )


class Amounts:
    """The sums of a select's values, by currency: `currency` and `value` of each."""

    def __init__(self, parts: Any) -> None:
        priced = parts.subquery()
        self.clause = (
            select(priced.c.currency, func.sum(priced.c.value, type_=Numeric()).label("value"))
            .where(priced.c.value.is_not(None))
            .group_by(priced.c.currency)
            .order_by(priced.c.currency)
            .lateral()
        )
        self.currency: Expression = self.clause.c.currency
        self.value: Expression = self.clause.c.value

    def __clause_element__(self) -> Any:
        return self.clause
