"""`scoreAnalytics`: what became of the leads of each band, and how sure that is."""

from dataclasses import dataclass
from typing import Any

from sqlalchemy import Integer, and_, case, cast, func, literal_column, select

from engine.publish.provided import Provided
from engine.read.json_text import Expression, quoted
from engine.read.rows import Rows, Same, rows
from engine.read.slots import Args
from models.rules.stage_kind import StageKind
from models.tables.lead import Lead
from models.tables.scoring.scores import LeadScore
from models.tables.stage import Stage
from resolvers.reads.analytics.days import Days, days
from resolvers.reads.analytics.funnel import is_there, pipeline_of
from resolvers.reads.sums.columns import summed

NO_BAND: Expression = literal_column("-1", Integer())
"""Leads without a band come before those of the lowest one."""


@dataclass(frozen=True)
class ScoreAnalytics:
    """The leads of a pipeline that were created on some days."""

    pipeline_id: Any
    days: Days

    def bands(self) -> Rows:
        """How many leads of each band there are, and how they ended."""
        found, scores = rows(Lead), rows(LeadScore)
        lead, score = found.entity, scores.entity
        kind = rows(Stage, lead.stage_id).value(lambda stage: stage.kind)
        won = case(
            (lead.converted_at.is_not(None), literal_column("true")),
            else_=and_(lead.closed_at.is_not(None), kind == quoted(StageKind.WON)),
        )
        lead_table, score_table = lead.__clause_element__(), score.__clause_element__()
        joined = lead_table.outerjoin(score_table, and_(score.lead_id == lead.id, *scores.conditions))
        here = and_(*found.conditions, lead.pipeline_id == self.pipeline_id, self.days.include(lead.created_at))
        columns = (score.band.label("band"), score.score.label("score"), lead.closed_at, won.label("is_won"))
        each = select(*columns).select_from(joined).where(here).subquery()
        wins, ended = _count(each.c.is_won), _count(each.c.closed_at.is_not(None))
        lowest = case((each.c.band.is_(None), NO_BAND), else_=func.min(each.c.score)).label("lowest")
        counted = select(
            each.c.band, lowest, _count(literal_column("true")).label("leads"), wins.label("reached"),
            ended.label("decided"), (ended - wins).label("lost"),
        )  # fmt: skip
        return summed(counted.group_by(each.c.band).subquery(), "lowest", "band")


def _count(condition: Any) -> Any:
    return cast(func.count().filter(condition), Integer)


def score_analytics(root: Any, args: Args) -> Provided:
    """What became of the leads of a pipeline, by band; null where there is no pipeline of this id."""
    pipeline_id = pipeline_of(args)
    created = days("in", args["in"])
    return Provided(Same(ScoreAnalytics(pipeline_id, created)), created.wrong, is_there(pipeline_id))


def bands(analytics: ScoreAnalytics, args: Args) -> Rows:
    """The bands, the lowest scores first."""
    return analytics.bands()
