"""Merging, archiving and restoring: inputs and payloads."""

import strawberry

import models
from engine.publish.fields import change, id_of, optional, outcome, ref
from engine.publish.payload import ChangeInput, Payload
from models.rules.roles import Role
from resolvers.changes.contacts import archive, merge
from schema.types.contact import Contact, Customer
from schema.types.lead import Lead
from schema.types.stage import CHANGED_TOTALS, Stage

EXPECTED_VERSION = "Refuse with CONFLICT unless the record is at this version."
WINNER_VERSION = "Refuse with CONFLICT unless the record that stays is at this version."
DRY_RUN = "True: only report what would happen, and change nothing."
MERGED_ID = "The id of the record that was merged. It now stands for the one that stays."
FILLED = "The empty fields that were filled from the merged record."
DROPPED = (
    "The fields in which the two differed. The record that stays has its own values; those of the merged record are at "
    "the end of its `notes`, or its `description`, each on a line. The notes of both are joined."
)
MOVED = "How many {} moved to the record that stays."


@strawberry.type(description="Result of `merge`.")
class MergePayload(Payload):
    merged_id: strawberry.ID | None = outcome(MERGED_ID)
    filled_fields: list[str] | None = outcome(FILLED)
    dropped_fields: list[str] | None = outcome(DROPPED)


@strawberry.input(description="Two contacts that are the same person.")
class MergeContactsInput(ChangeInput):
    winner_id: strawberry.ID = id_of("contact", "The contact that stays.")
    loser_id: strawberry.ID = id_of("contact", "The contact that is merged into it.")
    dry_run: bool | None = optional(DRY_RUN)
    expected_version: int | None = optional(WINNER_VERSION)


@strawberry.type(description="Result of merging contacts.")
class MergeContactsPayload(MergePayload):
    contact: Contact | None = ref(models.Contact, "The contact that stays.")
    moved_leads: int | None = outcome(MOVED.format("leads"))
    moved_tasks: int | None = outcome(MOVED.format("tasks"))
    moved_activities: int | None = outcome(MOVED.format("activities"))


@strawberry.input(description="Two customers that are the same company.")
class MergeCustomersInput(ChangeInput):
    winner_id: strawberry.ID = id_of("customer", "The customer that stays.")
    loser_id: strawberry.ID = id_of("customer", "The customer that is merged into it.")
    dry_run: bool | None = optional(DRY_RUN)
    expected_version: int | None = optional(WINNER_VERSION)


@strawberry.type(description="Result of merging customers.")
class MergeCustomersPayload(MergePayload):
    customer: Customer | None = ref(models.Customer, "The customer that stays.")
    moved_leads: int | None = outcome(MOVED.format("leads"))
    moved_tasks: int | None = outcome(MOVED.format("tasks"))
    moved_contacts: int | None = outcome(MOVED.format("contacts"))


@strawberry.input(description="Two leads that are the same.")
class MergeLeadsInput(ChangeInput):
    winner_id: strawberry.ID = id_of("lead", "The lead that stays.")
    loser_id: strawberry.ID = id_of("lead", "The lead that is merged into it.")
    dry_run: bool | None = optional(DRY_RUN)
    expected_version: int | None = optional(WINNER_VERSION)


@strawberry.type(description="Result of merging leads.")
class MergeLeadsPayload(MergePayload):
    lead: Lead | None = ref(models.Lead, "The lead that stays.")
    stages: list[Stage] | None = ref(models.Stage, CHANGED_TOTALS)
    moved_tasks: int | None = outcome(MOVED.format("tasks"))
    moved_activities: int | None = outcome(MOVED.format("activities"))


@strawberry.input(description="The contact to archive.")
class ArchiveContactInput(ChangeInput):
    contact_id: strawberry.ID = id_of("contact", "The contact to archive.")
    expected_version: int | None = optional(EXPECTED_VERSION)


@strawberry.type(description="Result of `archiveContact`.")
class ArchiveContactPayload(Payload):
    contact: Contact | None = ref(models.Contact, "The contact.")


@strawberry.input(description="Which contact to restore.")
class RestoreContactInput(ChangeInput):
    contact_id: strawberry.ID = id_of("contact", "The archived contact.")
    expected_version: int | None = optional(EXPECTED_VERSION)


@strawberry.type(description="Result of `restoreContact`.")
class RestoreContactPayload(Payload):
    contact: Contact | None = ref(models.Contact, "The contact.")


@strawberry.input(description="The customer to archive.")
class ArchiveCustomerInput(ChangeInput):
    customer_id: strawberry.ID = id_of("customer", "The customer to archive.")
    expected_version: int | None = optional(EXPECTED_VERSION)


@strawberry.type(description="Result of `archiveCustomer`.")
class ArchiveCustomerPayload(Payload):
    customer: Customer | None = ref(models.Customer, "The customer.")


@strawberry.input(description="Which customer to restore.")
class RestoreCustomerInput(ChangeInput):
    customer_id: strawberry.ID = id_of("customer", "The archived customer.")
    expected_version: int | None = optional(EXPECTED_VERSION)


@strawberry.type(description="Result of `restoreCustomer`.")
class RestoreCustomerPayload(Payload):
    customer: Customer | None = ref(models.Customer, "The customer.")


@strawberry.type(description="The mutations of merge archive.")
class MergeAndArchiveMutations:
    archive_contact: ArchiveContactPayload | None = change(
        archive.archive_contact,
        ArchiveContactInput,
        "Archive a contact: it is hidden from lists and pickers.",
        role=Role.REP,
    )
    restore_contact: RestoreContactPayload | None = change(
        archive.restore_contact,
        RestoreContactInput,
        "Restore an archived contact.",
        role=Role.REP,
    )
    archive_customer: ArchiveCustomerPayload | None = change(
        archive.archive_customer,
        ArchiveCustomerInput,
        "Archive a customer: it is hidden from lists and pickers.",
        role=Role.REP,
    )
    restore_customer: RestoreCustomerPayload | None = change(
        archive.restore_customer,
        RestoreCustomerInput,
        "Restore an archived customer.",
        role=Role.REP,
    )
    merge_contacts: MergeContactsPayload | None = change(
        merge.merge_contacts,
        MergeContactsInput,
        "Merge a contact into another, because both are the same person.",
        role=Role.MANAGER,
    )
    merge_customers: MergeCustomersPayload | None = change(
        merge.merge_customers,
        MergeCustomersInput,
        "Merge a customer into another, because both are the same company.",
        role=Role.MANAGER,
    )
    merge_leads: MergeLeadsPayload | None = change(
        merge.merge_leads,
        MergeLeadsInput,
        "Merge a lead into another, because both are the same. Its tasks and activities move, it leaves the board, "
        "and the timeline of the lead that stays shows both.",
        role=Role.MANAGER,
    )
