"""Tasks: work that is assigned to a member, mostly a follow-up on a lead."""

from datetime import date, datetime
from enum import StrEnum
from uuid import UUID

from sqlalchemy import CheckConstraint, Date, Index, text
from sqlalchemy.orm import Mapped, mapped_column

from models.tables.base import Base, Stamped, Tenant, belongs_to_organisation, refers


class TaskStatus(StrEnum):
    """Whether a task is open, done or cancelled."""

    OPEN = "OPEN"
    DONE = "DONE"
    CANCELLED = "CANCELLED"


class TaskPriority(StrEnum):
    """How urgent a task is."""

    LOW = "LOW"
    NORMAL = "NORMAL"
    HIGH = "HIGH"


class Task(Tenant, Stamped, Base):
    """Something to do. Due at an instant (`due_at`), all day on a date (`due_on`), or not at all.

    `deadline` is the instant after which an open task is overdue: `due_at`, or the end of `due_on` in the assignee's
    time zone. It is stored, not computed, so that the next task of a lead is one step down an index. `recurrence` is a
    rule of RFC 5545 for the tasks that follow this one; a subtask names its `parent_id`. `overdue_told_at` is when the
    event log recorded that the task is overdue, since it was last given a due time or reopened; `reminded_at`, when it
    recorded that `remind_at` has come, since that, the due time, the assignee or the status last changed. Without
    `remind_at`, a task that is due on a day is reminded of at `day_reminder_at`, which is found afterwards.
    """

    __tablename__ = "task"
    __table_args__ = (
        belongs_to_organisation(),
        refers("lead", "lead_id", ondelete="CASCADE"),
        refers("contact", "contact_id"),
        refers("customer", "customer_id"),
        refers("member", "assignee_id"),
        refers("member", "creator_id"),
        refers("task", "parent_id", ondelete="CASCADE"),
        CheckConstraint("status IN ('OPEN', 'DONE', 'CANCELLED')", name="status"),
        CheckConstraint("priority IN ('LOW', 'NORMAL', 'HIGH')", name="priority"),
        CheckConstraint("due_at IS NULL OR due_on IS NULL", name="due"),
        Index("task_next_idx", "org_id", "lead_id", "deadline", "id", postgresql_where=text("status = 'OPEN'")),
        Index(
            "task_untold_idx",
            *("org_id", "deadline", "id"),
            postgresql_where=text("status = 'OPEN' AND overdue_told_at IS NULL"),
        ),
        Index(
            "task_late_idx", "deadline", "org_id", postgresql_where=text("status = 'OPEN' AND overdue_told_at IS NULL")
        ),
        Index(
            "task_remind_idx",
            *("remind_at", "org_id", "id"),
            postgresql_where=text("status = 'OPEN' AND reminded_at IS NULL AND remind_at IS NOT NULL"),
        ),
        Index(
            "task_day_reminder_idx",
            *("day_reminder_at", "org_id", "id"),
            postgresql_where=text(
                "status = 'OPEN' AND due_on IS NOT NULL AND assignee_id IS NOT NULL AND remind_at IS NULL"
                " AND reminded_at IS NULL"
            ),
        ),
        Index("task_lead_idx", "org_id", "lead_id", "id"),
        Index("task_assignee_idx", "org_id", "assignee_id", "status", "deadline", "id"),
        Index("task_deadline_idx", "org_id", "status", "deadline", "id"),
        Index("task_due_idx", "org_id", "deadline", "id"),
        Index("task_contact_idx", "org_id", "contact_id", "id", postgresql_where=text("contact_id IS NOT NULL")),
        Index("task_customer_idx", "org_id", "customer_id", "id", postgresql_where=text("customer_id IS NOT NULL")),
        Index("task_parent_idx", "org_id", "parent_id", "id", postgresql_where=text("parent_id IS NOT NULL")),
    )

    lead_id: Mapped[UUID | None]
    contact_id: Mapped[UUID | None]
    customer_id: Mapped[UUID | None]
    title: Mapped[str]
    notes: Mapped[str | None]
    assignee_id: Mapped[UUID | None]
    due_at: Mapped[datetime | None]
    due_on: Mapped[date | None] = mapped_column(Date)
    deadline: Mapped[datetime | None]
    priority: Mapped[str] = mapped_column(server_default="NORMAL")
    status: Mapped[str] = mapped_column(server_default="OPEN")
    completed_at: Mapped[datetime | None]
    outcome: Mapped[str | None]
    remind_at: Mapped[datetime | None]
    recurrence: Mapped[str | None]
    parent_id: Mapped[UUID | None]
    creator_id: Mapped[UUID | None]
    overdue_told_at: Mapped[datetime | None]
    reminded_at: Mapped[datetime | None]
    day_reminder_at: Mapped[datetime | None]


class TaskDependency(Base):
    """One task that cannot be completed before another."""

    __tablename__ = "task_dependency"
    __table_args__ = (
        refers("task", "task_id", ondelete="CASCADE"),
        refers("task", "blocked_by_id", ondelete="CASCADE"),
        Index("task_dependency_blocked_by_idx", "org_id", "blocked_by_id"),
    )

    org_id: Mapped[UUID] = mapped_column(primary_key=True)
    task_id: Mapped[UUID] = mapped_column(primary_key=True)
    blocked_by_id: Mapped[UUID] = mapped_column(primary_key=True)
