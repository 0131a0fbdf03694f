"""Ids of records that were merged into others, and what these records were recognised by."""

from datetime import datetime
from uuid import UUID

from sqlalchemy import CheckConstraint, Index, func
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


class FormerKey(Base):
    """What a customer or a contact was recognised or found by that was merged into this one: a name, a domain, an
    e-mail address, an external id or a telephone number, as `models.rules.matching.keys` makes them."""

    __tablename__ = "former_key"
    __table_args__ = (
        belongs_to_organisation(),
        CheckConstraint("kind IN ('NAME', 'DOMAIN', 'EMAIL', 'EXTERNAL_ID', 'PHONE')", name="kind"),
        Index("former_key_record_idx", "org_id", "record_id"),
    )

    org_id: Mapped[UUID] = mapped_column(primary_key=True)
    kind: Mapped[str] = mapped_column(primary_key=True)
    key: Mapped[str] = mapped_column(primary_key=True)
    record_id: Mapped[UUID] = mapped_column(primary_key=True)
