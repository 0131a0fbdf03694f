"""Changes in the life of a lead: their inputs and payloads."""

import strawberry

import models
from schema.fields import id_of, optional, ref
from schema.lead import Lead
from schema.payload import ChangeInput, Payload

EXPECTED_VERSION = "Refuse with CONFLICT unless the lead is at this version."


@strawberry.input(description="Which lead turned out to be worth working on.")
class QualifyLeadInput(ChangeInput):
    lead_id: strawberry.ID = id_of("lead", "The lead to qualify.")
    expected_version: int | None = optional(EXPECTED_VERSION)


@strawberry.type(description="What came of qualifying a lead.")
class QualifyLeadPayload(Payload):
    lead: Lead | None = ref(models.Lead, "The lead, in its next stage.")


@strawberry.input(description="Which lead turned out not to be worth working on, and why.")
class DisqualifyLeadInput(ChangeInput):
    lead_id: strawberry.ID = id_of("lead", "The lead to disqualify.")
    reason: str = strawberry.field(
        description="Why, in a few words: one of your organisation's lost reasons, or your own."
    )
    notes: str | None = optional("Anything else worth remembering about it.")
    expected_version: int | None = optional(EXPECTED_VERSION)


@strawberry.type(description="What came of disqualifying a lead.")
class DisqualifyLeadPayload(Payload):
    lead: Lead | None = ref(models.Lead, "The lead, closed.")


@strawberry.input(description="Which closed lead goes on.")
class ReopenLeadInput(ChangeInput):
    lead_id: strawberry.ID = id_of("lead", "The lead to reopen.")
    expected_version: int | None = optional(EXPECTED_VERSION)


@strawberry.type(description="What came of reopening a lead.")
class ReopenLeadPayload(Payload):
    lead: Lead | None = ref(models.Lead, "The lead, back in the open stage it was in last.")
