"""Contacts and customers: the people and companies you sell to."""

from collections.abc import Callable, Mapping
from typing import Any

from sqlalchemy import ColumnElement, any_, exists, literal_column

from engine.read.filters import has_words
from engine.read.json_text import Expression, typed_id
from engine.read.paging import Direction, Order, Page, page
from engine.read.redirects import all_named, named
from engine.read.rows import Rows, rows
from engine.read.slots import Args, Slot
from models.tables.contact import Contact, Customer

ORDERS = {
    "NAME": Order(lambda row: row.sort_key, "By name, regardless of case and accents; numbers by value."),
    "CREATED_AT": Order(lambda row: row.id, "By the time of creation."),
    "UPDATED_AT": Order(lambda row: row.updated_at, "By the time of the last change."),
}


def id(contact: Any, args: Args) -> Expression:
    """The public id of a contact."""
    return typed_id("contact", contact.id)


def _kept(found: Rows, args: Args, filters: Mapping[str, Any]) -> Rows:
    """The rows that match every given part of the filter: archived ones if `archived` is true, else the others."""
    archived = found.entity.archived_at
    found = found.where(archived.is_not(None) if args.get("archived") else archived.is_(None))
    given = {name: value for name, value in (args.get("filter") or {}).items() if value is not None}
    return found.where(*(filters[name](found.entity, value) for name, value in given.items()))


def archived(row: Any, args: Args) -> Expression:
    """Whether it is archived."""
    is_archived: Expression = row.archived_at.is_not(None)
    return is_archived


def contact(root: Any, args: Args) -> Rows:
    """One contact by id."""
    return rows(Contact, named("contact", args["id"]))


def contacts(root: Any, args: Args) -> Page:
    """The contacts of the organisation, optionally those with the words of a text."""
    return _contacts(rows(Contact), args)


def _contacts(found: Rows, args: Args) -> Page:
    found = _kept(found, args, CONTACT_FILTERS)
    if (search := args.get("search")) is not None:
        found = found.where(has_words(found.entity.words, search))
    return page(found, args, ORDERS, ("NAME", Direction.ASC))


def customer(root: Any, args: Args) -> Rows:
    """One customer by id."""
    return rows(Customer, named("customer", args["id"]))


def customers(root: Any, args: Args) -> Page:
    """The customers of the organisation, optionally those with the words of a text."""
    found = _kept(rows(Customer), args, CUSTOMER_FILTERS)
    if (search := args.get("search")) is not None:
        found = found.where(has_words(found.entity.words, search))
    return page(found, args, ORDERS, ("NAME", Direction.ASC))


def contacts_of(customer: Any, args: Args) -> Page:
    """The contacts of a customer, optionally those with the words of a text."""
    found = rows(Contact)
    return _contacts(found.where(found.entity.customer_id == customer.id), args)


def _has(column: str) -> Callable[[Any, bool], ColumnElement[bool]]:
    def condition(row: Any, wanted: bool) -> ColumnElement[bool]:
        value = getattr(row, column)
        filled: ColumnElement[bool] = value.is_not(None) if wanted else value.is_(None)
        return filled

    return condition


def _works_for(contact: Any, id: Slot) -> ColumnElement[bool]:
    works: ColumnElement[bool] = contact.customer_id == named("customer", id)
    return works


def _has_contacts(customer: Any, wanted: bool) -> ColumnElement[bool]:
    contact = rows(Contact)
    kept = contact.where(contact.entity.customer_id == customer.id, contact.entity.archived_at.is_(None))
    found = exists(kept.select(literal_column("1")))
    return found if wanted else ~found


CONTACT_FILTERS: Mapping[str, Any] = {
    "customer_id": _works_for,
    "customer_ids": lambda contact, ids: contact.customer_id == any_(all_named("customer", ids)),
    "has_customer": _has("customer_id"),
    "has_email": _has("email"),
    "has_phone": _has("phone"),
}
"""The condition of each part of a contact filter."""

CUSTOMER_FILTERS: Mapping[str, Any] = {
    "has_contacts": _has_contacts,
    "has_website": _has("website"),
    "has_phone": _has("phone"),
}
"""The condition of each part of a customer filter."""
