"""Changes of leads: their inputs and payloads."""

import strawberry

import models
from engine.change.fields import each
from engine.publish.fields import change, id_of, optional, outcome, ref
from engine.publish.payload import ChangeInput, Payload
from engine.publish.scalars import Date, Decimal_
from models.rules.roles import Role
from models.rules.text import optional_line
from resolvers.changes.leads import create_update as leads_changes
from resolvers.changes.leads import delete, move
from resolvers.changes.leads import fields as leads_fields
from schema.types.lead import Lead
from schema.types.stage import CHANGED_TOTALS, Stage

EXPECTED_VERSION = "Refuse with CONFLICT unless the lead is at this version."
OWNER = (
    "The member who works on it; null for nobody. It must be an active member; only a manager can name somebody else."
)


@strawberry.input(description="The fields of a lead.")
class LeadFields:
    description: str | None = optional("Anything else worth knowing: up to 20,000 characters.")
    contact_id: strawberry.ID | None = optional("The person you deal with.", id="contact")
    customer_id: strawberry.ID | None = optional("The company you sell to.", id="customer")
    owner_id: strawberry.ID | None = optional(OWNER, id="member")
    value: Decimal_ | None = optional(
        "The value of the sale, in `currency`: not negative, and no finer than the smallest unit of that currency."
    )
    currency: str | None = optional(
        "The currency of `value`, as an ISO 4217 code such as EUR. If omitted, your organisation's."
    )
    probability: int | None = optional(
        "The chance of winning it, in percent, 0 to 100, when it is not that of its stage."
    )
    expected_close_date: Date | None = optional("The day on which the sale is expected, from 1900 to 2200.")
    score: int | None = optional(
        "How promising it looks: the higher, the better. One that is sent stays whatever the scoring rules give; null "
        "lets the rules give it again."
    )
    source: str | None = optional("Where it came from: a campaign, a form, a fair. Up to 300 characters.")
    external_id: str | None = optional(
        "The record's id in another system of yours: up to 300 characters, and only once in a pipeline."
    )


@strawberry.input(description="A new lead. It is placed on top of its stage.")
class CreateLeadInput(ChangeInput, LeadFields):
    title: str = strawberry.field(description="What the sale is about: up to 300 characters.")
    pipeline_id: strawberry.ID | None = optional(
        "The pipeline it enters. If omitted, that of `stageId`, or else the default pipeline for leads.", id="pipeline"
    )
    stage_id: strawberry.ID | None = optional(
        "The stage it enters. If omitted, the first OPEN one. In a WON or LOST stage it is closed from the start.",
        id="stage",
    )
    lost_reason: str | None = optional(
        "Why it was lost: required in a LOST stage, and not allowed in others. One of your organisation's lost "
        "reasons; if it has none, your own words, up to 300 characters."
    )


@strawberry.type(description="Result of `createLead`.")
class CreateLeadPayload(Payload):
    lead: Lead | None = ref(models.Lead, "The new lead.")
    stages: list[Stage] | None = ref(models.Stage, CHANGED_TOTALS)


@strawberry.input(description="Fields of a lead to update. Omitted fields stay as they are; null empties a field.")
class UpdateLeadInput(ChangeInput, LeadFields):
    lead_id: strawberry.ID = id_of("lead", "The lead to update.")
    title: str | None = optional("What the sale is about: up to 300 characters. It cannot be null.")
    currency: str | None = optional(
        "The currency of `value`, as an ISO 4217 code such as EUR. A value without one gets your organisation's. It "
        "cannot be null while there is a value."
    )
    expected_version: int | None = optional(EXPECTED_VERSION)


@strawberry.type(description="Result of `updateLead`.")
class UpdateLeadPayload(Payload):
    lead: Lead | None = ref(models.Lead, "The lead as it is now.")
    stages: list[Stage] | None = ref(models.Stage, CHANGED_TOTALS)


@strawberry.input(description="Which lead to delete.")
class DeleteLeadInput(ChangeInput):
    lead_id: strawberry.ID = id_of(
        "lead",
        ("The lead to delete, with its tasks and activities. A converted lead and its opportunity cannot be deleted."),
    )
    expected_version: int | None = optional(EXPECTED_VERSION)


@strawberry.type(description="Result of `deleteLead`.")
class DeleteLeadPayload(Payload):
    deleted_lead_id: strawberry.ID | None = outcome("The id of the deleted lead; null when the mutation was refused.")
    stage: Stage | None = ref(models.Stage, "The stage it was in, with its new totals.")
    lead: Lead | None = ref(models.Lead, "The lead as it is, when the mutation was refused.")
    stages: list[Stage] | None = ref(models.Stage, CHANGED_TOTALS)


@strawberry.input(description="Where to move a lead.")
class MoveLeadInput(ChangeInput):
    lead_id: strawberry.ID = id_of("lead", "The lead to move.")
    stage_id: strawberry.ID = id_of("stage", "The stage to move it to, in its own pipeline or in another.")
    after_lead_id: strawberry.ID | None = optional("The card directly above its new place.", id="lead")
    before_lead_id: strawberry.ID | None = optional(
        "The card directly below its new place. Without either neighbour it is placed on top.", id="lead"
    )
    lost_reason: str | None = optional(
        "Why it was lost: required to enter a LOST stage. With the stage that a lost lead is in, it corrects the "
        "reason, and without a neighbour the card keeps its place. Not allowed otherwise. One of your organisation's "
        "lost reasons; if it has none, your own words, up to 300 characters."
    )
    expected_version: int | None = optional("Refuse with CONFLICT unless the lead is at this version.")


@strawberry.type(description="Result of `moveLead`.")
class MoveLeadPayload(Payload):
    lead: Lead | None = ref(models.Lead, "The lead as it is now.")
    stages: list[Stage] | None = ref(models.Stage, CHANGED_TOTALS)


@strawberry.type(description="The mutations of leads.")
class LeadMutations:
    create_lead: CreateLeadPayload | None = change(
        leads_changes.create_lead,
        CreateLeadInput,
        "Create a lead.",
        role=Role.REP,
        checks=leads_fields.check_fields,
    )
    update_lead: UpdateLeadPayload | None = change(
        leads_changes.update_lead,
        UpdateLeadInput,
        "Update fields of a lead.",
        role=Role.REP,
        checks=leads_fields.check_fields,
    )
    delete_lead: DeleteLeadPayload | None = change(
        delete.delete_lead,
        DeleteLeadInput,
        "Delete a lead with its tasks and activities. Reports on the past still count it.",
        role=Role.MANAGER,
        own_ids=True,
    )
    move_lead: MoveLeadPayload | None = change(
        move.move_lead,
        MoveLeadInput,
        "Move a lead to another stage, or to another place in its column.",
        role=Role.REP,
        checks=each(lost_reason=optional_line),
    )
