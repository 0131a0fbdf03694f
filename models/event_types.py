"""What an event of each type holds in `data`; `event_names` says what can happen.

Each class is the data of one type of event, or of several that hold the same: its `type` lists them, and every other
field is a key of `data`. `EventData` says how fields become keys, `event_keys` gives the keys to what reads them.
"""

from dataclasses import dataclass
from typing import Any, Literal

from models.event_names import EventType as EventType
from models.tables.event import Begun, Changes, EventData


@dataclass(frozen=True)
class Plain(EventData):
    """Nothing further: the records that the event names say it all."""

    type: Literal[
        EventType.LEAD_MOVED,
        EventType.LEAD_QUALIFIED,
        EventType.WEBHOOK_CREATED,
        EventType.WEBHOOK_DELETED,
        EventType.WEBHOOK_TESTED,
    ]


CreatedType = Literal[
    EventType.CONTACT_CREATED, EventType.CUSTOMER_CREATED, EventType.MEMBER_CREATED, EventType.STAGE_ADDED
]


@dataclass(frozen=True)
class Created(Begun):
    """The record."""

    type: CreatedType


@dataclass(frozen=True, kw_only=True)
class LeadCreated(Begun):
    """The lead; of one that is lost from the start, also why."""

    type: Literal[EventType.LEAD_CREATED] = EventType.LEAD_CREATED
    lost_reason: str | None = None


@dataclass(frozen=True, kw_only=True)
class PipelineCreated(Begun):
    """The pipeline, its type, and the stages it is created with, in their order: the id and the fields of each."""

    type: Literal[EventType.PIPELINE_CREATED] = EventType.PIPELINE_CREATED
    type_: str
    stages: list[dict[str, Any]]


@dataclass(frozen=True, kw_only=True)
class PoolCreated(Begun):
    """The pool, and the ids of its members in their order."""

    type: Literal[EventType.POOL_CREATED] = EventType.POOL_CREATED
    member_ids: list[str]


ChangedType = Literal[
    EventType.LEAD_UPDATED,
    EventType.TASK_UPDATED,
    EventType.TASK_COMPLETED,
    EventType.TASK_CANCELLED,
    EventType.TASK_REOPENED,
    EventType.ACTIVITY_UPDATED,
    EventType.PIPELINE_UPDATED,
    EventType.STAGE_UPDATED,
    EventType.CONTACT_UPDATED,
    EventType.CONTACT_ARCHIVED,
    EventType.CONTACT_RESTORED,
    EventType.CUSTOMER_UPDATED,
    EventType.CUSTOMER_ARCHIVED,
    EventType.CUSTOMER_RESTORED,
    EventType.MEMBER_UPDATED,
    EventType.POOL_UPDATED,
    EventType.ORGANISATION_UPDATED,
    EventType.WEBHOOK_UPDATED,
    EventType.RUN_RETRIED,
]


@dataclass(frozen=True)
class Changed(EventData):
    """The fields that changed."""

    type: ChangedType
    changes: Changes


@dataclass(frozen=True, kw_only=True)
class Assigned(EventData):
    """The owner before and after, as ids of members; null for none."""

    type: Literal[EventType.LEAD_ASSIGNED] = EventType.LEAD_ASSIGNED
    from_: str | None
    to: str | None


@dataclass(frozen=True, kw_only=True)
class Routed(Assigned):
    """The same, for a lead that a routing rule assigned: the rule's name, and its pool unless it names a member."""

    rule: str
    pool_id: str | None


@dataclass(frozen=True, kw_only=True)
class EnteredStage(EventData):
    """The lost reason, where it changed with the stage. The stages are columns of the event."""

    type: Literal[EventType.LEAD_STAGE_CHANGED] = EventType.LEAD_STAGE_CHANGED
    changes: Changes | None = None


