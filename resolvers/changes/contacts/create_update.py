"""Changes of contacts and customers: made and updated."""

from collections.abc import Mapping
from typing import Any
from uuid import UUID

from sqlalchemy import select

from engine.change.records import ID, describe, differing, make, not_null, revise, rewrite
from engine.change.transaction import Change
from engine.change.unique import expect_unique
from engine.read.rows import ORG
from models.database import Statement
from models.rules.refusal import Refusal, Refused, not_found
from models.rules.text import line, optional_line, prose
from models.tables.base import new_id
from models.tables.contact import Contact, Customer
from models.tables.event import NewEvent
from resolvers.changes.locks import expect_found, expect_version

LONGEST_EMAIL = 254
"""Characters of an address that mail servers take. Source: RFC 5321, section 4.5.3.1.3."""

CONTACT_FIELDS = ("name", "email", "phone", "job_title", "address", "notes", "customer_id")
CUSTOMER_FIELDS = ("name", "website", "industry", "phone", "address", "notes", "external_id")

LOCK_CONTACT = Statement(
    select(Contact.__table__).where(Contact.org_id == ORG, Contact.id == ID).with_for_update(key_share=True)
)
MAKE_CONTACT = make(Contact, *CONTACT_FIELDS, default=("archived_at",))
REVISE_CONTACT = revise(Contact, *CONTACT_FIELDS)

LOCK_CUSTOMER = Statement(
    select(Customer.__table__).where(Customer.org_id == ORG, Customer.id == ID).with_for_update(key_share=True)
)
MAKE_CUSTOMER = make(Customer, *CUSTOMER_FIELDS, default=("archived_at",))
REVISE_CUSTOMER = revise(Customer, *CUSTOMER_FIELDS)


async def create_contact(change: Change, **given: Any) -> Mapping[str, Any]:
    """Add a person. Raises `Refused`: NOT_FOUND for the customer; INVALID."""
    fields = {**dict.fromkeys(CONTACT_FIELDS), **_tidy(given)}
    await expect_found(change, "customer", fields["customer_id"], "customerId")
    contact_id = new_id()
    await change.run(MAKE_CONTACT, id=contact_id, **fields)
    change.emit(NewEvent("contact.created", record_id=contact_id))
    return {"contact": contact_id}


async def update_contact(
    change: Change, contact_id: UUID, expected_version: int | None = None, **given: Any
) -> Mapping[str, Any]:
    """Change a person's record. Raises `Refused`: NOT_FOUND; CONFLICT, showing the contact; INVALID."""
    wanted = _tidy(given)
    contact = await change.first(LOCK_CONTACT, id=contact_id)
    if contact is None:
        raise not_found("contact", "contactId")
    expect_version(contact, expected_version, contact=contact_id)
    changes = differing(contact, wanted)
    await expect_found(change, "customer", changes.get("customer_id"), "customerId")
    if changes:
        await rewrite(change, REVISE_CONTACT, contact, changes)
        change.emit(NewEvent("contact.updated", record_id=contact_id, data=describe(contact, changes)))
    return {"contact": contact_id}


async def create_customer(change: Change, **given: Any) -> Mapping[str, Any]:
    """Add a company. Raises `Refused`: EXTERNAL_ID_TAKEN; INVALID."""
    customer_id = new_id()
    with expect_unique():
        await change.run(MAKE_CUSTOMER, id=customer_id, **{**dict.fromkeys(CUSTOMER_FIELDS), **_tidy(given)})
    change.emit(NewEvent("customer.created", record_id=customer_id))
    return {"customer": customer_id}


async def update_customer(
    change: Change, customer_id: UUID, expected_version: int | None = None, **given: Any
) -> Mapping[str, Any]:
    """Change a company's record. Raises `Refused`: NOT_FOUND; CONFLICT, showing it; EXTERNAL_ID_TAKEN; INVALID."""
    wanted = _tidy(given)
    customer = await change.first(LOCK_CUSTOMER, id=customer_id)
    if customer is None:
        raise not_found("customer", "customerId")
    expect_version(customer, expected_version, customer=customer_id)
    changes = differing(customer, wanted)
    if changes:
        with expect_unique():
            await rewrite(change, REVISE_CUSTOMER, customer, changes)
        change.emit(NewEvent("customer.updated", record_id=customer_id, data=describe(customer, changes)))
    return {"customer": customer_id}


def _email(value: str | None) -> str | None:
    """What an address looks like from outside: something, an @, something, no spaces."""
    address = optional_line(value, "email", longest=LONGEST_EMAIL)
    name, at, domain = (address or "a@b").rpartition("@")
    if not (name and at and domain) or " " in name + domain:
        raise Refused(Refusal.INVALID, "This is no e-mail address. Send one such as ada@example.com.", "email")
    return address


def _tidy(given: Mapping[str, Any]) -> dict[str, Any]:
    return {name: TIDY[name](value) for name, value in given.items()}


TIDY: Mapping[str, Any] = {
    "name": lambda value: line(not_null(value, "name"), "name"),
    "email": _email,
    "phone": lambda value: optional_line(value, "phone", longest=50),
    "job_title": lambda value: optional_line(value, "jobTitle"),
    "address": lambda value: prose(value, "address"),
    "notes": lambda value: prose(value, "notes"),
    "customer_id": lambda value: value,
    "website": lambda value: optional_line(value, "website", longest=2000),
    "industry": lambda value: optional_line(value, "industry"),
    "external_id": lambda value: optional_line(value, "externalId"),
}
"""How each field of a contact or a customer is taken from an input."""
