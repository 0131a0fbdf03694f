"""Contacts (the people you deal with) and customers (the companies they work for).

`words` holds what a search finds each of them by, as `models.rules.search` has it; null until that is filled in.
`sort_key` is that of the name. `name_key`, `domain_key` and `email_key` are what each is recognised by, as
`models.rules.matching` has it: `name_key` is empty, and `email_key` null beside an address, until that is filled in.
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
        Index("customer_name_key_idx", "org_id", "name_key"),
        Index("customer_domain_key_idx", "org_id", "domain_key"),
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
    name_key: Mapped[str] = mapped_column(server_default="")
    website: Mapped[str | None]
    domain_key: Mapped[str | None]
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
        Index("contact_email_key_idx", "org_id", "email_key"),
        Index("contact_domain_key_idx", "org_id", "domain_key"),
        searched("contact"),
    )

    name: Mapped[str]
    sort_key: Mapped[str] = sorted_by()
    email: Mapped[str | None]
    email_key: Mapped[str | None]
    domain_key: Mapped[str | None]
    phone: Mapped[str | None]
    job_title: Mapped[str | None]
    address: Mapped[str | None]
    notes: Mapped[str | None]
    customer_id: Mapped[UUID | None]
    archived_at: Mapped[datetime | None]
    words: Mapped[str | None] = mapped_column(TSVECTOR)
