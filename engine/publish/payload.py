"""What every change takes and answers: an idempotency key, and what went wrong."""

import strawberry

from engine.publish.fields import outcome
from models.rules.refusal import Refusal


@strawberry.type(description="Why a change was refused, for a program (`code`, `field`) and for a person (`message`).")
class UserError:
    code: Refusal = outcome("The kind of refusal, for programs to branch on.")
    message: str = outcome("What is wrong and what to do, for a person.")
    field: list[str] | None = outcome("The path of the input field at fault; null when it is no single one.")


@strawberry.interface(description="The result of a mutation.")
class Payload:
    user_errors: list[UserError] = outcome("Why nothing was changed; empty when the mutation succeeded.")


@strawberry.input(description="Fields that every mutation takes.")
class ChangeInput:
    idempotency_key: str | None = strawberry.field(
        description="A key of your own making, new for each change: 1 to 200 characters. Sent again, the first "
        "outcome is returned and nothing is done twice. Keys are remembered for three days, unless the server is set "
        "otherwise; those of dry runs are not.",
        default=strawberry.UNSET,
    )
