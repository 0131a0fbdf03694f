"""Merging, archiving and restoring: inputs and payloads."""

import strawberry

import models
from engine.publish.fields import id_of, optional, outcome, ref
from engine.publish.payload import ChangeInput, Payload
from schema.types.contact import Contact, Customer
from schema.types.lead import Lead

EXPECTED_VERSION = "Refuse with CONFLICT unless the record is at this version."
WINNER_VERSION = "Refuse with CONFLICT unless the record that stays is at this version."
DRY_RUN = "Only tell what would happen."
MERGED_ID = "The id of the one that was joined in. It stands for the other from now on."
FILLED = "The fields that were empty and are filled from the other one."
MOVED = "How many {} went over to the one that stays."


@strawberry.type(description="What came of joining one record into another.")
class MergePayload(Payload):
    merged_id: strawberry.ID | None = outcome(MERGED_ID)
    filled_fields: list[str] | None = outcome(FILLED)


@strawberry.input(description="Two contacts that are the same person.")
class MergeContactsInput(ChangeInput):
    winner_id: strawberry.ID = id_of("contact", "The contact that stays.")
    loser_id: strawberry.ID = id_of("contact", "The contact that is joined into it.")
    dry_run: bool | None = optional(DRY_RUN)
    expected_version: int | None = optional(WINNER_VERSION)


@strawberry.type(description="What came of joining one contact into another.")
class MergeContactsPayload(MergePayload):
    contact: Contact | None = ref(models.Contact, "The contact that stays.")
    moved_leads: int | None = outcome(MOVED.format("leads"))
    moved_tasks: int | None = outcome(MOVED.format("tasks"))
    moved_activities: int | None = outcome(MOVED.format("activities"))


@strawberry.input(description="Two customers that are the same company.")
class MergeCustomersInput(ChangeInput):
    winner_id: strawberry.ID = id_of("customer", "The customer that stays.")
    loser_id: strawberry.ID = id_of("customer", "The customer that is joined into it.")
    dry_run: bool | None = optional(DRY_RUN)
    expected_version: int | None = optional(WINNER_VERSION)


@strawberry.type(description="What came of joining one customer into another.")
class MergeCustomersPayload(MergePayload):
    customer: Customer | None = ref(models.Customer, "The customer that stays.")
    moved_leads: int | None = outcome(MOVED.format("leads"))
    moved_tasks: int | None = outcome(MOVED.format("tasks"))
    moved_contacts: int | None = outcome(MOVED.format("contacts"))


@strawberry.input(description="Two leads that are the same.")
class MergeLeadsInput(ChangeInput):
    winner_id: strawberry.ID = id_of("lead", "The lead that stays.")
    loser_id: strawberry.ID = id_of("lead", "The lead that is joined into it.")
    dry_run: bool | None = optional(DRY_RUN)
    expected_version: int | None = optional(WINNER_VERSION)


@strawberry.type(description="What came of joining one lead into another.")
class MergeLeadsPayload(MergePayload):
    lead: Lead | None = ref(models.Lead, "The lead that stays.")
    moved_tasks: int | None = outcome(MOVED.format("tasks"))
    moved_activities: int | None = outcome(MOVED.format("activities"))


@strawberry.input(description="Which contact is put away.")
class ArchiveContactInput(ChangeInput):
    contact_id: strawberry.ID = id_of("contact", "The contact that is not to be offered any more.")
    expected_version: int | None = optional(EXPECTED_VERSION)


@strawberry.type(description="What came of putting a contact away.")
class ArchiveContactPayload(Payload):
    contact: Contact | None = ref(models.Contact, "The contact.")


@strawberry.input(description="Which contact comes back.")
class RestoreContactInput(ChangeInput):
    contact_id: strawberry.ID = id_of("contact", "The contact that was put away.")
    expected_version: int | None = optional(EXPECTED_VERSION)


@strawberry.type(description="What came of bringing a contact back.")
class RestoreContactPayload(Payload):
    contact: Contact | None = ref(models.Contact, "The contact.")


@strawberry.input(description="Which customer is put away.")
class ArchiveCustomerInput(ChangeInput):
    customer_id: strawberry.ID = id_of("customer", "The customer that is not to be offered any more.")
    expected_version: int | None = optional(EXPECTED_VERSION)


@strawberry.type(description="What came of putting a customer away.")
class ArchiveCustomerPayload(Payload):
    customer: Customer | None = ref(models.Customer, "The customer.")


@strawberry.input(description="Which customer comes back.")
class RestoreCustomerInput(ChangeInput):
    customer_id: strawberry.ID = id_of("customer", "The customer that was put away.")
    expected_version: int | None = optional(EXPECTED_VERSION)


@strawberry.type(description="What came of bringing a customer back.")
class RestoreCustomerPayload(Payload):
    customer: Customer | None = ref(models.Customer, "The customer.")
