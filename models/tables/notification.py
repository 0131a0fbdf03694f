"""Notifications: what a member is to know of, made from the event log; what each member wants to know, and when mail
about it comes; and feeds of calendars."""

from collections.abc import Mapping
from datetime import datetime
from enum import StrEnum
from uuid import UUID

from sqlalchemy import ARRAY, BigInteger, CheckConstraint, Index, Text, func, text
from sqlalchemy.orm import Mapped, mapped_column

from models.tables.base import Base, Tenant, belongs_to_organisation, refers

NOTIFIER = "notifications"
"""The name of the consumer that makes notifications."""


class NotificationReason(StrEnum):
    """Why a member is notified."""

    ASSIGNED = "ASSIGNED"
    MENTIONED = "MENTIONED"
    STAGE_CHANGED_OF_YOURS = "STAGE_CHANGED_OF_YOURS"
    TASK_OVERDUE = "TASK_OVERDUE"
    REMINDER = "REMINDER"


class MailChannel(StrEnum):
    """When a member gets mail about notifications of a reason."""

    IMMEDIATE = "IMMEDIATE"
    DIGEST = "DIGEST"
    OFF = "OFF"


class Weekday(StrEnum):
    """A day of the week."""

    MONDAY = "MONDAY"
    TUESDAY = "TUESDAY"
    WEDNESDAY = "WEDNESDAY"
    THURSDAY = "THURSDAY"
    FRIDAY = "FRIDAY"
    SATURDAY = "SATURDAY"
    SUNDAY = "SUNDAY"


MAILED_BY_DEFAULT: Mapping[NotificationReason, MailChannel] = {
    NotificationReason.ASSIGNED: MailChannel.IMMEDIATE,
    NotificationReason.MENTIONED: MailChannel.IMMEDIATE,
    NotificationReason.STAGE_CHANGED_OF_YOURS: MailChannel.DIGEST,
    NotificationReason.TASK_OVERDUE: MailChannel.DIGEST,
    NotificationReason.REMINDER: MailChannel.IMMEDIATE,
}
"""When a member who has chosen nothing gets mail about notifications of a reason."""

REASONS = ", ".join(f"'{reason}'" for reason in NotificationReason)
CHANNELS = ", ".join(f"'{channel}'" for channel in MailChannel)


class Notification(Tenant, Base):
    """A notification of a member, of one event or of several that were joined: `count`.

    `number` is that of the last of the events, `happened_at` when the first one happened. Of several records it names
    none. It names records without foreign keys, because it outlives them. `mailed` is the number that it had when a
    mail named it last: what was joined since is new for the next mail.
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
    mailed: Mapped[int] = mapped_column(BigInteger, server_default="0")


class NotificationSetting(Base):
    """Whether a member wants notifications of a reason, and when mail about them; without a row, or a null, it is as
    by default."""

    __tablename__ = "notification_setting"
    __table_args__ = (
        belongs_to_organisation(),
        refers("member", "member_id"),
        CheckConstraint(f"reason IN ({REASONS})", name="reason"),
        CheckConstraint(f"mail IN ({CHANNELS})", name="mail"),
    )

    org_id: Mapped[UUID] = mapped_column(primary_key=True)
    member_id: Mapped[UUID] = mapped_column(primary_key=True)
    reason: Mapped[str] = mapped_column(primary_key=True)
    in_app: Mapped[bool] = mapped_column(server_default="true")
    mail: Mapped[str | None]


class MutedRecord(Base):
    """A lead or task of which a member wants no notifications."""

    __tablename__ = "muted_record"
    __table_args__ = (belongs_to_organisation(), refers("member", "member_id"))

    org_id: Mapped[UUID] = mapped_column(primary_key=True)
    member_id: Mapped[UUID] = mapped_column(primary_key=True)
    record_id: Mapped[UUID] = mapped_column(primary_key=True)


class MailSetting(Base):
    """When a member gets digests, and when none of the immediate mails, in the member's time zone; times are `HH:MM`.
    Without a row, the defaults are `DEFAULTS` in `models/rules/clock/mail_times.py`."""

    __tablename__ = "mail_setting"
    __table_args__ = (
        belongs_to_organisation(),
        refers("member", "member_id"),
        CheckConstraint("(quiet_from IS NULL) = (quiet_until IS NULL)", name="quiet"),
    )

    org_id: Mapped[UUID] = mapped_column(primary_key=True)
    member_id: Mapped[UUID] = mapped_column(primary_key=True)
    digest_times: Mapped[list[str]] = mapped_column(ARRAY(Text()))
    digest_weekdays: Mapped[list[str]] = mapped_column(ARRAY(Text()))
    quiet_from: Mapped[str | None]
    quiet_until: Mapped[str | None]
    all_day_reminder_at: Mapped[str]


class MailDue(Base):
    """When the next mail of a member is due, immediate or digest; no `due_at` when there is nothing new.

    `number` is that of the newest notification it is due for. The process that has it, by its `claim`, sends; nobody
    else takes it before `free_at`, which is the end of a lease, or of a pause after a failure.
    """

    __tablename__ = "mail_due"
    __table_args__ = (
        belongs_to_organisation(),
        refers("member", "member_id"),
        CheckConstraint("channel IN ('IMMEDIATE', 'DIGEST')", name="channel"),
        Index("mail_due_idx", "due_at", "org_id", postgresql_where=text("due_at IS NOT NULL")),
        Index("mail_due_org_idx", "org_id", "due_at", postgresql_where=text("due_at IS NOT NULL")),
        {"postgresql_with": {"fillfactor": "70"}},
    )

    org_id: Mapped[UUID] = mapped_column(primary_key=True)
    member_id: Mapped[UUID] = mapped_column(primary_key=True)
    channel: Mapped[str] = mapped_column(primary_key=True)
    number: Mapped[int] = mapped_column(BigInteger)
    due_at: Mapped[datetime | None]
    claim: Mapped[UUID | None]
    free_at: Mapped[datetime | None]
    failures: Mapped[int] = mapped_column(server_default="0")


class CalendarFeed(Base):
    """A member's calendar feed: the address at which calendar programs read the member's tasks. Only a hash of its
    secret is kept."""

    __tablename__ = "calendar_feed"
    __table_args__ = (belongs_to_organisation(), refers("member", "member_id"))

    org_id: Mapped[UUID] = mapped_column(primary_key=True)
    member_id: Mapped[UUID] = mapped_column(primary_key=True)
    secret_hash: Mapped[str]
    created_at: Mapped[datetime] = mapped_column(server_default=func.now())
