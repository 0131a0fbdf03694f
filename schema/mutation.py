"""The root of every change: what can be done."""

import strawberry

import resolvers.lifecycle
import resolvers.moves
from models.member import Role
from schema.fields import change
from schema.lead_changes import MoveLeadInput, MoveLeadPayload
from schema.lifecycle_changes import (
    DisqualifyLeadInput,
    DisqualifyLeadPayload,
    QualifyLeadInput,
    QualifyLeadPayload,
    ReopenLeadInput,
    ReopenLeadPayload,
)


@strawberry.type(
    description="Everything that can be changed. Each field is one transaction; several run one after the other."
)
class Mutation:
    move_lead: MoveLeadPayload | None = change(
        resolvers.moves.move_lead,
        MoveLeadInput,
        "Move a lead to another stage, or to another place in its stage.",
        role=Role.REP,
    )
    qualify_lead: QualifyLeadPayload | None = change(
        resolvers.lifecycle.qualify_lead,
        QualifyLeadInput,
        "Find a lead worth working on: it moves to the next open stage of its pipeline.",
        role=Role.REP,
    )
    disqualify_lead: DisqualifyLeadPayload | None = change(
        resolvers.lifecycle.disqualify_lead,
        DisqualifyLeadInput,
        "Find a lead not worth working on: it is closed, with a reason.",
        role=Role.REP,
    )
    reopen_lead: ReopenLeadPayload | None = change(
        resolvers.lifecycle.reopen_lead,
        ReopenLeadInput,
        "Go on with a closed lead: it returns to the open stage it was in last.",
        role=Role.REP,
    )
