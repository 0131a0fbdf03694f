"""The parts of a lead filter: what each takes, and the SQL that it is."""

from collections.abc import Callable
from dataclasses import dataclass
from enum import Enum, auto
from typing import Any

from sqlalchemy import ColumnElement, Date, DateTime, Numeric, Text, any_, exists, literal_column

from engine.read.filters import between, has_words, one_of
from engine.read.json_text import Expression, among
from engine.read.redirects import all_named
from engine.read.rows import rows
from engine.read.slots import Slot
from models.records import RECORDS
from models.tables.lead import LeadSearch
from models.tables.member import Member
from models.tables.pipeline import Pipeline
from resolvers.reads.leads import forecast_category

ONE: Expression = literal_column("1")


class FilterValue(Enum):
    """What a part of a filter takes."""

    IDS = auto()
    FLAG = auto()
    TEXT = auto()
    PIPELINE_TYPE = auto()
    FORECAST_CATEGORIES = auto()
    AMOUNTS = auto()
    DAYS = auto()
    INSTANTS = auto()


RANGES = {
    FilterValue.AMOUNTS: (Numeric(), "min", "max"),
    FilterValue.DAYS: (Date(), "from_", "to"),
    FilterValue.INSTANTS: (DateTime(timezone=True), "from_", "to"),
}
"""The type of the limits of a range, and their names."""


@dataclass(frozen=True)
class FilterPart:
    """A part of a lead filter: what it takes, its SQL over a lead's row, and the description that is published."""

    takes: FilterValue
    sql: Callable[[Any, Any], ColumnElement[bool]]
    description: str


def has_one_of(name: str, noun: str, description: str) -> FilterPart:
    """The column is one of these ids. Where records of the noun merge, the id of a merged one stands for the winner."""

    def sql(lead: Any, ids: Slot) -> ColumnElement[bool]:
        column = getattr(lead, name)
        return column == any_(all_named(noun, ids)) if RECORDS[noun].merges else one_of(column, noun, ids)

    return FilterPart(FilterValue.IDS, sql, description)


def equals(name: str, description: str, rule: Callable[[Any], Any] | None = None) -> FilterPart:
    """The column is this text, as `rule` spells it."""
    return FilterPart(FilterValue.TEXT, lambda lead, text: getattr(lead, name) == text.bind(Text(), rule), description)


def within(name: str, takes: FilterValue, description: str) -> FilterPart:
    """The column lies in this range, both ends included."""
    return FilterPart(takes, lambda lead, limits: between(getattr(lead, name), limits, *RANGES[takes]), description)


def flag(test: Callable[[Any], ColumnElement[bool]], description: str) -> FilterPart:
    """True matches the leads that pass the test; false, the others."""
    return FilterPart(FilterValue.FLAG, lambda lead, wanted: test(lead) if wanted else ~test(lead), description)


def of_kind(lead: Any, kind: Any) -> ColumnElement[bool]:
    """Whether its pipeline is of this type."""
    pipeline = rows(Pipeline, lead.pipeline_id)
    return exists(pipeline.where(pipeline.entity.type == literal_column(f"'{kind.value}'")).select(ONE))


def in_category(lead: Any, categories: Any) -> ColumnElement[bool]:
    """Whether its forecast category is one of these."""
    return among(forecast_category(lead, {}), [category.value for category in categories])


def owner_inactive(lead: Any) -> ColumnElement[bool]:
    """Whether the member who works on it is no longer active."""
    member = rows(Member, lead.owner_id)
    return exists(member.where(member.entity.active.is_(False)).select(ONE))


def found_in(lead: Any, search: Slot) -> ColumnElement[bool]:
    """Whether its words, with those of its contact and its customer, are those of this text."""
    found = rows(LeadSearch)
    return exists(found.where(found.entity.lead_id == lead.id, has_words(found.entity.words, search)).select(ONE))
