"""The scoring rules of pipelines, and the scores that they give."""

from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import ARRAY, Index, Integer, text
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.orm import Mapped, mapped_column

from models.tables.base import Base, belongs_to_organisation, refers


class ScoringModel(Base):
    """A version of the scoring rules of a pipeline. The latest one that was published holds; a later one is a draft.

    Earlier versions are kept, because the points of a score are explained by the version that gave them. `parts` names
    what each number of `LeadScore.parts` is. `scored_to` is the lead up to which a run has scored all leads by this
    version, by their ids.
    """

    __tablename__ = "scoring_model"
    __table_args__ = (belongs_to_organisation(), refers("pipeline", "pipeline_id"))

    org_id: Mapped[UUID] = mapped_column(primary_key=True)
    pipeline_id: Mapped[UUID] = mapped_column(primary_key=True)
    version: Mapped[int] = mapped_column(primary_key=True)
    groups: Mapped[list[Any]] = mapped_column(JSONB)
    bands: Mapped[list[Any]] = mapped_column(JSONB)
    parts: Mapped[list[Any]] = mapped_column(JSONB)
    published_at: Mapped[datetime | None]
    scored_to: Mapped[UUID | None]


class LeadScore(Base):
    """What the rules give to a lead: `total` is the sum of `parts`, which `ScoringModel.parts` names.

    `lead.score` is what is shown, sorted and filtered by: the total, unless it is `pinned`, which means that somebody
    set it by hand; `score` is what was shown when `band` was last decided. A lead with a score and without such a row
    has one that was set by hand. `rescore_at` is when the passing of time may give it other points: at the earliest,
    and null if it never does. A table of its own, so that most changes of leads do not write it.
    """

    __tablename__ = "lead_score"
    __table_args__ = (
        refers("lead", "lead_id", ondelete="CASCADE"),
        Index("lead_score_rescore_idx", "rescore_at", "org_id", postgresql_where=text("rescore_at IS NOT NULL")),
    )

    org_id: Mapped[UUID] = mapped_column(primary_key=True)
    lead_id: Mapped[UUID] = mapped_column(primary_key=True)
    pipeline_id: Mapped[UUID]
    model_version: Mapped[int]
    total: Mapped[int]
    score: Mapped[int]
    parts: Mapped[list[int]] = mapped_column(ARRAY(Integer))
    band: Mapped[str | None]
    pinned: Mapped[bool] = mapped_column(server_default=text("false"))
    scored_at: Mapped[datetime]
    rescore_at: Mapped[datetime | None]
