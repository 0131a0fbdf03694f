"""Runs: changes that are too large for one request, worked on in batches; and work that waits for a worker."""

from datetime import datetime
from enum import StrEnum
from typing import Any
from uuid import UUID

from sqlalchemy import BigInteger, CheckConstraint, Index, text
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.orm import Mapped, mapped_column

from models.tables.base import Base, Stamped, Tenant, belongs_to_organisation, refers


class RunState(StrEnum):
    """How far a run is."""

    WAITING = "WAITING"
    RUNNING = "RUNNING"
    FINISHED = "FINISHED"
    FAILED = "FAILED"
    CANCELLED = "CANCELLED"


class Run(Tenant, Stamped, Base):
    """A change that is made in batches, or work that waits for a worker.

    A change: `kind` is the mutation that started it, `input` what it was given. `done` is written in the transaction of
    each batch, so none is made twice. `failures` counts the batches that failed in a row for a reason that is not a
    refusal.

    Work has an `owner`, who asked for it, and a `key`, by which the owner asks for it once; `kind` is what is done. It
    is `WAITING` until `due_at`. A worker that takes it has it `RUNNING` until `due_at`, the end of its lease, after
    which another one takes it. `attempt` counts who took it, and is compared by whatever a worker writes of it. `depth`
    is the number of automations that lie before it.
    """

    __tablename__ = "run"
    __table_args__ = (
        belongs_to_organisation(),
        refers("member", "made_by_id"),
        CheckConstraint("state IN ('WAITING', 'RUNNING', 'FINISHED', 'FAILED', 'CANCELLED')", name="state"),
        CheckConstraint("(owner IS NULL) = (made_by_id IS NOT NULL)", name="made_by"),
        Index("run_unfinished_idx", "org_id", "id", postgresql_where=text("state = 'RUNNING' AND owner IS NULL")),
        Index("run_of_members_idx", "org_id", "kind", "state", postgresql_where=text("owner IS NULL")),
        Index("run_owner_idx", "org_id", "owner", "key", unique=True, postgresql_where=text("owner IS NOT NULL")),
        Index("run_waiting_idx", "org_id", "kind", "due_at", "id", postgresql_where=text("state = 'WAITING'")),
        Index(
            "run_leased_idx",
            "org_id",
            "kind",
            "due_at",
            postgresql_where=text("state = 'RUNNING' AND owner IS NOT NULL"),
        ),
        Index("run_finished_idx", "finished_at", "org_id", postgresql_where=text("finished_at IS NOT NULL")),
    )

    kind: Mapped[str]
    input: Mapped[dict[str, Any]] = mapped_column(JSONB)
    state: Mapped[str] = mapped_column(server_default="RUNNING")
    total: Mapped[int]
    done: Mapped[int] = mapped_column(server_default="0")
    failures: Mapped[int] = mapped_column(server_default="0")
    error: Mapped[str | None]
    made_by_id: Mapped[UUID | None]
    owner: Mapped[str | None]
    key: Mapped[str | None]
    due_at: Mapped[datetime | None]
    attempt: Mapped[int] = mapped_column(BigInteger, server_default="0")
    depth: Mapped[int] = mapped_column(server_default="0")
    finished_at: Mapped[datetime | None]


class Lane(Base):
    """The work of one kind in one organisation, by which workers find what is due without looking at each run.

    Nothing is due before `next_due`; null: nothing at all. `last_turn` is when a worker last took of it: the lane that
    waited longest is next. `changes` counts who changed `next_due`, so that nobody overwrites what they have not seen.
    """

    __tablename__ = "lane"
    __table_args__ = (
        belongs_to_organisation(),
        Index("lane_due_idx", "next_due", "org_id", postgresql_where=text("next_due IS NOT NULL")),
        {"postgresql_with": {"fillfactor": "50"}},
    )

    org_id: Mapped[UUID] = mapped_column(primary_key=True)
    kind: Mapped[str] = mapped_column(primary_key=True)
    next_due: Mapped[datetime | None]
    last_turn: Mapped[datetime | None]
    changes: Mapped[int] = mapped_column(BigInteger, server_default="0")


class Schedule(Base):
    """Work that comes again and again: a run of its kind at each of its times. `next_at` is the next one."""

    __tablename__ = "schedule"
    __table_args__ = (
        belongs_to_organisation(),
        CheckConstraint("missed IN ('NONE', 'ONCE', 'ALL')", name="missed"),
        Index("schedule_next_idx", "next_at", "org_id", postgresql_where=text("next_at IS NOT NULL")),
    )

    org_id: Mapped[UUID] = mapped_column(primary_key=True)
    owner: Mapped[str] = mapped_column(primary_key=True)
    kind: Mapped[str]
    input: Mapped[dict[str, Any]] = mapped_column(JSONB)
    rule: Mapped[str]
    missed: Mapped[str]
    next_at: Mapped[datetime | None]
