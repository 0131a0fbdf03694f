"""The event log of each organisation, the counter that numbers it, and stored results of changes."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Any, Self
from uuid import UUID

from sqlalchemy import BigInteger, Index, func, text
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.orm import Mapped, mapped_column

from models.tables.base import Base, belongs_to_organisation, new_id


class EventType(StrEnum):
    """The types of events: the record's noun and what happened to it, with the published description."""

    description: str

    def __new__(cls, value: str, description: str = "") -> Self:
        """A member equals its value, and has its description."""
        member = str.__new__(cls, value)
        member._value_ = value
        member.description = description
        return member

    LEAD_CREATED = "lead.created", "A lead was created."
    LEAD_UPDATED = "lead.updated", "Fields of a lead changed: see `changes`."
    LEAD_ASSIGNED = "lead.assigned", "A lead got another owner, or none."
    LEAD_STAGE_CHANGED = "lead.stage_changed", "A lead entered another stage."
    LEAD_MOVED = "lead.moved", "A card changed its place within its column."
    LEAD_QUALIFIED = "lead.qualified", "A lead was qualified: found worth pursuing. It also enters its next stage."
    LEAD_DISQUALIFIED = "lead.disqualified", "A lead was disqualified: closed as not worth pursuing."
    LEAD_REOPENED = "lead.reopened", "A closed lead was reopened."
    LEAD_CONVERTED = "lead.converted", "A lead was converted into an opportunity."
    LEAD_MERGED = "lead.merged", "A lead was merged into another lead, because both were the same."
    LEAD_DELETED = "lead.deleted", "A lead was deleted."
    TASK_SCHEDULED = "task.scheduled", "A task was created."
    TASK_UPDATED = "task.updated", "Fields of a task changed: see `changes`."
    TASK_COMPLETED = "task.completed", "A task was completed."
    TASK_CANCELLED = "task.cancelled", "A task was cancelled."
    TASK_REOPENED = "task.reopened", "A completed or cancelled task was reopened."
    TASK_OVERDUE = (
        "task.overdue",
        "A task passed its deadline while still open. Recorded once for each deadline, soon after it passes.",
    )
    TASK_DELETED = "task.deleted", "A task was deleted."
    ACTIVITY_LOGGED = "activity.logged", "Somebody logged a call, an e-mail, a meeting or a note."
    ACTIVITY_UPDATED = "activity.updated", "A logged activity was corrected: see `changes`."
    ACTIVITY_DELETED = "activity.deleted", "A logged activity was deleted."
    PIPELINE_CREATED = "pipeline.created", "A pipeline was created."
    PIPELINE_UPDATED = "pipeline.updated", "A pipeline, or its routing rules, changed."
    PIPELINE_DELETED = "pipeline.deleted", "A pipeline was deleted."
    STAGE_ADDED = "stage.added", "A stage was added to a pipeline."
    STAGE_UPDATED = "stage.updated", "A stage changed."
    STAGE_DELETED = "stage.deleted", "A stage was deleted."
    STAGES_REORDERED = "stages.reordered", "The stages of a pipeline were reordered."
    CONTACT_CREATED = "contact.created", "A contact was created."
    CONTACT_UPDATED = "contact.updated", "A contact changed."
    CONTACT_ARCHIVED = "contact.archived", "A contact was archived."
    CONTACT_RESTORED = "contact.restored", "An archived contact was restored."
    CONTACT_MERGED = "contact.merged", "A contact was merged into another contact, because both were the same."
    CUSTOMER_CREATED = "customer.created", "A customer was created."
    CUSTOMER_UPDATED = "customer.updated", "A customer changed."
    CUSTOMER_ARCHIVED = "customer.archived", "A customer was archived."
    CUSTOMER_RESTORED = "customer.restored", "An archived customer was restored."
    CUSTOMER_MERGED = "customer.merged", "A customer was merged into another customer, because both were the same."
    MEMBER_UPDATED = "member.updated", "A member changed, was activated or was deactivated."
    POOL_CREATED = "pool.created", "A pool of members who share incoming leads was created."
    POOL_UPDATED = "pool.updated", "A pool changed."
    POOL_DELETED = "pool.deleted", "A pool was deleted."
    ORGANISATION_UPDATED = "organisation.updated", "Settings of your organisation changed."


