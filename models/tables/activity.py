"""Activities: what people logged on a lead: calls, e-mails, meetings, notes."""

from datetime import datetime
from enum import StrEnum
from uuid import UUID

from sqlalchemy import ARRAY, CheckConstraint, Index, Text, text
from sqlalchemy.orm import Mapped, mapped_column

from models.tables.base import Base, Stamped, Tenant, belongs_to_organisation, refers


class ActivityType(StrEnum):
    """The kind of an activity."""

    CALL = "CALL"
    EMAIL = "EMAIL"
    MEETING = "MEETING"
    NOTE = "NOTE"


class Activity(Tenant, Stamped, Base):
    """Something a person did about a lead. `duration` is in seconds; `participants` are names or addresses."""

    __tablename__ = "activity"
    __table_args__ = (
        belongs_to_organisation(),
        refers("lead", "lead_id", ondelete="CASCADE"),
        refers("contact", "contact_id"),
        refers("member", "author_id"),
        CheckConstraint("type IN ('CALL', 'EMAIL', 'MEETING', 'NOTE')", name="type"),
        CheckConstraint("duration >= 0", name="duration"),
        Index("activity_lead_idx", "org_id", "lead_id", "occurred_at", "id"),
        Index("activity_contact_idx", "org_id", "contact_id", postgresql_where=text("contact_id IS NOT NULL")),
        Index("activity_occurred_idx", "org_id", "occurred_at", "id"),
        Index("activity_author_idx", "org_id", "author_id", "occurred_at", "id"),
    )

    lead_id: Mapped[UUID]
    contact_id: Mapped[UUID | None]
    author_id: Mapped[UUID | None]
    type: Mapped[str]
    subject: Mapped[str]
    body: Mapped[str | None]
    outcome: Mapped[str | None]
    occurred_at: Mapped[datetime]
    duration: Mapped[int | None]
    participants: Mapped[list[str]] = mapped_column(ARRAY(Text), server_default="{}")