@dataclass(frozen=True, kw_only=True)
class Disqualified(EventData):
    """Why, and further notes. `changes` only where the lead stays in its stage: else `lead.stage_changed` has them."""

    type: Literal[EventType.LEAD_DISQUALIFIED] = EventType.LEAD_DISQUALIFIED
    reason: str
    notes: str | None
    changes: Changes | None = None


@dataclass(frozen=True, kw_only=True)
class Reopened(EventData):
    """When the lead had been closed, and why. `changes` as in `Disqualified`."""

    type: Literal[EventType.LEAD_REOPENED] = EventType.LEAD_REOPENED
    closed_at: str
    reason: str | None
    changes: Changes | None = None


@dataclass(frozen=True, kw_only=True)
class Converted(EventData):
    """The id of the opportunity; `changes` if the lead got its customer."""

    type: Literal[EventType.LEAD_CONVERTED] = EventType.LEAD_CONVERTED
    opportunity_id: str
    changes: Changes | None = None


@dataclass(frozen=True, kw_only=True)
class Scheduled(Begun):
    """The task; of the next occurrence of one that repeats, also the id of that one."""

    type: Literal[EventType.TASK_SCHEDULED] = EventType.TASK_SCHEDULED
    repeats: str | None = None


@dataclass(frozen=True, kw_only=True)
class Logged(Begun):
    """The activity."""

    type: Literal[EventType.ACTIVITY_LOGGED] = EventType.ACTIVITY_LOGGED


@dataclass(frozen=True, kw_only=True)
class Overdue(EventData):
    """The deadline that passed."""

    type: Literal[EventType.TASK_OVERDUE] = EventType.TASK_OVERDUE
    deadline: str


@dataclass(frozen=True, kw_only=True)
class Rotten(EventData):
    """Since when the lead has been stale, and the days that its stage allows. The stage is a column of the event."""

    type: Literal[EventType.LEAD_ROTTEN] = EventType.LEAD_ROTTEN
    rotten_since: str
    days: int


@dataclass(frozen=True, kw_only=True)
class Reminded(EventData):
    """When the reminder was to come."""

    type: Literal[EventType.TASK_REMINDED] = EventType.TASK_REMINDED
    remind_at: str


@dataclass(frozen=True, kw_only=True)
class Reordered(EventData):
    """The ids of the stages in their order before and after."""

    type: Literal[EventType.STAGES_REORDERED] = EventType.STAGES_REORDERED
    from_: list[str]
    to: list[str]


@dataclass(frozen=True, kw_only=True)
class ForecastSubmitted(EventData):
    """What was said: of which member or pool, for which period, how much, and a note. The actor said it."""

    type: Literal[EventType.FORECAST_SUBMITTED] = EventType.FORECAST_SUBMITTED
    member_id: str | None
    pool_id: str | None
    period: str
    currency: str
    value: str
    note: str | None


@dataclass(frozen=True, kw_only=True)
class ScoresChanged(EventData):
    """The ids of the leads whose scores changed, and the version of the rules."""

    type: Literal[EventType.SCORES_CHANGED] = EventType.SCORES_CHANGED
    lead_ids: list[str]
    version: int


@dataclass(frozen=True, kw_only=True)
class ScoreCrossed(EventData):
    """The names of the bands before and now, null for none; and the scores, null before the first one."""

    type: Literal[EventType.LEAD_SCORE_CROSSED] = EventType.LEAD_SCORE_CROSSED
    from_band: str | None
    band: str | None
    from_: int | None
    to: int


@dataclass(frozen=True, kw_only=True)
class RunEnded(EventData):
    """How the run ended, FINISHED, FAILED or CANCELLED, and why it failed."""

    type: Literal[EventType.RUN_ENDED] = EventType.RUN_ENDED
    state: str
    error: str | None


@dataclass(frozen=True, kw_only=True)
class ImportFinished(EventData):
    """How many lines were imported, were imported before, and were rejected."""

    type: Literal[EventType.IMPORT_FINISHED] = EventType.IMPORT_FINISHED
    imported: int
    unchanged: int
    rejected: int
