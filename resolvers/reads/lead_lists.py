"""Lists of leads and opportunities, filtered and sorted."""

from collections.abc import Mapping
from typing import Any

from engine.read.paging import Direction, Page, page
from engine.read.rows import Rows, rows
from engine.read.slots import Args
from models.tables.lead import Lead
from resolvers.conditions.fields import FILTERS, ORDERS


def leads(root: Any, args: Args) -> Page:
    """The leads of the organisation that match the filter, newest first."""
    return page(matching(rows(Lead), args.get("filter")), args, ORDERS, ("CREATED_AT", Direction.DESC))


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
