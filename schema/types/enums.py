"""The published enums of our own, each value with its description."""

from engine.publish.enums import publish
from engine.read.counts import CountPrecision
from engine.read.paging import Direction
from models.event_types import EventType
from models.rules.entering import LeadField
from models.rules.refusal import Refusal
from models.rules.roles import Role
from models.rules.stage_kind import ForecastCategory, StageKind
from models.tables.pipeline import PipelineType
from models.tables.task import TaskPriority, TaskStatus

publish(
    Direction,
    "Which end of a sorted list comes first. Records without a value come last either way.",
    name="OrderDirection",
    ASC="The smallest, oldest or alphabetically first comes first.",
    DESC="The largest, newest or alphabetically last comes first.",
)

publish(
    CountPrecision,
    "Whether a count is exact.",
    EXACT="The list holds exactly this many items.",
    AT_LEAST="The list holds more items than this: counting ended at the limit.",
)

publish(
    PipelineType,
    "Whether records are leads or opportunities: the type of the pipeline they are in.",
    LEAD="Leads: people or companies who might buy, not yet qualified.",
    OPPORTUNITY="Opportunities: sales that are being pursued.",
)

publish(
    StageKind,
    "Whether deals in a stage are in progress, or how they ended. The name of a stage has no meaning to the API.",
    OPEN="Still in progress.",
    WON="Ended with a sale.",
    LOST="Ended without a sale.",
)

publish(
    ForecastCategory,
    "How firmly a forecast counts on a deal. Each deal has one, so what a forecast adds up it adds once.",
    OMITTED="Not at all.",
    PIPELINE="It may be won.",
    BEST_CASE="It is won if all goes well.",
    COMMIT="It is promised.",
    CLOSED="It is won. Nobody chooses this: the kind of its stage decides.",
)

publish(
    LeadField,
    "The fields of a lead that a stage can require.",
    DESCRIPTION="A description.",
    CONTACT="The person you deal with.",
    CUSTOMER="The company you sell to.",
    OWNER="The member who works on it.",
    VALUE="The value of the sale.",
    EXPECTED_CLOSE_DATE="When the sale is expected.",
    SCORE="How promising it looks.",
    SOURCE="Where it came from.",
)

publish(
    TaskStatus,
    "Whether a task is open, completed or cancelled.",
    OPEN="Open.",
    DONE="Done.",
    CANCELLED="Cancelled: nobody has to do it any more.",
)

publish(
    TaskPriority,
    "The priority of a task.",
    LOW="Can wait.",
    NORMAL="As usual.",
    HIGH="Comes first.",
)

publish(
    Role,
    "What a person may do. Each role may do what the ones before it may.",
    VIEWER="Sees everything, changes nothing.",
    REP="Works on leads and tasks: a sales representative.",
    MANAGER="Also routes leads, assigns them to others and deletes them.",
    ADMIN="Also shapes pipelines, rules and members.",
)

publish(
    Refusal,
    "Why a change was refused. A refused change has changed nothing.",
    name="UserErrorCode",
    NOT_FOUND="There is no such record in your organisation.",
    INVALID="A value is invalid; the message says what to send.",
    WRONG_ID="The id is malformed, or belongs to a record of another type.",
    ARCHIVED="The record is archived. Restore it first, or name another.",
    CONFLICT="The record has changed meanwhile. The payload shows it as it is now: look, and decide again.",
    IDEMPOTENCY_KEY_REUSED="The idempotency key was used before, for a different change.",
    FORBIDDEN="You may not do this to this record.",
    OWNER_INACTIVE="The member is no longer active and cannot be assigned anything.",
    LAST_ADMIN="An organisation needs at least one active admin.",
    PROBABILITY_CONTRADICTS_KIND="A WON stage has a probability of 100, a LOST stage of 0.",
    LAST_OPEN_STAGE="A pipeline needs at least one OPEN stage.",
    STAGE_NOT_EMPTY="The stage still holds leads. Name the stage to move them to, or move them first.",
    STAGE_BEING_DELETED="A run is deleting this stage, so no leads may enter it. Name another stage.",
    PIPELINE_NOT_EMPTY="The pipeline still holds leads. Move or delete them first.",
    POOL_IN_USE="Routing rules still name the pool. Change them first.",
    EXTERNAL_ID_TAKEN="Another lead of the pipeline has this external id.",
    LEAD_CONVERTED="The lead has been converted. Change the opportunity instead.",
    LEAD_CLOSED="The lead is won, lost or disqualified. Reopen it first.",
    LEAD_OPEN="The lead is still open.",
    ALREADY_QUALIFIED="The lead is qualified already.",
    NOT_QUALIFIED="Only a qualified lead can become an opportunity.",
    NO_NEXT_STAGE="There is no stage to move to.",
    NO_PIPELINE="There is no pipeline of the required type. Create one first.",
    REASON_UNKNOWN="Your organisation has a list of reasons, and this is not one of them.",
    REASON_REQUIRED="A reason must be given.",
    FIELDS_REQUIRED="The stage requires fields that are empty; the message names them.",
    DUPLICATE_CUSTOMER="There are similar customers. Choose one, or set `evenIfSimilar`.",
    NOTHING_TO_DO="The change would change nothing.",
    TASK_CLOSED="The task is done or cancelled. Reopen it first.",
    TASK_OPEN="The task is still open.",
    TASK_BLOCKED="Another task must be completed before this one.",
    SUBTASKS_OPEN="The task has subtasks that are still open.",
    SUBTASKS_TOO_DEEP="A subtask cannot have subtasks of its own.",
    DEPENDENCY_CYCLE="Tasks would wait for each other in a circle; the message names it.",
    RUN_ENDED="The run has finished or failed, so it cannot be cancelled.",
    URL_NOT_ALLOWED="Nothing is sent to this URL; the message says why.",
    NO_SECRETS_KEY="The operator of the server has set no key that secrets are sealed with.",
    CURSOR_EXPIRED="Events after this cursor are no longer kept.",
    LEAKS_OUTCOME="A scoring rule tests what is known only once a sale has ended.",
    NO_SCORING_RULES="The pipeline has no published scoring rules.",
)

publish(EventType, "The types of events.", **{type_.name: type_.description for type_ in EventType})
