"""Contacts (people one sells to) and customers (the companies, or accounts, they belong to)."""

from datetime import datetime
from uuid import UUID

from sqlalchemy import Index, func, text
from sqlalchemy.orm import Mapped, mapped_column

from models.tables.base import Base, Stamped, Tenant, belongs_to_organisation, refers


class Customer(Tenant, Stamped, Base):
    """A company one sells to; sales people also say account."""

    __tablename__ = "customer"
    __table_args__ = (
        belongs_to_organisation(),
        Index("customer_name_idx", "org_id", text("lower(name)"), "id"),
        Index("customer_updated_idx", "org_id", "updated_at", "id"),
        Index(
            "customer_external_id_key",
            "org_id",
            "external_id",
            unique=True,
            postgresql_where=text("external_id IS NOT NULL"),
        ),
    )

    name: Mapped[str]
    website: Mapped[str | None]
    industry: Mapped[str | None]
    phone: Mapped[str | None]
    address: Mapped[str | None]
    notes: Mapped[str | None]
    external_id: Mapped[str | None]
    archived_at: Mapped[datetime | None]


class Contact(Tenant, Stamped, Base):
    """A person one talks to about a deal."""

    __tablename__ = "contact"
    __table_args__ = (
        belongs_to_organisation(),
        refers("customer", "customer_id"),
        Index("contact_name_idx", "org_id", text("lower(name)"), "id"),
        Index("contact_updated_idx", "org_id", "updated_at", "id"),
        Index("contact_customer_idx", "org_id", "customer_id", "id"),
        Index("contact_email_idx", "org_id", text("lower(email)")),
    )

    name: Mapped[str]
    email: Mapped[str | None]
    phone: Mapped[str | None]
    job_title: Mapped[str | None]
    address: Mapped[str | None]
    notes: Mapped[str | None]
    customer_id: Mapped[UUID | None]
    archived_at: Mapped[datetime | None]


class MergedRecord(Base):
    """A lead, contact or customer that was joined into another: what is left of it is its id, which stands for that."""

    __tablename__ = "merged_record"
    __table_args__ = (belongs_to_organisation(), Index("merged_record_into_idx", "org_id", "into_id"))

    org_id: Mapped[UUID] = mapped_column(primary_key=True)
    id: Mapped[UUID] = mapped_column(primary_key=True)
    into_id: Mapped[UUID]
    merged_at: Mapped[datetime] = mapped_column(server_default=func.now())
