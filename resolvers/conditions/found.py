"""What a search finds, for lists of leads: which leads, as far as they are few, and the test of a single lead."""

from dataclasses import dataclass
from typing import Any, Self

from sqlalchemy import ARRAY, CTE, ColumnElement, Uuid, cast, func, literal_column, select

from engine.read.filters import has_words
from engine.read.rows import rows
from engine.read.slots import Slot
from models.tables.lead import LeadSearch

FEW = 5_000
"""Leads that are looked up one by one. Of more in 1,000,000, a walk of 10,000 leads fills a page in that time."""

FEW_BY_STAGE = 20_000
"""The same where each of many stages is walked for a page of its own, twice if the order has empty values."""


@dataclass(frozen=True)
class Hits:
    """The leads that a search finds, up to one more than `few`. The search is made once for all lists of a field."""

    ids: CTE
    few: int

    @classmethod
    def of(cls, search: Slot, few: int) -> Self:
        """The leads with the words of this text."""
        found = rows(LeadSearch)
        found = found.where(has_words(found.entity.words, search)).limited(literal_column(str(few + 1)))
        hits = found.select(found.entity.lead_id).subquery()
        return cls(select(func.array_agg(hits.c.lead_id, type_=ARRAY(Uuid())).label("ids")).cte(), few)

    @property
    def are_few(self) -> ColumnElement[bool]:
        """Whether they are all."""
        count = func.coalesce(func.cardinality(self.ids.c.ids), literal_column("0"))
        few: ColumnElement[bool] = select(count <= literal_column(str(self.few))).scalar_subquery()
        return few

    def include(self, lead: Any) -> ColumnElement[bool]:
        """Whether a lead is one of them."""
        included: ColumnElement[bool] = lead.id == func.any(
            cast(select(self.ids.c.ids).scalar_subquery(), ARRAY(Uuid()))
        )
        return included


def holds_words(lead: Any, search: Slot) -> ColumnElement[bool]:
    """Whether a lead has the words of this text: a value of each lead, so that no plan searches for all of them."""
    found = rows(LeadSearch)
    return found.where(found.entity.lead_id == lead.id).value(lambda row: has_words(row.words, search))
