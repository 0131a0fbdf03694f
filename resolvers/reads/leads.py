"""Leads and opportunities: finding and reading them."""

from collections.abc import Mapping
from typing import Any

from sqlalchemy import (
    ColumnElement,
    Date,
    DateTime,
    Numeric,
    Text,
    any_,
    case,
    exists,
    func,
    literal_column,
    or_,
)

from engine.read.filters import between, holds, one_of
from engine.read.json_text import Expression
from engine.read.paging import Direction, Order, Page, page
from engine.read.redirects import all_named, named
from engine.read.rows import OfEach, Rows, rows
from engine.read.slots import Args, Slot
from models.rules.money import as_currency
from models.rules.stage_kind import StageKind
from models.tables.contact import Contact, Customer
from models.tables.lead import Lead, StageChange
from models.tables.pipeline import Pipeline
from models.tables.stage import Stage
from resolvers.reads.tasks.tasks import has_next

ORDERS = {
    "BOARD": Order(lambda lead: lead.rank),
    "CREATED_AT": Order(lambda lead: lead.created_at),
    "UPDATED_AT": Order(lambda lead: lead.updated_at),
    "TITLE": Order(lambda lead: lead.title),
    "VALUE": Order(lambda lead: lead.value, nullable=True),
    "EXPECTED_CLOSE_DATE": Order(lambda lead: lead.expected_close_date, nullable=True),
    "SCORE": Order(lambda lead: lead.score, nullable=True),
    "STAGE_ENTERED_AT": Order(lambda lead: lead.stage_entered_at),
}


def lead(root: Any, args: Args) -> Rows:
    """One lead by id."""
    return rows(Lead, named("lead", args["id"]))


def leads(root: Any, args: Args) -> Page:
    """The leads of the organisation that match the filter, newest first."""
    wanted = args.get("filter")
    return listed(matching(rows(Lead), wanted), args, wanted)


def listed(found: Rows, args: Args, wanted: Mapping[str, Any] | None = None) -> Page:
    """A page of leads of the organisation, which match the filter and whatever else was asked of them."""
    chosen = args.get("order_by")
    walked = None
    if (chosen and chosen["field"].name != "CREATED_AT") or not COLUMNS.keys().isdisjoint(wanted or ()):
        walked = _by_stage(found, wanted or {})
    return page(found, args, ORDERS, ("CREATED_AT", Direction.DESC), walked=walked)


def _by_stage(found: Rows, wanted: Mapping[str, Any]) -> OfEach:
    """Leads stage by stage: every order has its index there, and a filter may leave few of the stages."""
    stages = rows(Stage)
    given = {name: value for name, value in wanted.items() if name in COLUMNS and value is not None}
    asked = stages.where(*(COLUMNS[name](stages.entity, value) for name, value in given.items()))
    parents = asked.select(stages.entity.id).subquery()
    in_stage = found.where(found.entity.stage_id == parents.c.id)
    return OfEach(in_stage.model, in_stage.entity, in_stage.conditions, parents=parents)


def in_stage(stage: Any, args: Args) -> Page:
    """The leads of a stage, in the order of the board."""
    found = rows(Lead)
    found = found.where(found.entity.stage_id == stage.id)
    return page(matching(found, args.get("filter")), args, ORDERS, ("BOARD", Direction.ASC))


def of_contact(contact: Any, args: Args) -> Page:
    """The leads of a contact."""
    found = rows(Lead)
    found = found.where(found.entity.contact_id == contact.id)
    return page(matching(found, args.get("filter")), args, ORDERS, ("CREATED_AT", Direction.DESC))


def of_customer(customer: Any, args: Args) -> Page:
    """The leads of a customer."""
    found = rows(Lead)
    found = found.where(found.entity.customer_id == customer.id)
    return page(matching(found, args.get("filter")), args, ORDERS, ("CREATED_AT", Direction.DESC))


def matching(found: Rows, wanted: Mapping[str, Any] | None) -> Rows:
    """The rows that match every given part of the filter; a part that is null or omitted matches all."""
    if not wanted:
        return found
    given = {name: value for name, value in wanted.items() if value is not None}
    return found.where(*(FILTERS[name](found.entity, value) for name, value in given.items()))


