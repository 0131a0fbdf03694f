"""Ids of records that were merged into others."""

from datetime import datetime
from uuid import UUID

from sqlalchemy import Index, func
from sqlalchemy.orm import Mapped, mapped_column

from models.tables.base import Base, belongs_to_organisation


class MergedRecord(Base):
    """A record that was merged into another. Its id is kept, and refers to the other record."""

    __tablename__ = "merged_record"
    __table_args__ = (belongs_to_organisation(), Index("merged_record_into_idx", "org_id", "into_id"))

    org_id: Mapped[UUID] = mapped_column(primary_key=True)
    id: Mapped[UUID] = mapped_column(primary_key=True)
    into_id: Mapped[UUID]
    merged_at: Mapped[datetime] = mapped_column(server_default=func.now())
