"""The root of every change: what can be done."""

import strawberry

import resolvers.moves
from models.member import Role
from schema.fields import change
from schema.lead_changes import MoveLeadInput, MoveLeadPayload


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
