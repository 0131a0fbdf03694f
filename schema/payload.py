"""What every change takes and answers: an idempotency key, and what went wrong."""

import strawberry

from models.refusal import Refusal
from schema.fields import outcome

<<<<<<< HEAD
publish(
    Refusal,
    "Why a change was refused. A refused change has changed nothing.",
    name="UserErrorCode",
    NOT_FOUND="There is no such record in your organisation.",
    INVALID="A value cannot be used; the message says which would do.",
    WRONG_ID="The id is not one, or it is the id of a record of another type.",
    CONFLICT="Somebody else was faster. The payload shows the record as it is now: look, and decide again.",
    IDEMPOTENCY_KEY_REUSED="The idempotency key was used before, for a different change.",
    FORBIDDEN="You may not do this to this record.",
    OWNER_INACTIVE="The member no longer works here and can be given nothing.",
    LAST_ADMIN="An organisation needs at least one active admin.",
    PROBABILITY_CONTRADICTS_KIND="A WON stage has a probability of 100, a LOST stage of 0.",
    LAST_OPEN_STAGE="A pipeline needs at least one stage where deals are still being worked on.",
    STAGE_NOT_EMPTY="Leads still stand in the stage. Say where they should go.",
    PIPELINE_NOT_EMPTY="Leads still stand in the pipeline. Move or delete them first.",
    POOL_IN_USE="Routing rules still give leads to the pool. Change them first.",
    EXTERNAL_ID_TAKEN="Another lead of the pipeline has this external id.",
    LEAD_CONVERTED="The lead has become an opportunity: change that instead.",
    LEAD_CLOSED="The lead is won, lost or disqualified. Reopen it first.",
    LEAD_OPEN="The lead is still open.",
    ALREADY_QUALIFIED="The lead is qualified already.",
    NOT_QUALIFIED="Only a qualified lead can become an opportunity.",
    NO_NEXT_STAGE="There is no stage to go to.",
    NO_PIPELINE="There is no pipeline for opportunities.",
    REASON_UNKNOWN="Your organisation has a list of reasons, and this is not one of them.",
    REASON_REQUIRED="A reason must be given.",
    FIELDS_REQUIRED="The stage asks for fields that are empty; the message names them.",
    DUPLICATE_CUSTOMER="There are similar customers: choose one, or say that it is another.",
    NOTHING_TO_DO="The change would change nothing.",
    TASK_CLOSED="The task is done or cancelled. Reopen it first.",
    TASK_OPEN="The task is still open.",
    TASK_BLOCKED="Another task has to be done before this one.",
    SUBTASKS_OPEN="The task has subtasks that are still open.",
    SUBTASKS_TOO_DEEP="A subtask cannot have subtasks of its own.",
    DEPENDENCY_CYCLE="Tasks would wait for each other in a circle; the message names it.",
)

=======
>>>>>>> ebdba61 (Tests of qualifying, closing, reopening, converting and assigning; work that is handed over takes its tasks along, each with its event)

@strawberry.type(description="Why a change was refused, for a program (`code`, `field`) and for a person (`message`).")
class UserError:
    code: Refusal = outcome("The kind of refusal. Programs may decide on it.")
    message: str = outcome("What is wrong and what to do, for a person.")
    field: list[str] | None = outcome("The path of the input field at fault; null when it is no single one.")


@strawberry.interface(description="What a change answers.")
class Payload:
    user_errors: list[UserError] = outcome("Why nothing was changed; empty when the change was made.")


@strawberry.input(description="What every change takes.")
class ChangeInput:
    idempotency_key: str | None = strawberry.field(
        description="A key of your own making, new for each change. Sent again, the first outcome is returned and "
        "nothing is done twice.",
        default=strawberry.UNSET,
    )