def _of_kind(lead: Any, kind: Any) -> ColumnElement[bool]:
    pipeline = rows(Pipeline, lead.pipeline_id)
    return exists(pipeline.where(pipeline.entity.type == literal_column(f"'{kind.value}'")).select(literal_column("1")))


def _found_in(lead: Any, search: Slot) -> ColumnElement[bool]:
    """Whether title, contact or customer hold the text."""
    contact, customer = rows(Contact, lead.contact_id), rows(Customer, lead.customer_id)
    one: Expression = literal_column("1")
    return or_(
        holds(search, lead.title),
        exists(contact.where(holds(search, contact.entity.name, contact.entity.email)).select(one)),
        exists(customer.where(holds(search, customer.entity.name)).select(one)),
    )


COLUMNS: Mapping[str, Any] = {
    "pipeline_ids": lambda stage, ids: one_of(stage.pipeline_id, "pipeline", ids),
    "stage_ids": lambda stage, ids: one_of(stage.id, "stage", ids),
    "kind": lambda stage, kind: _of_kind(stage, kind),
}
"""What parts of a lead filter ask of the stage that a lead is in."""

FILTERS: Mapping[str, Any] = {
    "pipeline_ids": lambda lead, ids: one_of(lead.pipeline_id, "pipeline", ids),
    "stage_ids": lambda lead, ids: one_of(lead.stage_id, "stage", ids),
    "owner_ids": lambda lead, ids: one_of(lead.owner_id, "member", ids),
    "contact_ids": lambda lead, ids: lead.contact_id == any_(all_named("contact", ids)),
    "customer_ids": lambda lead, ids: lead.customer_id == any_(all_named("customer", ids)),
    "kind": _of_kind,
    "unowned": lambda lead, wanted: lead.owner_id.is_(None) if wanted else lead.owner_id.is_not(None),
    "closed": lambda lead, wanted: lead.closed_at.is_not(None) if wanted else lead.closed_at.is_(None),
    "has_next_task": lambda lead, wanted: has_next(lead) if wanted else ~has_next(lead),
    "currency": lambda lead, code: lead.currency == code.bind(Text(), as_currency),
    "value": lambda lead, limits: between(lead.value, limits, Numeric(), "min", "max"),
    "expected_close_date": lambda lead, limits: between(lead.expected_close_date, limits, Date(), "from_", "to"),
    "created_at": lambda lead, limits: between(lead.created_at, limits, DateTime(timezone=True), "from_", "to"),
    "search": _found_in,
}
"""What each part of a lead filter asks of a lead."""


def kind(lead: Any, args: Args) -> Expression:
    """LEAD or OPPORTUNITY: the type of the pipeline."""
    return rows(Pipeline, lead.pipeline_id).value(lambda pipeline: pipeline.type)


def probability(lead: Any, args: Args) -> Expression:
    """The chance of winning, in percent (models.rules.chance.chance)."""
    return rows(Stage, lead.stage_id).value(lambda stage: chance(lead, stage))


def weighted_value(lead: Any, args: Args) -> Expression:
    """Value times probability, rounded once at the currency's precision, which is the scale the value is kept at.

    A division would round before that.
    """
    return rows(Stage, lead.stage_id).value(
        lambda stage: func.round(
            lead.value * chance(lead, stage) * literal_column("0.01"), func.scale(lead.value), type_=Numeric()
        )
    )


def chance(lead: Any, stage: Any) -> Expression:
    """The chance, in percent, that a lead in this stage is won: `models.rules.chance.chance`, as SQL."""
    is_open = stage.kind == literal_column(f"'{StageKind.OPEN}'")
    return case(
        (is_open & lead.closed_at.is_not(None), literal_column("0")),
        (is_open, func.coalesce(lead.probability, stage.probability)),
        else_=stage.probability,
    )


def contact(lead: Any, args: Args) -> Rows:
    """The contact."""
    return rows(Contact, lead.contact_id)


def customer(lead: Any, args: Args) -> Rows:
    """The customer."""
    return rows(Customer, lead.customer_id)


def history(lead: Any, args: Args) -> Page:
    """Every stage the lead has entered, oldest first."""
    found = rows(StageChange)
    orders = {"OCCURRED_AT": Order(lambda change: change.occurred_at)}
    return page(found.where(found.entity.lead_id == lead.id), args, orders, ("OCCURRED_AT", Direction.ASC))
