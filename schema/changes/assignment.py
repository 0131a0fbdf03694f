"""Changes of who works on what: their inputs and payloads."""

import strawberry

import models
from engine.publish.fields import change, id_of, optional, outcome, ref
from engine.publish.payload import ChangeInput, Payload
from models.rules.refusal import Refusal
from models.rules.roles import Role
from resolvers.changes.ownership import assign
from schema.types.lead import Lead
from schema.types.member import Member


@strawberry.input(description="Who should work on a lead.")
class AssignLeadInput(ChangeInput):
    lead_id: strawberry.ID = id_of("lead", "The lead to give.")
    member_id: strawberry.ID | None = id_of("member", "The member to give it to; null, not left out, for nobody.")
    expected_version: int | None = optional("Refuse with CONFLICT unless the lead is at this version.")


@strawberry.type(description="Result of `assignLead`.")
class AssignLeadPayload(Payload):
    lead: Lead | None = ref(models.Lead, "The lead with its owner.")


@strawberry.input(description="Who should work on several leads.")
class AssignLeadsInput(ChangeInput):
    lead_ids: list[strawberry.ID] = id_of("lead", "The leads to give, up to 500.")
    member_id: strawberry.ID | None = id_of("member", "The member to give them to; null, not left out, for nobody.")
    all_or_none: bool | None = optional("Give none when one of them cannot be given.")


@strawberry.type(description="What became of one of several leads.")
class AssignmentResult:
    lead_id: strawberry.ID = outcome("The id that was sent.")
    assigned: bool = outcome("Whether the member now has it.")
    code: Refusal | None = outcome("Why not; null when it was given.")
    message: str | None = outcome("Why not, for a person; null when it was given.")


@strawberry.type(description="Result of `assignLeads`.")
class AssignLeadsPayload(Payload):
    results: list[AssignmentResult] | None = outcome("What became of each, in the order of the ids that were sent.")
    leads: list[Lead] | None = ref(models.Lead, "The leads that were given.")


@strawberry.input(description="Whose work goes to whom.")
class ReassignAllInput(ChangeInput):
    from_member_id: strawberry.ID = id_of("member", "The member whose work is to be given away.")
    to_member_id: strawberry.ID | None = optional("The member who gets it; without one, nobody.", id="member")
    to_pool_id: strawberry.ID | None = optional(
        "The pool that shares the leads out, instead of a member, whatever the daily caps. Open tasks on them go with "
        "them; others are then nobody's.",
        id="pool",
    )
    include_closed: bool | None = optional("Also give away what is won, lost or disqualified.")


@strawberry.type(description="Result of `reassignAll`.")
class ReassignAllPayload(Payload):
    task_count: int | None = outcome("How many open tasks were handed over.")
    lead_count: int | None = outcome("How many leads changed hands. Open tasks went with them.")
    from_member: Member | None = ref(models.Member, "The member who had the work.")
    to_member: Member | None = ref(models.Member, "The member who has it now.")


@strawberry.type(description="The mutations of assignment.")
class AssignmentMutations:
    assign_lead: AssignLeadPayload | None = change(
        assign.assign_lead,
        AssignLeadInput,
        "Assign a lead to a member, or to nobody.",
        role=Role.REP,
    )
    assign_leads: AssignLeadsPayload | None = change(
        assign.assign_leads,
        AssignLeadsInput,
        "Assign several leads to one member, or to nobody.",
        role=Role.REP,
    )
    reassign_all: ReassignAllPayload | None = change(
        assign.reassign_all,
        ReassignAllInput,
        "Reassign all work of a member, for example when somebody leaves.",
        role=Role.MANAGER,
    )
