"""Notifications: what a member is to know of, made from the event log; and what each member wants to know."""

from datetime import datetime
from enum import StrEnum
from uuid import UUID

from sqlalchemy import BigInteger, CheckConstraint, Index, text
from sqlalchemy.orm import Mapped, mapped_column

from models.tables.base import Base, Tenant, belongs_to_organisation, refers

NOTIFIER = "notifications"
"""The name of the consumer that makes notifications."""


class NotificationReason(StrEnum):
    """Why a member is notified."""

    ASSIGNED = "ASSIGNED"
    STAGE_CHANGED_OF_YOURS = "STAGE_CHANGED_OF_YOURS"
    TASK_OVERDUE = "TASK_OVERDUE"
    REMINDER = "REMINDER"


REASONS = ", ".join(f"'{reason}'" for reason in NotificationReason)


class Notification(Tenant, Base):
    """A notification of a member, of one event or of several that were joined: `count`.

    `number` is that of the last of the events, `happened_at` when the first one happened. Of several records it names
    none. It names records without foreign keys, because it outlives them.
    """

    __tablename__ = "notification"
    __table_args__ = (
        belongs_to_organisation(),
        refers("member", "member_id"),
        CheckConstraint(f"reason IN ({REASONS})", name="reason"),
        Index("notification_member_idx", "org_id", "member_id", "number", "id"),
        Index(
            "notification_unread_idx", "org_id", "member_id", "number", "id", postgresql_where=text("read_at IS NULL")
        ),
        Index("notification_number_idx", "org_id", "number"),
    )

    member_id: Mapped[UUID]
    number: Mapped[int] = mapped_column(BigInteger)
    reason: Mapped[str]
    lead_id: Mapped[UUID | None]
    task_id: Mapped[UUID | None]
    actor_id: Mapped[UUID | None]
    count: Mapped[int]
    happened_at: Mapped[datetime]
    updated_at: Mapped[datetime]
    read_at: Mapped[datetime | None]


class NotificationSetting(Base):
    """Whether a member wants notifications of a reason; without a row, they do."""

    __tablename__ = "notification_setting"
    __table_args__ = (
        belongs_to_organisation(),
        refers("member", "member_id"),
        CheckConstraint(f"reason IN ({REASONS})", name="reason"),
    )

    org_id: Mapped[UUID] = mapped_column(primary_key=True)
    member_id: Mapped[UUID] = mapped_column(primary_key=True)
    reason: Mapped[str] = mapped_column(primary_key=True)
    in_app: Mapped[bool]


class MutedRecord(Base):
    """A lead or task of which a member wants no notifications."""

    __tablename__ = "muted_record"
    __table_args__ = (belongs_to_organisation(), refers("member", "member_id"))

    org_id: Mapped[UUID] = mapped_column(primary_key=True)
    member_id: Mapped[UUID] = mapped_column(primary_key=True)
    record_id: Mapped[UUID] = mapped_column(primary_key=True)
