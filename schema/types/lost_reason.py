"""Lost reasons."""

import strawberry

from engine.publish.fields import change, column, outcome
from engine.publish.payload import ChangeInput, Payload
from models.rules.roles import Role
from resolvers.changes.leads import lost_reasons


@strawberry.type(description="One of the reasons that your organisation offers when a lead is lost.")
class LostReason:
    name: str = column("name", "The reason, in a few words.")


@strawberry.input(description="The reasons to offer when a lead is lost.")
class SetLostReasonsInput(ChangeInput):
    reasons: list[str] = strawberry.field(
        description="All of them, in order: up to 100, of up to 100 characters. With none, any reason may be given."
    )


@strawberry.type(description="Result of `setLostReasons`.")
class SetLostReasonsPayload(Payload):
    lost_reasons: list[LostReason] | None = outcome("The reasons that are offered now, in order.")


@strawberry.type(description="The mutations of lost reason.")
class LostReasonMutations:
    set_lost_reasons: SetLostReasonsPayload | None = change(
        lost_reasons.set_lost_reasons,
        SetLostReasonsInput,
        "Set the reasons that are offered when a lead is lost.",
        role=Role.ADMIN,
        checks=lost_reasons.tidy_reasons,
    )
