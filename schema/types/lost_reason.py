"""Lost reasons."""

import strawberry

from engine.publish.fields import column, outcome
from engine.publish.payload import ChangeInput, Payload


@strawberry.type(description="One of the reasons that your organisation offers when a lead is lost.")
class LostReason:
    name: str = column("name", "The reason, in a few words.")


@strawberry.input(description="The reasons that are to be offered when a lead is lost.")
class SetLostReasonsInput(ChangeInput):
    reasons: list[str] = strawberry.field(
        description="All of them, in order: up to 100, of up to 100 characters. With none, any reason may be given."
    )


@strawberry.type(description="What came of setting the lost reasons.")
class SetLostReasonsPayload(Payload):
    lost_reasons: list[LostReason] | None = outcome("The reasons that are offered now, in order.")
