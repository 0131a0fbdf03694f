"""What every mutation takes and returns: an idempotency key, and user errors."""

import strawberry

from engine.publish.fields import outcome
from models.rules.refusal import Refusal


@strawberry.type(description="Why a change was refused, for a program (`code`, `field`) and for a person (`message`).")
class UserError:
    code: Refusal = outcome("The kind of refusal, for programs to branch on.")
    message: str = outcome("What is wrong and what to do, for a person.")
    field: list[str] | None = outcome("The path of the input field at fault; null when no single field is.")


@strawberry.interface(description="The result of a mutation.")
class Payload:
    user_errors: list[UserError] = outcome("What is wrong, all at once; empty when the mutation succeeded.")
    cursor: str | None = outcome(
        "The place of this change's last event in the log: subscribe `after` it to get what happens next. Null when "
        "nothing changed."
    )
    change_id: strawberry.ID | None = outcome(
        "The `changeId` of each event of this change, to distinguish your own changes from those of others. Null when "
        "nothing changed."
    )


@strawberry.input(description="Fields that every mutation takes.")
class ChangeInput:
    idempotency_key: str | None = strawberry.field(
        description="A key that you generate, new for each change: 1 to 200 characters. If you send it "
        "again, the first result is returned and nothing is done twice. Keys are kept for three days, unless the "
        "server is configured otherwise; those of dry runs are not kept.",
        default=strawberry.UNSET,
    )
