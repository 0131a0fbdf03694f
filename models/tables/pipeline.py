"""Pipelines: the ordered stages that leads or opportunities pass."""

from datetime import datetime
from enum import StrEnum

from sqlalchemy import CheckConstraint, Index, text
from sqlalchemy.orm import Mapped, mapped_column

from models.tables.base import Base, Stamped, Tenant, belongs_to_organisation


class PipelineType(StrEnum):
    """What the records of a pipeline are called."""

    LEAD = "LEAD"
    OPPORTUNITY = "OPPORTUNITY"


class Pipeline(Tenant, Stamped, Base):
    """A named, ordered set of stages. A deleted one stays as a tombstone, because history and events refer to it."""

    __tablename__ = "pipeline"
    __table_args__ = (
        belongs_to_organisation(),
        CheckConstraint("type IN ('LEAD', 'OPPORTUNITY')", name="type"),
        Index(
            "pipeline_default_key",
            "org_id",
            "type",
            unique=True,
            postgresql_where=text("is_default AND deleted_at IS NULL"),
        ),
    )

    name: Mapped[str]
    type: Mapped[str]
    description: Mapped[str | None]
    is_default: Mapped[bool] = mapped_column(server_default="false")
    routes_new_leads: Mapped[bool] = mapped_column(server_default="false")
    deleted_at: Mapped[datetime | None]
