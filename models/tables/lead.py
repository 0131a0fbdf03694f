"""Leads and opportunities: one record; the type of its pipeline says which."""

from datetime import date, datetime
from decimal import Decimal
from uuid import UUID

from sqlalchemy import CheckConstraint, Computed, Date, Index, Numeric, PrimaryKeyConstraint, SmallInteger, Text, text
from sqlalchemy.dialects.postgresql import TSVECTOR
from sqlalchemy.orm import Mapped, mapped_column

from models.rules.stage_kind import CHOSEN
from models.tables.base import Base, Stamped, Tenant, belongs_to_organisation, refers, searched, sorted_by

SORTED_BY = ("created_at", "updated_at", "sort_key", "value", "expected_close_date", "score", "stage_entered_at")
"""What leads can be sorted by, besides their place on the board."""

COUNTED = ("closed_at", "has_open_task", "currency", "value", "probability")
"""What an index holds of each lead besides its stage and its owner, for totals."""


class Lead(Tenant, Stamped, Base):
    """A potential sale. In a LEAD pipeline it is a lead, in an OPPORTUNITY pipeline an opportunity.

    `rank` orders the cards of a stage (a fractional rank, compared byte by byte; ties by id). `value` is kept at its
    currency's precision, so the scale of the number is that of the currency. `probability` and `forecast_category`
    override the stage's.
    `sort_key` is that of the title. `has_open_task` is kept by every change of a task, so that boards need not look at
    tasks to count who has none. `rotten_told_at` is when the event log recorded that the lead went stale in its present
    stage; `rot_check_at` is when to look whether it has, where the clock of its stage does not say so.
    """

    __tablename__ = "lead"
    __table_args__ = (
        belongs_to_organisation(),
        refers("pipeline", "pipeline_id"),
        refers("stage", "stage_id"),
        refers("contact", "contact_id"),
        refers("customer", "customer_id"),
        refers("member", "owner_id"),
        refers("lead", "converted_to_id"),
        refers("lead", "converted_from_id"),
        CheckConstraint("value >= 0", name="value"),
        CheckConstraint("value IS NULL OR currency IS NOT NULL", name="value_has_currency"),
        CheckConstraint("probability BETWEEN 0 AND 100", name="probability"),
        CheckConstraint(f"forecast_category IN ({CHOSEN})", name="forecast_category"),
        Index("lead_board_idx", "org_id", "stage_id", "rank", "id"),
        Index("lead_pipeline_idx", "org_id", "pipeline_id", "id"),
        Index("lead_owner_idx", "org_id", "owner_id", "created_at", "id"),
        Index("lead_open_owner_idx", "org_id", "owner_id", postgresql_where=text("closed_at IS NULL")),
        Index(
            "lead_unowned_idx",
            "org_id",
            "pipeline_id",
            "id",
            postgresql_where=text("owner_id IS NULL AND closed_at IS NULL"),
        ),
        Index("lead_contact_idx", "org_id", "contact_id", "id"),
        Index("lead_customer_idx", "org_id", "customer_id", "id"),
        Index(
            "lead_converted_to_idx", "org_id", "converted_to_id", postgresql_where=text("converted_to_id IS NOT NULL")
        ),
        Index(
            "lead_converted_from_key",
            "org_id",
            "converted_from_id",
            unique=True,
            postgresql_where=text("converted_from_id IS NOT NULL"),
        ),
        Index(
            "lead_external_id_key",
            "org_id",
            "pipeline_id",
            "external_id",
            unique=True,
            postgresql_where=text("external_id IS NOT NULL"),
        ),
        # Every order of a stage's leads; the same order of all leads merges those of their stages.
        *(Index(f"lead_stage_{column}_idx", "org_id", "stage_id", column, "id") for column in SORTED_BY),
        Index("lead_created_idx", "org_id", "created_at", "id"),
        Index(
            "lead_without_task_idx",
            "org_id",
            "stage_id",
            postgresql_where=text("closed_at IS NULL AND NOT has_open_task"),
        ),
        # What totals of a stage's leads are filtered by and made of, so that none of the leads themselves is read.
        Index("lead_stage_totals_idx", "org_id", "stage_id", "owner_id", postgresql_include=COUNTED),
        Index("lead_value_idx", "org_id", "value", "id"),
        # Which open lead of a stage goes stale first, of those that have not been recorded.
        Index(
            "lead_idle_idx",
            *("org_id", "stage_id", text("greatest(stage_entered_at, last_activity_at)")),
            postgresql_where=text("closed_at IS NULL AND rotten_told_at IS NULL AND rot_check_at IS NULL"),
        ),
        Index("lead_rot_check_idx", "rot_check_at", "org_id", postgresql_where=text("rot_check_at IS NOT NULL")),
        Index("lead_close_date_idx", "org_id", "expected_close_date", "id"),
        # What a forecast counts: open leads by when they are expected, closed ones by when they were closed.
        Index("lead_expected_idx", "org_id", "expected_close_date", postgresql_where=text("closed_at IS NULL")),
        Index("lead_closed_idx", "org_id", "closed_at", postgresql_where=text("closed_at IS NOT NULL")),
    )

    pipeline_id: Mapped[UUID]
    stage_id: Mapped[UUID]
    rank: Mapped[str] = mapped_column(Text(collation="C"))
    title: Mapped[str]
    sort_key: Mapped[str] = sorted_by()
    description: Mapped[str | None]
    contact_id: Mapped[UUID | None]
    customer_id: Mapped[UUID | None]
    owner_id: Mapped[UUID | None]
    value: Mapped[Decimal | None] = mapped_column(Numeric)
    currency: Mapped[str | None]
    probability: Mapped[int | None] = mapped_column(SmallInteger)
    forecast_category: Mapped[str | None]
    expected_close_date: Mapped[date | None] = mapped_column(Date)
    score: Mapped[int | None]
    source: Mapped[str | None]
    external_id: Mapped[str | None]
    stage_entered_at: Mapped[datetime]
    qualified_at: Mapped[datetime | None]
    disqualified_at: Mapped[datetime | None]
    lost_reason: Mapped[str | None]
    converted_at: Mapped[datetime | None]
    converted_to_id: Mapped[UUID | None]
    converted_from_id: Mapped[UUID | None]
    closed_at: Mapped[datetime | None]
    last_activity_at: Mapped[datetime | None]
    has_open_task: Mapped[bool] = mapped_column(server_default=text("false"))
    rotten_told_at: Mapped[datetime | None]
    rot_check_at: Mapped[datetime | None]


