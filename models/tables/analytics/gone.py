"""Leads that were deleted, or merged into others: what reports on the past count of them."""

from datetime import datetime
from uuid import UUID

from sqlalchemy import Index
from sqlalchemy.orm import Mapped, mapped_column

from models.tables.base import Base, belongs_to_organisation


class GoneLead(Base):
    """What a lead was when it was deleted, or merged into another one, at `gone_at`. It names records without foreign
    keys, because it outlives them."""

    __tablename__ = "gone_lead"
    __table_args__ = (belongs_to_organisation(), Index("gone_lead_created_idx", "org_id", "created_at", "lead_id"))
    identity = "lead_id"

    org_id: Mapped[UUID] = mapped_column(primary_key=True)
    lead_id: Mapped[UUID] = mapped_column(primary_key=True)
    created_at: Mapped[datetime]
    gone_at: Mapped[datetime]
    pipeline_id: Mapped[UUID]
    stage_id: Mapped[UUID]
    owner_id: Mapped[UUID | None]
    source: Mapped[str | None]
    closed_at: Mapped[datetime | None]
