"""Contacts (the people you deal with) and customers (the companies they work for).

`words` holds what a search finds each of them by, as `models.rules.search` has it; null until that is filled in.
`sort_key` is that of the name.
"""

from datetime import datetime
from uuid import UUID

from sqlalchemy import Index, text
from sqlalchemy.dialects.postgresql import TSVECTOR
from sqlalchemy.orm import Mapped, mapped_column

from models.tables.base import Base, Stamped, Tenant, belongs_to_organisation, refers, searched, sorted_by


class Customer(Tenant, Stamped, Base):
    """A company you sell to; salespeople also say account."""

    __tablename__ = "customer"
    __table_args__ = (
        belongs_to_organisation(),
        Index("customer_sort_key_idx", "org_id", "sort_key", "id"),
        Index("customer_updated_idx", "org_id", "updated_at", "id"),
        Index(
            "customer_external_id_key",
            "org_id",
            "external_id",
            unique=True,
            postgresql_where=text("external_id IS NOT NULL"),
        ),
        searched("customer"),
    )

    name: Mapped[str]
    sort_key: Mapped[str] = sorted_by()
    website: Mapped[str | None]
    industry: Mapped[str | None]
    phone: Mapped[str | None]
    address: Mapped[str | None]
    notes: Mapped[str | None]
    external_id: Mapped[str | None]
    archived_at: Mapped[datetime | None]
    words: Mapped[str | None] = mapped_column(TSVECTOR)


class Contact(Tenant, Stamped, Base):
    """A person you deal with."""

    __tablename__ = "contact"
    __table_args__ = (
        belongs_to_organisation(),
        refers("customer", "customer_id"),
        Index("contact_sort_key_idx", "org_id", "sort_key", "id"),
        Index("contact_updated_idx", "org_id", "updated_at", "id"),
        Index("contact_customer_idx", "org_id", "customer_id", "id"),
        Index("contact_email_idx", "org_id", text("lower(email)")),
        searched("contact"),
    )

    name: Mapped[str]
    sort_key: Mapped[str] = sorted_by()
    email: Mapped[str | None]
    phone: Mapped[str | None]
    job_title: Mapped[str | None]
    address: Mapped[str | None]
    notes: Mapped[str | None]
    customer_id: Mapped[UUID | None]
    archived_at: Mapped[datetime | None]
    words: Mapped[str | None] = mapped_column(TSVECTOR)
