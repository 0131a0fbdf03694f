"""Organisations: the tenants. Every other record belongs to exactly one."""

from datetime import datetime
from uuid import UUID

from sqlalchemy import CheckConstraint, Index, SmallInteger, func, text
from sqlalchemy.orm import Mapped, mapped_column

from models.tables.base import Base, Tenant, belongs_to_organisation


class Organisation(Base):
    """A tenant. `key` is its name in tokens and the `orgid` header; `id` is derived from the key.

    Its months and days are those of `time_zone`; its fiscal year begins with the month `fiscal_year_start`, 1 to 12.
    Members of a suspended organisation have no access.
    """

    __tablename__ = "organisation"
    __table_args__ = (
        CheckConstraint("char_length(key) BETWEEN 1 AND 200", name="key_length"),
        CheckConstraint("fiscal_year_start BETWEEN 1 AND 12", name="fiscal_year_start"),
        Index("organisation_suspended_idx", "id", postgresql_where=text("suspended_at IS NOT NULL")),
    )

    id: Mapped[UUID] = mapped_column(primary_key=True)
    key: Mapped[str]
    name: Mapped[str]
    currency: Mapped[str] = mapped_column(server_default="USD")
    time_zone: Mapped[str] = mapped_column(server_default="UTC")
    fiscal_year_start: Mapped[int] = mapped_column(SmallInteger, server_default="1")
    created_at: Mapped[datetime] = mapped_column(server_default=func.now())
    suspended_at: Mapped[datetime | None]


class LostReason(Tenant, Base):
    """One of the reasons that an organisation offers when a lead is lost. An archived one is no longer offered."""

    __tablename__ = "lost_reason"
    __table_args__ = (
        belongs_to_organisation(),
        Index("lost_reason_name_key", "org_id", text("lower(name)"), unique=True),
    )

    name: Mapped[str]
    position: Mapped[int]
    archived_at: Mapped[datetime | None]
