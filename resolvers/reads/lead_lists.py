"""Lists of leads and opportunities, filtered and sorted."""

from collections.abc import Mapping
from typing import Any

from engine.read.paging import Direction, Page, page
from engine.read.rows import OfEach, Rows, rows
from engine.read.slots import Args
from models.tables.lead import Lead
from models.tables.stage import Stage
from resolvers.conditions.fields import FILTERS, ORDERS, STAGES


def leads(root: Any, args: Args) -> Page:
    """The leads of the organisation that match the filter, newest first."""
    wanted = args.get("filter")
    return listed(matching(rows(Lead), wanted), args, wanted)


def listed(found: Rows, args: Args, wanted: Mapping[str, Any] | None = None) -> Page:
    """A page of leads of the organisation, which match the filter `wanted` and any other conditions."""
    chosen = args.get("order_by")
    walked = None
    if (chosen and chosen["field"].name != "CREATED_AT") or not STAGES.keys().isdisjoint(wanted or ()):
        walked = _by_stage(found, wanted or {})
    return page(found, args, ORDERS, ("CREATED_AT", Direction.DESC), walked=walked)


def _by_stage(found: Rows, wanted: Mapping[str, Any]) -> OfEach:
    """Leads stage by stage: every order has its index there, and a filter may leave few of the stages."""
    stages = rows(Stage)
    given = {name: value for name, value in wanted.items() if name in STAGES and value is not None}
    asked = stages.where(*(STAGES[name](stages.entity, value) for name, value in given.items()))
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
    return found.where(*(FILTERS[name].sql(found.entity, value) for name, value in given.items()))
