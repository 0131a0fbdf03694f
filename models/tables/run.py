"""Runs: changes that are too large for one request, worked on in batches."""

from datetime import datetime
from enum import StrEnum
from typing import Any
from uuid import UUID

from sqlalchemy import CheckConstraint, Index, text
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.orm import Mapped, mapped_column

from models.tables.base import Base, Stamped, Tenant, belongs_to_organisation, refers


class RunState(StrEnum):
    """How far a run is."""

    RUNNING = "RUNNING"
    FINISHED = "FINISHED"
    FAILED = "FAILED"
    CANCELLED = "CANCELLED"


class Run(Tenant, Stamped, Base):
    """A change that is made in batches. `done` is written in the transaction of each batch, so none is made twice.

    `kind` is the mutation that started it, `input` what it was given. `failures` counts the batches that failed in a
    row for a reason that is not a refusal.
    """

    __tablename__ = "run"
    __table_args__ = (
        belongs_to_organisation(),
        refers("member", "made_by_id"),
        CheckConstraint("state IN ('RUNNING', 'FINISHED', 'FAILED', 'CANCELLED')", name="state"),
        Index("run_unfinished_idx", "org_id", "id", postgresql_where=text("state = 'RUNNING'")),
        Index("run_finished_idx", "finished_at", "org_id", postgresql_where=text("finished_at IS NOT NULL")),
    )

    kind: Mapped[str]
    input: Mapped[dict[str, Any]] = mapped_column(JSONB)
    state: Mapped[str] = mapped_column(server_default="RUNNING")
    total: Mapped[int]
    done: Mapped[int] = mapped_column(server_default="0")
    failures: Mapped[int] = mapped_column(server_default="0")
    error: Mapped[str | None]
    made_by_id: Mapped[UUID]
    finished_at: Mapped[datetime | None]
