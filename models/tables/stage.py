"""Stages: the columns of a board, and the totals of the leads in them."""

from datetime import datetime
from decimal import Decimal
from uuid import UUID

from sqlalchemy import ARRAY, CheckConstraint, Index, Numeric, SmallInteger, Text, func, text
from sqlalchemy.orm import Mapped, mapped_column

from models.rules.stage_kind import CHOSEN
from models.tables.base import Base, Stamped, Tenant, belongs_to_organisation, refers


class Stage(Tenant, Stamped, Base):
    """One step of a pipeline. `probability` is the chance, in percent, that a deal here is won.

    `required_fields` are columns of the lead that must be filled before it may enter. `forecast_category` is that of
    open leads in an OPEN stage, unless they have their own.

    While the run `deleting_run_id` moves its leads out to delete it, it takes no new ones.

    `rot_check_at` is when to look for leads that have gone stale in it: never after the first of them does.

    A deleted stage stays as a tombstone (`deleted_at`), because history and events refer to it.
    """

    __tablename__ = "stage"
    __table_args__ = (
        belongs_to_organisation(),
        refers("pipeline", "pipeline_id"),
        refers("run", "deleting_run_id"),
        CheckConstraint("kind IN ('OPEN', 'WON', 'LOST')", name="kind"),
        CheckConstraint(
            "probability BETWEEN 0 AND 100 AND (kind <> 'WON' OR probability = 100)"
            " AND (kind <> 'LOST' OR probability = 0)",
            name="probability",
        ),
        CheckConstraint("rotten_after_days > 0", name="rotten_after_days"),
        CheckConstraint(f"forecast_category IN ({CHOSEN})", name="forecast_category"),
        Index(
            "stage_position_idx", "org_id", "pipeline_id", "position", "id", postgresql_where=text("deleted_at IS NULL")
        ),
        Index("stage_pipeline_idx", "org_id", "pipeline_id"),
        Index("stage_rot_check_idx", "rot_check_at", "org_id", postgresql_where=text("rot_check_at IS NOT NULL")),
    )

    pipeline_id: Mapped[UUID]
    name: Mapped[str]
    kind: Mapped[str] = mapped_column(server_default="OPEN")
    probability: Mapped[int] = mapped_column(SmallInteger, server_default="0")
    position: Mapped[int]
    rotten_after_days: Mapped[int | None]
    forecast_category: Mapped[str] = mapped_column(server_default="PIPELINE")
    required_fields: Mapped[list[str]] = mapped_column(ARRAY(Text), server_default="{}")
    deleted_at: Mapped[datetime | None]
    deleting_run_id: Mapped[UUID | None]
    rot_check_at: Mapped[datetime | None] = mapped_column(server_default=func.now())


class StageTotal(Base):
    """The number and value of the leads in a stage, updated by every change of a lead.

    One row per stage and currency; leads without a value are counted in the row whose currency is empty.
    `weighted` is the sum of value times probability in percent, unrounded and undivided.
    """

    __tablename__ = "stage_total"
    __table_args__ = (refers("stage", "stage_id", ondelete="CASCADE"), {"postgresql_with": {"fillfactor": "50"}})

    org_id: Mapped[UUID] = mapped_column(primary_key=True)
    stage_id: Mapped[UUID] = mapped_column(primary_key=True)
    currency: Mapped[str] = mapped_column(primary_key=True)
    leads: Mapped[int]
    value: Mapped[Decimal] = mapped_column(Numeric)
    weighted: Mapped[Decimal] = mapped_column(Numeric)
