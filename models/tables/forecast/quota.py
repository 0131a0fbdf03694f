"""Quotas, and what members say that they will close."""

from datetime import date, datetime
from decimal import Decimal
from uuid import UUID

from sqlalchemy import CheckConstraint, Date, Index, Numeric, func
from sqlalchemy.orm import Mapped, mapped_column

from models.tables.base import Base, Tenant, belongs_to_organisation, refers

OF_ONE = "(member_id IS NULL) <> (pool_id IS NULL)"


class Quota(Base):
    """What a member or a pool is to win in a month, in a currency. `month` is its first day, `holder_id` the member or
    the pool. The quota of a longer period is the sum of its months."""

    __tablename__ = "quota"
    __table_args__ = (
        belongs_to_organisation(),
        refers("member", "member_id"),
        refers("pool", "pool_id", ondelete="CASCADE"),
        CheckConstraint(OF_ONE, name="whose"),
        CheckConstraint("holder_id = coalesce(member_id, pool_id)", name="holder"),
        CheckConstraint("value >= 0", name="value"),
        CheckConstraint("extract(day FROM month) = 1", name="month"),
    )

    org_id: Mapped[UUID] = mapped_column(primary_key=True)
    month: Mapped[date] = mapped_column(Date, primary_key=True)
    holder_id: Mapped[UUID] = mapped_column(primary_key=True)
    currency: Mapped[str] = mapped_column(primary_key=True)
    member_id: Mapped[UUID | None]
    pool_id: Mapped[UUID | None]
    value: Mapped[Decimal] = mapped_column(Numeric)


class ForecastSubmission(Tenant, Base):
    """What somebody said, at a time, that a member or a pool will win in a period. It is never changed.

    `period` is its name, as `resolvers.reads.forecast.period` reads it.
    """

    __tablename__ = "forecast_submission"
    __table_args__ = (
        belongs_to_organisation(),
        refers("member", "member_id"),
        refers("pool", "pool_id", ondelete="CASCADE"),
        refers("member", "submitted_by_id"),
        CheckConstraint(OF_ONE, name="whose"),
        CheckConstraint("value >= 0", name="value"),
        Index("forecast_submission_period_idx", "org_id", "period", "id"),
        Index("forecast_submission_member_idx", "org_id", "member_id", "period", "id"),
        Index("forecast_submission_pool_idx", "org_id", "pool_id", "period", "id"),
    )

    member_id: Mapped[UUID | None]
    pool_id: Mapped[UUID | None]
    period: Mapped[str]
    currency: Mapped[str]
    value: Mapped[Decimal] = mapped_column(Numeric)
    note: Mapped[str | None]
    submitted_by_id: Mapped[UUID]
    submitted_at: Mapped[datetime] = mapped_column(server_default=func.now())
