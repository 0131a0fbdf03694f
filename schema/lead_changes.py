"""Changes of leads: their inputs and payloads."""

import strawberry

import models
from schema.fields import id_of, optional, ref
from schema.lead import Lead
from schema.payload import ChangeInput, Payload


@strawberry.input(description="Where a lead should go.")
class MoveLeadInput(ChangeInput):
    lead_id: strawberry.ID = id_of("lead", "The lead to move.")
    stage_id: strawberry.ID = id_of("stage", "The stage to move it to, in its own pipeline or in another.")
    after_lead_id: strawberry.ID | None = optional("The card to drop it right below.", id="lead")
    before_lead_id: strawberry.ID | None = optional(
        "The card to drop it right above. With neither neighbour it goes on top.", id="lead"
    )
    expected_version: int | None = optional("Refuse with CONFLICT unless the lead is at this version.")


@strawberry.type(description="What came of moving a lead.")
class MoveLeadPayload(Payload):
    lead: Lead | None = ref(models.Lead, "The lead as it is now.")