class EventLog(Base):
    """The bounds of an organisation's event log: the number of its last event, and of the oldest one to resume from.

    From `tail` on no number is missing; before it, some events were deleted. The row is updated, last, in the
    transaction that writes the events, so numbers have no gaps and their order is commit order. An identity column
    would give neither.
    """

    __tablename__ = "event_log"
    __table_args__ = (belongs_to_organisation(), {"postgresql_with": {"fillfactor": "50"}})

    org_id: Mapped[UUID] = mapped_column(primary_key=True)
    head: Mapped[int] = mapped_column(BigInteger, server_default="0")
    tail: Mapped[int] = mapped_column(BigInteger, server_default="1")


class Event(Base):
    """An event, for subscriptions, webhooks, automations and the activity log. Never changed.

    It names records without foreign keys, because it outlives them. `record_id` is the record that the type is about,
    `mutation` the change that caused it; `data` holds what is specific to the type.
    """

    __tablename__ = "event"
    __table_args__ = (
        belongs_to_organisation(),
        Index("event_lead_idx", "org_id", "lead_id", "number"),
        Index("event_actor_idx", "org_id", "actor_id", "number"),
        Index("event_type_idx", "org_id", "type", "number"),
        Index("event_record_idx", "org_id", "record_id", "number", postgresql_where=text("record_id IS NOT NULL")),
    )

    org_id: Mapped[UUID] = mapped_column(primary_key=True)
    number: Mapped[int] = mapped_column(BigInteger, primary_key=True)
    id: Mapped[UUID]
    type: Mapped[str]
    occurred_at: Mapped[datetime]
    actor_id: Mapped[UUID | None]
    lead_id: Mapped[UUID | None]
    owner_id: Mapped[UUID | None]
    pipeline_id: Mapped[UUID | None]
    stage_id: Mapped[UUID | None]
    from_pipeline_id: Mapped[UUID | None]
    from_stage_id: Mapped[UUID | None]
    record_id: Mapped[UUID | None]
    mutation: Mapped[str | None]
    data: Mapped[dict[str, Any]] = mapped_column(JSONB, server_default="{}")


class Outcome(Base):
    """The stored result of a change that was sent with an idempotency key, for one caller."""

    __tablename__ = "outcome"
    __table_args__ = (belongs_to_organisation(), Index("outcome_created_idx", "org_id", "created_at"))

    org_id: Mapped[UUID] = mapped_column(primary_key=True)
    subject: Mapped[str] = mapped_column(primary_key=True)
    key: Mapped[str] = mapped_column(primary_key=True)
    fingerprint: Mapped[str]
    result: Mapped[dict[str, Any]] = mapped_column(JSONB)
    created_at: Mapped[datetime] = mapped_column(server_default=func.now())


@dataclass(frozen=True)
class NewEvent:
    """An event before it has its number. `record_id` names its record when none of the other ids does."""

    type: EventType
    lead_id: UUID | None = None
    owner_id: UUID | None = None
    pipeline_id: UUID | None = None
    stage_id: UUID | None = None
    from_pipeline_id: UUID | None = None
    from_stage_id: UUID | None = None
    record_id: UUID | None = None
    data: Mapping[str, Any] = field(default_factory=dict)
    id: UUID = field(default_factory=new_id)

    @classmethod
    def of_lead(cls, type_: EventType, lead: Mapping[str, Any], record_id: UUID | None = None, **data: Any) -> Self:
        """An event of a lead, with its stage and owner; or of a record that belongs to the lead."""
        return cls(
            type_,
            lead_id=lead["id"],
            owner_id=lead["owner_id"],
            pipeline_id=lead["pipeline_id"],
            stage_id=lead["stage_id"],
            record_id=record_id,
            data=data,
        )
