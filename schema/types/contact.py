"""Contacts and customers."""

from typing import TYPE_CHECKING, Annotated

import strawberry

import models
from engine.publish.connection import Connection
from engine.publish.enums import ordering
from engine.publish.fields import Argument, column, connection, id_field, optional, read, to_one
from engine.publish.node import Node
from engine.publish.scalars import DateTime
from engine.read.filters import found_by
from resolvers.reads import contacts, lead_lists, members
from resolvers.reads import record_leads as deal_totals
from resolvers.reads.tasks import tasks
from schema.filters.lead import LeadFilter, LeadOrder
from schema.filters.task import TaskFilter, TaskOrder
from schema.types.rights import ABOUT, ContactRights, CustomerRights
from schema.types.stage import CurrencyTotal

if TYPE_CHECKING:
    from schema.types.lead import Lead
    from schema.types.task import Task

Leads = Connection[Annotated["Lead", strawberry.lazy("schema.types.lead")]]
Tasks = Connection[Annotated["Task", strawberry.lazy("schema.types.task")]]
LEADS = {"filter": Argument(LeadFilter | None, "Only the leads that match this filter.")}
TASKS = {"filter": Argument(TaskFilter | None, "Only the tasks that match this filter.")}

ContactOrder = ordering("Contact", contacts.ORDERS)
CustomerOrder = ordering("Customer", contacts.ORDERS)


@strawberry.input(description="Filters contacts. A contact must match every part that is given.")
class ContactFilter:
    customer_id: strawberry.ID | None = optional("Only contacts of this customer.")
    customer_ids: list[strawberry.ID] | None = optional("Only contacts of one of these customers, up to 500.")
    has_customer: bool | None = optional("True: only contacts of a customer. False: only contacts without one.")
    has_email: bool | None = optional("True: only with an e-mail address. False: only without.")
    has_phone: bool | None = optional("True: only with a telephone number. False: only without.")


@strawberry.input(description="Filters customers. A customer must match every part that is given.")
class CustomerFilter:
    has_contacts: bool | None = optional("True: only customers with a contact. False: only customers without one.")
    has_website: bool | None = optional("True: only with a web address. False: only without.")
    has_phone: bool | None = optional("True: only with a telephone number. False: only without.")


KEPT = {"archived": Argument(bool | None, "True: only archived ones. Otherwise they are left out.")}

CONTACTS = {
    "search": Argument(str | None, found_by("contacts", "the name, the e-mail address or the telephone number")),
    **KEPT,
    "filter": Argument(ContactFilter | None, "Only the contacts that match this filter."),
}
CUSTOMERS = {
    "search": Argument(
        str | None, found_by("customers", "the name, the web address, the telephone number or the external id")
    ),
    **KEPT,
    "filter": Argument(CustomerFilter | None, "Only the customers that match this filter."),
}


@strawberry.type(
    description=(
        "Totals of leads and opportunities: how many, how they ended, and their value. A lead that was converted is"
        " counted once, as the opportunity that it became."
    )
)
class DealTotals:
    count: int = read(deal_totals.count, "The number of leads and opportunities.")
    open_count: int = read(deal_totals.open_count, "How many are open.")
    won_count: int = read(deal_totals.won_count, "How many were won.")
    lost_count: int = read(deal_totals.lost_count, "How many were lost or disqualified.")
    values: list[CurrencyTotal] = read(deal_totals.values, "Their value, by currency.", rows=2)


@strawberry.type(description="A company you sell to. Salespeople also say account.")
class Customer(Node):
    id: strawberry.ID = id_field("customer", "The customer's id.")
    viewer_can: CustomerRights = read(members.of_record, ABOUT)
    name: str = column("name", "The company's name.")
    website: str | None = column("website", "The company's web address.")
    industry: str | None = column("industry", "The company's industry.")
    phone: str | None = column("phone", "The company's telephone number.")
    address: str | None = column("address", "The company's postal address.")
    notes: str | None = column("notes", "Anything else worth knowing.")
    external_id: str | None = column("external_id", "The customer's id in the system it was imported from.")
    archived: bool = read(contacts.archived, "Whether it is archived: hidden from lists and pickers.")
    contacts: Connection["Contact"] = connection(
        contacts.contacts_of,
        "The people who work there, by name by default.",
        filters=CONTACTS,
        order=ContactOrder,
    )
    leads: Leads = connection(
        lead_lists.of_customer,
        "The leads and opportunities with this customer, newest first by default.",
        filters=LEADS,
        order=LeadOrder,
    )
    tasks: Tasks = connection(
        tasks.of_customer, "The tasks about this customer, the next due first.", filters=TASKS, order=TaskOrder
    )
    totals: DealTotals = read(deal_totals.of_customer, "Totals of its leads and opportunities.")
    created_at: DateTime = column("created_at", "When the record was created.")
    updated_at: DateTime = column("updated_at", "When the record last changed.")
    version: int = column("version", "Counts the changes of this record: 1, 2, 3, …")


@strawberry.type(description="A person you deal with.")
class Contact(Node):
    id: strawberry.ID = id_field("contact", "The contact's id.")
    viewer_can: ContactRights = read(members.of_record, ABOUT)
    name: str = column("name", "The person's name.")
    email: str | None = column("email", "The person's e-mail address.")
    phone: str | None = column("phone", "The person's telephone number.")
    job_title: str | None = column("job_title", "The person's job title.")
    address: str | None = column("address", "The person's postal address.")
    notes: str | None = column("notes", "Anything else worth knowing.")
    customer: Customer | None = to_one(models.Customer, "customer_id", "The company the person works for.")
    leads: Leads = connection(
        lead_lists.of_contact,
        "The leads and opportunities with this person, newest first by default.",
        filters=LEADS,
        order=LeadOrder,
    )
    tasks: Tasks = connection(
        tasks.of_contact, "The tasks about this person, the next due first.", filters=TASKS, order=TaskOrder
    )
    totals: DealTotals = read(deal_totals.of_contact, "Totals of the leads and opportunities with this person.")
    archived: bool = read(contacts.archived, "Whether the contact is archived: hidden from lists and pickers.")
    created_at: DateTime = column("created_at", "When the record was created.")
    updated_at: DateTime = column("updated_at", "When the record last changed.")
    version: int = column("version", "Counts the changes of this record: 1, 2, 3, …")
