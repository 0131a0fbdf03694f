"""What the events of records that are there no longer hold in `data`, as `event_types` has it for all others."""

from dataclasses import dataclass
from typing import Literal

from models.event_names import EventType
from models.tables.event import Ended


@dataclass(frozen=True)
class Deleted(Ended):
    """Nothing but the record."""

    type: Literal[EventType.LEAD_DELETED, EventType.ACTIVITY_DELETED]


@dataclass(frozen=True, kw_only=True)
class TaskDeleted(Ended):
    """The task, and its status."""

    type: Literal[EventType.TASK_DELETED] = EventType.TASK_DELETED
    status: str


MergedType = Literal[EventType.LEAD_MERGED, EventType.CONTACT_MERGED, EventType.CUSTOMER_MERGED]


@dataclass(frozen=True)
class Merged(Ended):
    """The record, and the id of the one it was merged into."""

    type: MergedType
    into: str


@dataclass(frozen=True, kw_only=True)
class PoolDeleted(Ended):
    """The pool, and the ids of its members in their order."""

    type: Literal[EventType.POOL_DELETED] = EventType.POOL_DELETED
    member_ids: list[str]


@dataclass(frozen=True, kw_only=True)
class PipelineDeleted(Ended):
    """The pipeline, and the names of its stages, which were deleted with it, in their order."""

    type: Literal[EventType.PIPELINE_DELETED] = EventType.PIPELINE_DELETED
    stages: list[str]


@dataclass(frozen=True, kw_only=True)
class StageDeleted(Ended):
    """The stage, and how many leads moved to another one."""

    type: Literal[EventType.STAGE_DELETED] = EventType.STAGE_DELETED
    moved_leads: int
