"""Members: the people of an organisation, who own leads and do tasks."""

from sqlalchemy import CheckConstraint, Index, UniqueConstraint, text
from sqlalchemy.orm import Mapped, mapped_column

from models.tables.base import Base, Stamped, Tenant, belongs_to_organisation, sorted_by

IMPORTED = "imported:"
"""How the subject of a member begins who was imported and has not signed in yet."""


class Member(Tenant, Stamped, Base):
    """A person of an organisation. `subject` is the `sub` claim of that person's tokens; of somebody who was imported,
    and has not signed in, it begins with `IMPORTED`. `sort_key` is that of the name.

    `capacity` is the share of a weighted pool's leads that this member gets, `daily_cap` the most in a day by routing.
    """

    __tablename__ = "member"
    __table_args__ = (
        belongs_to_organisation(),
        UniqueConstraint("org_id", "subject"),
        CheckConstraint("role IN ('VIEWER', 'REP', 'MANAGER', 'ADMIN')", name="role"),
        CheckConstraint("capacity >= 0 AND daily_cap >= 0", name="capacity"),
        Index("member_sort_key_idx", "org_id", "sort_key", "id"),
        Index("member_inactive_idx", "org_id", "subject", postgresql_where=text("NOT active")),
    )

    subject: Mapped[str]
    name: Mapped[str]
    sort_key: Mapped[str] = sorted_by()
    email: Mapped[str | None]
    role: Mapped[str] = mapped_column(server_default="REP")
    active: Mapped[bool] = mapped_column(server_default="true")
    time_zone: Mapped[str] = mapped_column(server_default="UTC")
    capacity: Mapped[int] = mapped_column(server_default="1")
    daily_cap: Mapped[int | None]
