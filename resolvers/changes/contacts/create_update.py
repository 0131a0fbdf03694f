"""Creating and updating contacts and customers."""

from collections.abc import Mapping
from functools import partial
from typing import Any
from uuid import UUID

from sqlalchemy import text

from engine.change.fields import Fields, as_given, required
from engine.change.records import ID, describe, differing, rewrite
from engine.change.transaction import Change
from engine.change.unique import expect_unique
from engine.read.rows import ORG
from models.database import Statement
from models.event_types import Changed, Created, EventType
from models.rules.matching.keys import KEYS, KeyKind, with_keys
from models.rules.refusal import Refusal, Refused, not_found
from models.rules.text import line, optional_line, prose
from models.tables.base import new_id
from models.tables.contact import Contact, Customer
from models.tables.event import NewEvent
from resolvers.changes.locks import TAKE, expect_found, expect_version

LONGEST_EMAIL = 254
"""Characters of an address that mail servers take. Source: RFC 5321, section 4.5.3.1.3."""


def _email(value: str | None, *field: str) -> str | None:
    """An address as far as its form shows: something, an @, something, and no spaces."""
    address = optional_line(value, *field, longest=LONGEST_EMAIL)
    name, at, domain = (address or "a@b").rpartition("@")
    if not (name and at and domain) or " " in name + domain:
        raise Refused(Refusal.INVALID, "This is not an e-mail address. Send one such as ada@example.com.", *field)
    return address


_phone = partial(optional_line, longest=50)

CONTACT_FIELDS = Fields(
    Contact,
    name=required(line),
    email=_email,
    phone=_phone,
    job_title=optional_line,
    address=prose,
    notes=prose,
    customer_id=as_given,
)

CUSTOMER_FIELDS = Fields(
    Customer,
    name=required(line),
    website=partial(optional_line, longest=2000),
    industry=optional_line,
    phone=_phone,
    address=prose,
    notes=prose,
    external_id=optional_line,
)

MAKE_CONTACT = CONTACT_FIELDS.make(*KEYS["contact"], default=("archived_at", "words"))
REVISE_CONTACT = CONTACT_FIELDS.revise(*KEYS["contact"])

MAKE_CUSTOMER = CUSTOMER_FIELDS.make(*KEYS["customer"], default=("archived_at", "words"))
REVISE_CUSTOMER = CUSTOMER_FIELDS.revise(*KEYS["customer"])


NAMED_MERGED = Statement(
    text(
        f"""
        SELECT record_id FROM former_key
        WHERE org_id = :org_id AND kind = '{KeyKind.EXTERNAL_ID}' AND key = :external_id AND record_id <> :id LIMIT 1
        """
    ).bindparams(ORG, ID)
)
"""Another customer into which one with an external id was merged."""


async def create_contact(change: Change, **given: Any) -> Mapping[str, Any]:
    """Add a person. Raises `Refused`: NOT_FOUND for the customer; INVALID."""
    fields = {**CONTACT_FIELDS.empty, **CONTACT_FIELDS.tidy(given)}
    await expect_found(change, "customer", fields["customer_id"], "customerId")
    contact_id = new_id()
    await change.run(MAKE_CONTACT, id=contact_id, **with_keys("contact", fields))
    created = Created(EventType.CONTACT_CREATED, CONTACT_FIELDS.public(fields))
    change.emit(NewEvent(created, record_id=contact_id))
    return {"contact": contact_id}


async def update_contact(
    change: Change, contact_id: UUID, expected_version: int | None = None, **given: Any
) -> Mapping[str, Any]:
    """Update a person's record. Raises `Refused`: NOT_FOUND; CONFLICT, showing the contact; INVALID."""
    wanted = CONTACT_FIELDS.tidy(given)
    contact = await change.first(TAKE["contact"], id=contact_id)
    if contact is None:
        raise not_found("contact", "contactId")
    expect_version(contact, expected_version, contact=contact_id)
    changes = differing(contact, wanted)
    await expect_found(change, "customer", changes.get("customer_id"), "customerId")
    if changes:
        await rewrite(change, REVISE_CONTACT, contact, with_keys("contact", changes))
        updated = Changed(EventType.CONTACT_UPDATED, describe(contact, changes))
        change.emit(NewEvent(updated, record_id=contact_id))
    return {"contact": contact_id}


async def create_customer(change: Change, **given: Any) -> Mapping[str, Any]:
    """Add a company. Raises `Refused`: EXTERNAL_ID_TAKEN; INVALID."""
    fields = {**CUSTOMER_FIELDS.empty, **CUSTOMER_FIELDS.tidy(given)}
    customer_id = new_id()
    with expect_unique():
        await change.run(MAKE_CUSTOMER, id=customer_id, **with_keys("customer", fields))
    await _expect_not_merged(change, customer_id, fields["external_id"])
    created = Created(EventType.CUSTOMER_CREATED, CUSTOMER_FIELDS.public(fields))
    change.emit(NewEvent(created, record_id=customer_id))
    return {"customer": customer_id}


async def update_customer(
    change: Change, customer_id: UUID, expected_version: int | None = None, **given: Any
) -> Mapping[str, Any]:
    """Update a company's record. Raises `Refused`: NOT_FOUND; CONFLICT, showing it; EXTERNAL_ID_TAKEN; INVALID."""
    wanted = CUSTOMER_FIELDS.tidy(given)
    customer = await change.first(TAKE["customer"], id=customer_id)
    if customer is None:
        raise not_found("customer", "customerId")
    expect_version(customer, expected_version, customer=customer_id)
    changes = differing(customer, wanted)
    if changes:
        with expect_unique():
            await rewrite(change, REVISE_CUSTOMER, customer, with_keys("customer", changes))
        await _expect_not_merged(change, customer_id, changes.get("external_id"))
        updated = Changed(EventType.CUSTOMER_UPDATED, describe(customer, changes))
        change.emit(NewEvent(updated, record_id=customer_id))
    return {"customer": customer_id}


async def _expect_not_merged(change: Change, customer_id: UUID, external_id: str | None) -> None:
    """Refuse an external id that named a customer which was merged into another one: that one answers to it.

    Asked after the id is written, for which a merge of its owner was waited for.
    """
    if external_id is None or await change.first(NAMED_MERGED, external_id=external_id, id=customer_id) is None:
        return
    message = "The customer with this external id was merged into another one. Change that one, or use another id."
    raise Refused(Refusal.EXTERNAL_ID_TAKEN, message, "externalId")
