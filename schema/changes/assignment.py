"""Changes of owners and assignees: their inputs and payloads."""

import strawberry

import models
from engine.publish.fields import change, id_of, optional, outcome, ref
from engine.publish.payload import ChangeInput, Payload
from models.rules.refusal import Refusal
from models.rules.roles import Role
from resolvers.changes.ownership import assign, reassign
from schema.types.lead import Lead
from schema.types.member import Member
from schema.types.run import Run


@strawberry.input(description="Which member to assign a lead to.")
class AssignLeadInput(ChangeInput):
    lead_id: strawberry.ID = id_of("lead", "The lead to assign.")
    member_id: strawberry.ID | None = id_of(
        "member", "The member to assign it to. Send null for nobody; it cannot be omitted."
    )
    expected_version: int | None = optional("Refuse with CONFLICT unless the lead is at this version.")


@strawberry.type(description="Result of `assignLead`.")
class AssignLeadPayload(Payload):
    lead: Lead | None = ref(models.Lead, "The lead with its new owner.")


@strawberry.input(description="Which member to assign several leads to.")
class AssignLeadsInput(ChangeInput):
    lead_ids: list[strawberry.ID] = id_of("lead", "The leads to assign, up to 500.")
    member_id: strawberry.ID | None = id_of(
        "member", "The member to assign them to. Send null for nobody; it cannot be omitted."
    )
    all_or_none: bool | None = optional("Assign none of them when one cannot be assigned.")


@strawberry.type(description="The result for one of several leads.")
class AssignmentResult:
    lead_id: strawberry.ID = outcome("The id that was sent.")
    assigned: bool = outcome("Whether the lead was assigned.")
    code: Refusal | None = outcome("Why it was not assigned; null when it was.")
    message: str | None = outcome("Why it was not assigned, for a person; null when it was.")


@strawberry.type(description="Result of `assignLeads`.")
class AssignLeadsPayload(Payload):
    results: list[AssignmentResult] | None = outcome("The result for each lead, in the order of the ids sent.")
    leads: list[Lead] | None = ref(models.Lead, "The leads that were assigned.")


@strawberry.input(description="Whose work to reassign, and to whom.")
class ReassignAllInput(ChangeInput):
    from_member_id: strawberry.ID = id_of("member", "The member whose work to reassign.")
    to_member_id: strawberry.ID | None = optional("The member to assign it to; without one, nobody.", id="member")
    to_pool_id: strawberry.ID | None = optional(
        (
            "The pool that distributes the leads, instead of a member. Daily caps do not apply. Open tasks follow "
            "their leads; other tasks are then unassigned."
        ),
        id="pool",
    )
    include_closed: bool | None = optional("Also reassign leads that are won, lost or disqualified.")


@strawberry.type(description="Result of `reassignAll`.")
class ReassignAllPayload(Payload):
    task_count: int | None = outcome("How many open tasks were reassigned; null when a run reassigns them.")
    lead_count: int | None = outcome("How many leads were reassigned; null when a run reassigns them.")
    run: Run | None = ref(models.Run, "The run that reassigns the work, if it is more than 500 leads and tasks.")
    from_member: Member | None = ref(models.Member, "The member who had the work.")
    to_member: Member | None = ref(models.Member, "The member who has the work now.")


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
        reassign.reassign_all,
        ReassignAllInput,
        "Reassign all work of a member, for example when a member leaves.",
        role=Role.MANAGER,
    )
