"""Spans: what leads and stages were, from one number of the event log to another.

A row holds for the cursors from `from_number` to before `until_number`; of what is so now, that is `FOREVER`. The
number is that of the first event of the record in the change, so at each number one row of a record holds at most.
"""

from datetime import date
from decimal import Decimal
from enum import StrEnum
from uuid import UUID

from sqlalchemy import BigInteger, CheckConstraint, Date, Index, Numeric, SmallInteger, text
from sqlalchemy.orm import Mapped, mapped_column

from models.tables.base import Base, belongs_to_organisation

FOREVER = 2**63 - 1
"""The end of a span that goes on. A number rather than null, so that an index finds what a cursor lies in."""


class LeadOutcome(StrEnum):
    """How a closed lead ended."""

    WON = "WON"
    LOST = "LOST"
    CONVERTED = "CONVERTED"


class LeadSpan(Base):
    """What a lead was while nothing changed of what reports count: its place, owner, title, worth and outcome.

    It names records without foreign keys, because it outlives leads. `probability` overrides that of the stage, as the
    lead's own does; the stage's is in `StageSpan`. `outcome` is null while the lead is open: closed by a LOST stage or
    by being disqualified, it is LOST.
    """

    __tablename__ = "lead_span"
    __table_args__ = (
        belongs_to_organisation(),
        Index("lead_span_stage_idx", "org_id", "stage_id", "until_number", "from_number"),
        {"postgresql_with": {"fillfactor": "90"}},
    )
    identity = "lead_id"

    org_id: Mapped[UUID] = mapped_column(primary_key=True)
    lead_id: Mapped[UUID] = mapped_column(primary_key=True)
    until_number: Mapped[int] = mapped_column(BigInteger, primary_key=True, server_default=text(str(FOREVER)))
    from_number: Mapped[int] = mapped_column(BigInteger)
    pipeline_id: Mapped[UUID]
    stage_id: Mapped[UUID]
    owner_id: Mapped[UUID | None]
    title: Mapped[str]
    value: Mapped[Decimal | None] = mapped_column(Numeric)
    currency: Mapped[str | None]
    probability: Mapped[int | None] = mapped_column(SmallInteger)
    expected_close_date: Mapped[date | None] = mapped_column(Date)
    forecast_category: Mapped[str | None]
    outcome: Mapped[str | None]


class StageSpan(Base):
    """What a stage was: its place in its pipeline, and what it said of the leads in it."""

    __tablename__ = "stage_span"
    __table_args__ = (
        belongs_to_organisation(),
        CheckConstraint("from_number < until_number", name="numbers"),
        Index("stage_span_pipeline_idx", "org_id", "pipeline_id", "until_number"),
    )
    identity = "stage_id"

    org_id: Mapped[UUID] = mapped_column(primary_key=True)
    stage_id: Mapped[UUID] = mapped_column(primary_key=True)
    until_number: Mapped[int] = mapped_column(BigInteger, primary_key=True, server_default=text(str(FOREVER)))
    from_number: Mapped[int] = mapped_column(BigInteger)
    pipeline_id: Mapped[UUID]
    name: Mapped[str]
    kind: Mapped[str]
    probability: Mapped[int] = mapped_column(SmallInteger)
    forecast_category: Mapped[str]
    position: Mapped[int]
