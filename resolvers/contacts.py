"""Contacts and customers: whom one sells to."""

from typing import Any

from sqlalchemy import ColumnElement, Text, Uuid, func, or_

from models.contact import Contact, Customer
from models.ids import parse_id
from resolvers.merged import resolved
from resolvers.paging import Direction, Order, Page, page
from resolvers.reading import Args, Expression, Rows, Slot, rows, typed_id

ORDERS = {
    "NAME": Order(lambda row: func.lower(row.name, type_=Text())),
    "CREATED_AT": Order(lambda row: row.id),
}


def id(contact: Any, args: Args) -> Expression:
    """The public id of a contact."""
    return typed_id("contact", contact.id)


def customer_id(customer: Any, args: Args) -> Expression:
    """The public id of a customer."""
    return typed_id("customer", customer.id)


LONGEST_SEARCH = 200
"""Characters that can be searched for: every one costs time for each record that is looked at."""


def pattern(text: str) -> str:
    """A LIKE pattern for texts that hold `text` as it stands: `%`, `_` and the backslash mean themselves."""
    if len(text) > LONGEST_SEARCH:
        raise ValueError(f"{len(text):,} characters are too many to search for. Send up to {LONGEST_SEARCH}.")
    escaped = text.replace("\\", "\\\\").replace("%", "\\%").replace("_", "\\_")
    return f"%{escaped}%"


def holds(search: Slot, *columns: Any) -> ColumnElement[bool]:
    """Whether one of the columns holds the text that is searched for, whatever its case."""
    wanted = search.bind(Text(), pattern)
    return or_(*(column.ilike(wanted) for column in columns))


def _kept(found: Rows, args: Args) -> Rows:
    """Those that were not put away, unless it is asked for those that were."""
    archived = found.entity.archived_at
    return found.where(archived.is_not(None) if args.get("archived") else archived.is_(None))


def archived(row: Any, args: Args) -> Expression:
    """Whether it was put away."""
    is_archived: Expression = row.archived_at.is_not(None)
    return is_archived


def contact(root: Any, args: Args) -> Rows:
    """One contact by id."""
    return rows(Contact, resolved(args["id"].bind(Uuid(), lambda text: parse_id("contact", text))))


def contacts(root: Any, args: Args) -> Page:
    """The contacts of the organisation, those that hold a text in name, e-mail or phone if asked."""
    found = _kept(rows(Contact), args)
    if (search := args.get("search")) is not None:
        found = found.where(holds(search, found.entity.name, found.entity.email, found.entity.phone))
    return page(found, args, ORDERS, ("NAME", Direction.ASC))


def customer(root: Any, args: Args) -> Rows:
    """One customer by id."""
    return rows(Customer, resolved(args["id"].bind(Uuid(), lambda text: parse_id("customer", text))))


def customers(root: Any, args: Args) -> Page:
    """The customers of the organisation, those that hold a text in their name or website if asked."""
    found = _kept(rows(Customer), args)
    if (search := args.get("search")) is not None:
        found = found.where(holds(search, found.entity.name, found.entity.website))
    return page(found, args, ORDERS, ("NAME", Direction.ASC))


def of_contact(contact: Any, args: Args) -> Rows:
    """The customer that a contact works for."""
    return rows(Customer, contact.customer_id)


def contacts_of(customer: Any, args: Args) -> Page:
    """The contacts that work for a customer."""
    found = rows(Contact)
    return page(found.where(found.entity.customer_id == customer.id), args, ORDERS, ("NAME", Direction.ASC))