class LeadSearch(Base):
    """What a search finds a lead by: its own words, and copies of those of its contact and its customer.

    A table of its own, because a lead is written with each move, and every new version of a row with words has all of
    them entered into their index again.
    """

    __tablename__ = "lead_search"
    __table_args__ = (
        # The lead comes first: with the organisation first, a plan that does not know how large it is reads all its
        # rows instead of the index of words.
        PrimaryKeyConstraint("lead_id", "org_id"),
        refers("lead", "lead_id", ondelete="CASCADE"),
        searched("lead_search"),
    )

    org_id: Mapped[UUID]
    lead_id: Mapped[UUID]
    own_words: Mapped[str] = mapped_column(TSVECTOR)
    contact_words: Mapped[str] = mapped_column(TSVECTOR)
    customer_words: Mapped[str] = mapped_column(TSVECTOR)
    words: Mapped[str] = mapped_column(
        TSVECTOR, Computed("own_words || contact_words || customer_words", persisted=True)
    )


class StageChange(Tenant, Base):
    """One step of a lead's history: that it entered `to_stage_id`, from where, when and by whom.

    The first step of a lead, its creation, has no `from_stage_id`. It names records without foreign keys, because it
    outlives leads; that a lead stands in a stage and a pipeline of its organisation is checked where it is moved.
    """

    __tablename__ = "stage_change"
    __table_args__ = (
        belongs_to_organisation(),
        Index("stage_change_lead_idx", "org_id", "lead_id", "occurred_at", "id"),
        Index("stage_change_to_stage_idx", "org_id", "to_stage_id"),
        Index("stage_change_from_stage_idx", "org_id", "from_stage_id"),
    )

    lead_id: Mapped[UUID]
    from_pipeline_id: Mapped[UUID | None]
    from_stage_id: Mapped[UUID | None]
    to_pipeline_id: Mapped[UUID]
    to_stage_id: Mapped[UUID]
    actor_id: Mapped[UUID | None]
    occurred_at: Mapped[datetime]
