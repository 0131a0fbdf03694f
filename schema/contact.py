"""Contacts and customers."""

from typing import TYPE_CHECKING, Annotated

import strawberry

from resolvers import contacts, leads
from schema.enums import ordering
from schema.fields import column, connection, read
from schema.node import Node
from schema.paging import Connection
from schema.scalars import DateTime

if TYPE_CHECKING:
    from schema.lead import Lead

Leads = Connection[Annotated["Lead", strawberry.lazy("schema.lead")]]

ContactOrder = ordering("Contact", contacts.ORDERS, NAME="By name.", CREATED_AT="By when they were added.")
CustomerOrder = ordering("Customer", contacts.ORDERS, NAME="By name.", CREATED_AT="By when they were added.")


@strawberry.type(description="A company that one sells to. Sales people also say account.")
class Customer(Node):
    id: strawberry.ID = read(contacts.customer_id, "The customer's id.")
    name: str = column("name", "The company's name.")
    website: str | None = column("website", "The company's web address.")
    industry: str | None = column("industry", "The line of business.")
    phone: str | None = column("phone", "The company's telephone number.")
    external_id: str | None = column("external_id", "The customer's id in the system it was imported from.")
    contacts: Connection["Contact"] = connection(contacts.contacts_of, "The people who work there.", order=ContactOrder)
    leads: Leads = connection(leads.of_customer, "The leads and opportunities with this customer, newest first.")
    created_at: DateTime = column("created_at", "When the record was made.")
    updated_at: DateTime = column("updated_at", "When the record last changed.")
    version: int = column("version", "Counts the changes of this record: 1, 2, 3, …")


@strawberry.type(description="A person one talks to about a deal.")
class Contact(Node):
    id: strawberry.ID = read(contacts.id, "The contact's id.")
    name: str = column("name", "The person's name.")
    email: str | None = column("email", "The person's e-mail address.")
    phone: str | None = column("phone", "The person's telephone number.")
    job_title: str | None = column("job_title", "What the person does at the customer's.")
    customer: Customer | None = read(contacts.of_contact, "The company the person works for.")
    leads: Leads = connection(leads.of_contact, "The leads and opportunities with this person, newest first.")
    created_at: DateTime = column("created_at", "When the record was made.")
    updated_at: DateTime = column("updated_at", "When the record last changed.")
    version: int = column("version", "Counts the changes of this record: 1, 2, 3, …")
