"""The customer of a converted lead's opportunity: created from the contact, or completed from it."""

from collections.abc import Mapping
from typing import Any
from uuid import UUID

from sqlalchemy import text

from engine.change.records import describe, make, revise, rewrite
from engine.change.transaction import Change
from engine.read.rows import ORG
from models.database import Row, Statement
from models.event_types import Changed, Created, EventType
from models.rules.matching.domains import company_of_address
from models.rules.matching.keys import KEYS, KeyKind, with_keys
from models.rules.matching.names import company_key
from models.rules.refusal import Refusal, Refused
from models.rules.text import optional_line
from models.tables.base import new_id
from models.tables.contact import Customer
from models.tables.event import NewEvent
from resolvers.changes.contacts.create_update import CUSTOMER_FIELDS

SIMILAR = Statement(
    text(
        f"""
        SELECT customer.id FROM customer
        WHERE customer.org_id = :org_id AND customer.archived_at IS NULL AND customer.id = ANY(ARRAY(
            SELECT id FROM customer WHERE org_id = :org_id AND name_key = CAST(:name AS text)
            UNION SELECT id FROM customer WHERE org_id = :org_id AND domain_key = CAST(:domain AS text)
            UNION SELECT customer_id FROM contact WHERE org_id = :org_id AND domain_key = CAST(:domain AS text)
            UNION SELECT record_id FROM former_key
            WHERE org_id = :org_id AND kind = '{KeyKind.NAME}' AND key = CAST(:name AS text)
            UNION SELECT record_id FROM former_key
            WHERE org_id = :org_id AND kind = '{KeyKind.DOMAIN}' AND key = CAST(:domain AS text)
            UNION SELECT contact.customer_id FROM former_key
                JOIN contact ON contact.org_id = :org_id AND contact.id = former_key.record_id
            WHERE former_key.org_id = :org_id AND former_key.kind = '{KeyKind.DOMAIN}'
                AND former_key.key = CAST(:domain AS text)
        ))
        ORDER BY customer.id LIMIT 10
        """
    ).bindparams(ORG)
)
"""Customers that are probably the same, by the keys of their name and domain, and of those merged into them. A domain
is that of the website, or of somebody who works there."""

MAKE_ONE_AT_A_TIME = Statement(
    text(
        """
        SELECT pg_advisory_xact_lock(alike.key) FROM (
            SELECT DISTINCT hashtextextended(CAST(:org_id AS text) || what, 0) AS key
            FROM unnest(ARRAY['name ' || CAST(:name AS text), 'domain ' || CAST(:domain AS text)]) AS what
            WHERE what IS NOT NULL ORDER BY key
        ) AS alike
        """
    ).bindparams(ORG)
)
"""Until the end of the transaction nobody else makes a customer with this name or domain; in one order, so that no two
wait for each other. There is no row yet that could be locked."""

CREATE = make(
    Customer,
    *("name", "website", "phone", *KEYS["customer"]),
    default=("industry", "address", "notes", "external_id", "archived_at", "words"),
)

FILL = revise(Customer, "website", "phone", "domain_key")


async def describe_customer(change: Change, given: Mapping[str, Any], contact: Row | None) -> dict[str, str | None]:
    """The customer to create, from the input and the contact.

    Raises `Refused`: INVALID without a name, and DUPLICATE_CUSTOMER, showing the similar customers.
    """
    domain = _domain(contact)
    known: str | None = domain or (contact["name"] if contact else None)
    name = optional_line(given.get("name"), "createCustomer", "name") or known
    if name is None:
        raise Refused(
            Refusal.INVALID,
            "This lead has no contact to name the customer after. Send a name.",
            "createCustomer",
            "name",
        )
    keys = {"name": company_key(name), "domain": domain}
    await change.all(MAKE_ONE_AT_A_TIME, **keys)
    if not given.get("even_if_similar"):
        similar = await change.all(SIMILAR, **keys)
        if similar:
            raise Refused(
                Refusal.DUPLICATE_CUSTOMER,
                "Similar customers exist. Send the id of the right one as customerId,"
                " or evenIfSimilar: true to create another.",
                "createCustomer",
                shown={"similar_customers": [row["id"] for row in similar]},
            )
    return {"name": name, "website": domain, "phone": contact["phone"] if contact else None}


async def make_customer(change: Change, described: Mapping[str, str | None]) -> UUID:
    """Create the customer. Returns its id."""
    customer_id = new_id()
    await change.run(CREATE, id=customer_id, **with_keys("customer", described))
    fields = CUSTOMER_FIELDS.public({**CUSTOMER_FIELDS.empty, **described})
    change.emit(NewEvent(Created(EventType.CUSTOMER_CREATED, fields), record_id=customer_id))
    return customer_id


async def fill_customer(change: Change, customer: Row, contact: Row) -> None:
    """Fill the empty fields of a customer, which the change has taken, from the contact."""
    known = {"website": _domain(contact), "phone": contact["phone"]}
    changes = {name: value for name, value in known.items() if value is not None and customer[name] is None}
    if changes:
        await rewrite(change, FILL, customer, with_keys("customer", changes))
        updated = Changed(EventType.CUSTOMER_UPDATED, describe(customer, changes))
        change.emit(NewEvent(updated, record_id=customer["id"]))


def _domain(contact: Row | None) -> str | None:
    """The domain of the company that the contact's e-mail address names."""
    return None if contact is None or contact["email"] is None else company_of_address(contact["email"])
