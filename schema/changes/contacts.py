"""Changes of contacts and customers: their inputs and payloads."""

import strawberry

import models
from engine.publish.fields import change, id_of, optional, ref
from engine.publish.payload import ChangeInput, Payload
from models.rules.roles import Role
from resolvers.changes.contacts import create_update as contacts_changes
from schema.types.contact import Contact, Customer


@strawberry.input(description="Fields of a contact.")
class ContactFields:
    email: str | None = optional("The person's e-mail address: up to 254 characters.")
    phone: str | None = optional("The person's telephone number: up to 50 characters.")
    job_title: str | None = optional("The person's job title: up to 300 characters.")
    address: str | None = optional("The person's postal address: up to 20,000 characters.")
    notes: str | None = optional("Anything else worth knowing: up to 20,000 characters.")
    customer_id: strawberry.ID | None = optional("The company the person works for.", id="customer")


@strawberry.input(description="A new contact.")
class CreateContactInput(ChangeInput, ContactFields):
    name: str = strawberry.field(description="The person's name: up to 300 characters.")


@strawberry.type(description="Result of `createContact`.")
class CreateContactPayload(Payload):
    contact: Contact | None = ref(models.Contact, "The new contact.")


@strawberry.input(description="Fields of a contact to update. Omitted fields stay as they are; null empties a field.")
class UpdateContactInput(ChangeInput, ContactFields):
    contact_id: strawberry.ID = id_of("contact", "The contact to update.")
    name: str | None = optional("The person's name: up to 300 characters. It cannot be null.")
    expected_version: int | None = optional("Refuse with CONFLICT unless the contact is at this version.")


@strawberry.type(description="Result of `updateContact`.")
class UpdateContactPayload(Payload):
    contact: Contact | None = ref(models.Contact, "The contact as it is now.")


@strawberry.input(description="Fields of a customer.")
class CustomerFields:
    website: str | None = optional("The company's web address: up to 2,000 characters.")
    industry: str | None = optional("The industry: up to 300 characters.")
    phone: str | None = optional("The company's telephone number: up to 50 characters.")
    address: str | None = optional("The company's postal address: up to 20,000 characters.")
    notes: str | None = optional("Anything else worth knowing: up to 20,000 characters.")
    external_id: str | None = optional(
        "The customer's id in another system of yours: up to 300 characters, and only once."
    )


@strawberry.input(description="A new customer.")
class CreateCustomerInput(ChangeInput, CustomerFields):
    name: str = strawberry.field(description="The company's name: up to 300 characters.")


@strawberry.type(description="Result of `createCustomer`.")
class CreateCustomerPayload(Payload):
    customer: Customer | None = ref(models.Customer, "The new customer.")


@strawberry.input(description="Fields of a customer to update. Omitted fields stay as they are; null empties a field.")
class UpdateCustomerInput(ChangeInput, CustomerFields):
    customer_id: strawberry.ID = id_of("customer", "The customer to update.")
    name: str | None = optional("The company's name: up to 300 characters. It cannot be null.")
    expected_version: int | None = optional("Refuse with CONFLICT unless the customer is at this version.")


@strawberry.type(description="Result of `updateCustomer`.")
class UpdateCustomerPayload(Payload):
    customer: Customer | None = ref(models.Customer, "The customer as it is now.")


@strawberry.type(description="The mutations of contacts.")
class ContactMutations:
    create_contact: CreateContactPayload | None = change(
        contacts_changes.create_contact,
        CreateContactInput,
        "Create a contact: a person you deal with.",
        role=Role.REP,
        checks=contacts_changes.CONTACT_FIELDS.check,
    )
    update_contact: UpdateContactPayload | None = change(
        contacts_changes.update_contact,
        UpdateContactInput,
        "Update fields of a contact.",
        role=Role.REP,
        checks=contacts_changes.CONTACT_FIELDS.check,
    )
    create_customer: CreateCustomerPayload | None = change(
        contacts_changes.create_customer,
        CreateCustomerInput,
        "Create a customer: a company you sell to.",
        role=Role.REP,
        checks=contacts_changes.CUSTOMER_FIELDS.check,
    )
    update_customer: UpdateCustomerPayload | None = change(
        contacts_changes.update_customer,
        UpdateCustomerInput,
        "Update fields of a customer.",
        role=Role.REP,
        checks=contacts_changes.CUSTOMER_FIELDS.check,
    )
