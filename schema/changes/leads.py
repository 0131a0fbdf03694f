"""Changes of leads: their inputs and payloads."""

import strawberry

import models
from engine.publish.fields import id_of, optional, outcome, ref
from engine.publish.payload import ChangeInput, Payload
from engine.publish.scalars import Date, Decimal_
from schema.types.lead import Lead
from schema.types.stage import Stage

EXPECTED_VERSION = "Refuse with CONFLICT unless the lead is at this version."
OWNER = (
    "The member who works on it; null for nobody. It must be an active member; only a manager can name somebody else."
)


@strawberry.input(description="What people know of a lead.")
class LeadFields:
    description: str | None = optional("Anything else worth knowing: up to 20,000 characters.")
    contact_id: strawberry.ID | None = optional("The person one talks to.", id="contact")
    customer_id: strawberry.ID | None = optional("The company one sells to.", id="customer")
    owner_id: strawberry.ID | None = optional(OWNER, id="member")
    value: Decimal_ | None = optional(
        "What the sale would bring in, in `currency`: not negative, and no finer than that currency's smallest unit."
    )
    currency: str | None = optional(
        "The currency of `value`, as an ISO 4217 code such as EUR. Left out, your organisation's."
    )
    probability: int | None = optional(
        "The chance of winning it, in percent, 0 to 100, when it is not that of its stage."
    )
    expected_close_date: Date | None = optional("The day on which the sale is expected, from 1900 to 2200.")
    score: int | None = optional("How promising it looks: the higher, the better.")
    source: str | None = optional("Where it came from: a campaign, a form, a fair. Up to 300 characters.")
    external_id: str | None = optional(
        "The record's id in another system of yours: up to 300 characters, and only once in a pipeline."
    )


@strawberry.input(description="A new lead. It goes on top of its stage.")
class CreateLeadInput(ChangeInput, LeadFields):
    title: str = strawberry.field(description="What the sale is about: up to 300 characters.")
    pipeline_id: strawberry.ID | None = optional(
        "The pipeline it enters. Left out, that of `stageId`, or else the default pipeline for leads.", id="pipeline"
    )
    stage_id: strawberry.ID | None = optional(
        "The stage it enters. Left out, the first OPEN one. In a WON or LOST stage it is closed from the start.",
        id="stage",
    )


@strawberry.type(description="What came of making a lead.")
class CreateLeadPayload(Payload):
    lead: Lead | None = ref(models.Lead, "The new lead.")


@strawberry.input(
    description="What should be different about a lead. What is left out stays as it is; null empties a field."
)
class UpdateLeadInput(ChangeInput, LeadFields):
    lead_id: strawberry.ID = id_of("lead", "The lead to change.")
    title: str | None = optional("What the sale is about: up to 300 characters. It cannot be null.")
    currency: str | None = optional(
        "The currency of `value`, as an ISO 4217 code such as EUR. A value that has none gets your organisation's. It "
        "cannot be null while there is a value."
    )
    expected_version: int | None = optional(EXPECTED_VERSION)


@strawberry.type(description="What came of changing a lead.")
class UpdateLeadPayload(Payload):
    lead: Lead | None = ref(models.Lead, "The lead as it is now.")


@strawberry.input(description="Which lead should go.")
class DeleteLeadInput(ChangeInput):
    lead_id: strawberry.ID = id_of(
        "lead", "The lead to delete, with its history and tasks. A converted one stays, and so does what it became."
    )
    expected_version: int | None = optional(EXPECTED_VERSION)


@strawberry.type(description="What came of deleting a lead.")
class DeleteLeadPayload(Payload):
    deleted_lead_id: strawberry.ID | None = outcome("The id of the lead that is gone; null when it was kept.")
    stage: Stage | None = ref(models.Stage, "The stage it stood in, with its new totals.")
    lead: Lead | None = ref(models.Lead, "The lead as it is, when it was refused to delete it.")


@strawberry.input(description="Where a lead should go.")
class MoveLeadInput(ChangeInput):
    lead_id: strawberry.ID = id_of("lead", "The lead to move.")
    stage_id: strawberry.ID = id_of("stage", "The stage to move it to, in its own pipeline or in another.")
    after_lead_id: strawberry.ID | None = optional("The card to drop it right below.", id="lead")
    before_lead_id: strawberry.ID | None = optional(
        "The card to drop it right above. With neither neighbour it goes on top.", id="lead"
    )
    lost_reason: str | None = optional(
        "Why it was lost: needed where a LOST stage is entered, not allowed elsewhere. One of your organisation's lost "
        "reasons; if it has none, your own words, up to 300 characters."
    )
    expected_version: int | None = optional("Refuse with CONFLICT unless the lead is at this version.")


@strawberry.type(description="What came of moving a lead.")
class MoveLeadPayload(Payload):
    lead: Lead | None = ref(models.Lead, "The lead as it is now.")
