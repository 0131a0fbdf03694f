"""Changes in the life of a lead: their inputs and payloads."""

import strawberry

import models
from engine.change.fields import each
from engine.publish.fields import change, id_of, optional, outcome, ref
from engine.publish.payload import ChangeInput, Payload
from engine.publish.scalars import Decimal_
from models.rules.roles import Role
from models.rules.text import optional_line, prose
from resolvers.changes.leads import convert, lifecycle
from schema.types.contact import Customer
from schema.types.lead import Lead
from schema.types.pipeline import Pipeline
from schema.types.stage import CHANGED_TOTALS, Stage

EXPECTED_VERSION = "Refuse with CONFLICT unless the lead is at this version."


@strawberry.input(description="Which lead to qualify.")
class QualifyLeadInput(ChangeInput):
    lead_id: strawberry.ID = id_of("lead", "The lead to qualify.")
    expected_version: int | None = optional(EXPECTED_VERSION)


@strawberry.type(description="Result of `qualifyLead`.")
class QualifyLeadPayload(Payload):
    lead: Lead | None = ref(models.Lead, "The lead, in its next stage.")
    stages: list[Stage] | None = ref(models.Stage, CHANGED_TOTALS)


@strawberry.input(description="Which lead to disqualify, and why.")
class DisqualifyLeadInput(ChangeInput):
    lead_id: strawberry.ID = id_of("lead", "The lead to disqualify.")
    reason: str = strawberry.field(
        description="Why: one of your organisation's lost reasons; if it has none, your own words, up to 300 "
        "characters."
    )
    notes: str | None = optional("Anything else worth remembering about it: up to 20,000 characters.")
    expected_version: int | None = optional(EXPECTED_VERSION)


@strawberry.type(description="Result of `disqualifyLead`.")
class DisqualifyLeadPayload(Payload):
    lead: Lead | None = ref(models.Lead, "The lead, closed.")
    stages: list[Stage] | None = ref(models.Stage, CHANGED_TOTALS)


@strawberry.input(description="Which closed lead to reopen.")
class ReopenLeadInput(ChangeInput):
    lead_id: strawberry.ID = id_of("lead", "The lead to reopen.")
    expected_version: int | None = optional(EXPECTED_VERSION)


@strawberry.type(description="Result of `reopenLead`.")
class ReopenLeadPayload(Payload):
    lead: Lead | None = ref(models.Lead, "The lead, back in the open stage it was in last.")
    stages: list[Stage] | None = ref(models.Stage, CHANGED_TOTALS)


@strawberry.input(description="The customer to create when a lead is converted.")
class NewCustomerInput:
    name: str | None = optional("The company's name; without it, taken from the contact's e-mail address.")
    even_if_similar: bool | None = optional(
        "Create it even if there is a similar customer: one with the same name but for case, accents and legal form, or"
        " with the same domain as website or in an address of its contacts, or into which such a customer was merged."
    )


@strawberry.input(description="Which lead to convert, and how.")
class ConvertLeadInput(ChangeInput):
    lead_id: strawberry.ID = id_of("lead", "The lead to convert. It must be qualified.")
    pipeline_id: strawberry.ID | None = optional(
        "The pipeline of the opportunity; without it, the default one for opportunities.", id="pipeline"
    )
    stage_id: strawberry.ID | None = optional(
        "The stage the opportunity enters; without it, the first open one.", id="stage"
    )
    customer_id: strawberry.ID | None = optional(
        "The customer of the opportunity. Its empty fields are filled in from the contact.",
        id="customer",
    )
    create_customer: NewCustomerInput | None = optional("Create a customer from the lead's contact.")
    title: str | None = optional("The opportunity's title, up to 300 characters; without it, the lead's.")
    value: Decimal_ | None = optional(
        "The opportunity's value, in the lead's currency or else your organisation's; without it, the lead's."
    )
    dry_run: bool | None = optional("True: only report what would happen, and change nothing.")
    expected_version: int | None = optional(EXPECTED_VERSION)


@strawberry.type(description="Result of `convertLead`.")
class ConvertLeadPayload(Payload):
    lead: Lead | None = ref(models.Lead, "The lead, linked to its opportunity.")
    opportunity: Lead | None = ref(models.Lead, "The opportunity; null after a dry run.")
    already_converted: bool | None = outcome(
        "Whether the lead had been converted before. If so, nothing was done, and the first result is shown."
    )
    pipeline: Pipeline | None = ref(models.Pipeline, "The pipeline of the opportunity.")
    stage: Stage | None = ref(models.Stage, "The stage that the opportunity enters.")
    stages: list[Stage] | None = ref(models.Stage, CHANGED_TOTALS)
    title: str | None = outcome("The title of the opportunity.")
    customer: Customer | None = ref(
        models.Customer, "The customer of the opportunity; null in a dry run that would create one."
    )
    creates_customer: bool | None = outcome("Whether a customer is created.")
    tasks_carried_over: int | None = outcome("How many open tasks move to the opportunity.")
    similar_customers: list[Customer] | None = ref(
        models.Customer, "With DUPLICATE_CUSTOMER: the customers that are probably the same."
    )


@strawberry.type(description="The mutations of lifecycle.")
class LifecycleMutations:
    qualify_lead: QualifyLeadPayload | None = change(
        lifecycle.qualify_lead,
        QualifyLeadInput,
        "Qualify a lead: it is worth pursuing. It moves to the next open stage of its pipeline.",
        role=Role.REP,
    )
    disqualify_lead: DisqualifyLeadPayload | None = change(
        lifecycle.disqualify_lead,
        DisqualifyLeadInput,
        "Disqualify a lead: it is not worth pursuing. It is closed, with a reason.",
        role=Role.REP,
        checks=each(reason=optional_line, notes=prose),
    )
    reopen_lead: ReopenLeadPayload | None = change(
        lifecycle.reopen_lead,
        ReopenLeadInput,
        "Reopen a closed lead: it returns to the open stage it was in last.",
        role=Role.REP,
    )
    convert_lead: ConvertLeadPayload | None = change(
        convert.convert_lead,
        ConvertLeadInput,
        "Convert a qualified lead into an opportunity, once. The opportunity has the lead's owner, unless that member "
        "is no longer active.",
        role=Role.REP,
        checks=convert.check_texts,
    )
