"""`funnel`: how far the leads got that were created on some days, stage by stage, and how sure that is."""

from dataclasses import dataclass
from enum import StrEnum
from functools import cached_property
from typing import Any

from sqlalchemy import CTE, Integer, Numeric, Uuid, and_, case, cast, func, literal_column, or_, select

from engine.publish.provided import Provided
from engine.read.json_text import Expression, quoted
from engine.read.rows import Rows, Same, rows
from engine.read.slots import Args
from models.rules.ids import parse_id
from models.rules.stage_kind import StageKind
from models.tables.lead import Lead, StageChange
from models.tables.pipeline import Pipeline
from resolvers.reads import stages as stage_reads
from resolvers.reads.analytics.days import Days, days
from resolvers.reads.sums.columns import summed

ZERO: Expression = literal_column("0")
ONE: Expression = literal_column("1")
Z: Any = literal_column("1.959963984540054", Numeric())
"""How many standard deviations from the mean 95 % of a normal distribution lie."""


class FunnelCounting(StrEnum):
    """Which leads count as having been in a stage."""

    REACHED = "REACHED"
    ENTERED = "ENTERED"
    DIRECT = "DIRECT"


@dataclass(frozen=True)
class Funnel:
    """The leads that were created on some days and have been in a pipeline."""

    pipeline_id: Any
    days: Days
    counting: FunnelCounting

    @cached_property
    def cohort(self) -> CTE:
        """The leads, each with whether it is open in the pipeline now; as a CTE, so that all fields share it."""
        found, steps = rows(Lead), rows(StageChange)
        lead, step = found.entity, steps.entity
        been = steps.where(step.lead_id == lead.id, step.to_pipeline_id == self.pipeline_id).select(ONE).exists()
        is_open = and_(lead.closed_at.is_(None), lead.pipeline_id == self.pipeline_id)
        created = found.where(self.days.include(lead.created_at), been)
        return created.select(lead.id.label("id"), is_open.label("is_open")).cte()

    @cached_property
    def leads(self) -> CTE:
        """How many they are, and how many of them are open."""
        return _counted(self.cohort)

    @cached_property
    def stages(self) -> CTE:
        """The stages of the pipeline as they are today, each with the open one before it."""
        found = stage_reads.in_pipeline(self.pipeline_id)
        stage = found.entity
        others = stage_reads.in_pipeline(self.pipeline_id)
        other = others.entity
        earlier = others.where(other.kind == quoted(StageKind.OPEN), other.position < stage.position)
        before = earlier.ordered(other.position.desc()).first().value(lambda stage: stage.id)
        return found.select(stage.id, stage.position, stage.kind, before.label("before_id")).cte()

    @cached_property
    def visits(self) -> CTE:
        """Each lead once for each stage that it has entered, in the way that counts."""
        found = rows(StageChange)
        step, lead, stage = found.entity, self.cohort, self.stages
        ways = [self._direct(step, stage)] if self.counting == FunnelCounting.DIRECT else []
        joined = lead.join(step.__clause_element__(), step.lead_id == lead.c.id).join(
            stage, stage.c.id == step.to_stage_id
        )
        columns = (lead.c.id.label("lead_id"), lead.c.is_open, stage.c.id.label("stage_id"), stage.c.position)
        return select(*columns, stage.c.kind).distinct().select_from(joined).where(*found.conditions, *ways).cte()

    def _direct(self, step: Any, stage: CTE) -> Any:
        """Whether a step came from the open stage before; into the first one, from outside of the pipeline."""
        outside = step.from_pipeline_id.is_distinct_from(self.pipeline_id)
        return or_(step.from_stage_id == stage.c.before_id, and_(stage.c.before_id.is_(None), outside))

    @cached_property
    def entered(self) -> CTE:
        """How many leads have entered each stage."""
        visit = self.visits
        return _counted(visit, visit.c.stage_id)

    @cached_property
    def furthest(self) -> CTE:
        """How many leads got to each position, and no further. A stage where leads are lost is no progress."""
        visit = self.visits
        furthest = func.max(visit.c.position).label("position")
        each = (
            select(furthest, visit.c.is_open)
            .where(visit.c.kind != quoted(StageKind.LOST))
            .group_by(visit.c.lead_id, visit.c.is_open)
            .subquery()
        )
        return _counted(each, each.c.position)

    def reached(self, name: str) -> Any:
        """How many leads count for a stage: all of them (`leads`), or the open ones (`open_leads`)."""
        entered = self.entered.alias()
        found = select(entered.c[name]).where(entered.c.stage_id == self.stages.c.id).correlate(self.stages)
        reached = func.coalesce(found.scalar_subquery(), ZERO, type_=Integer())
        if self.counting != FunnelCounting.REACHED:
            return reached
        far = self.furthest.alias()
        beyond = select(func.coalesce(func.sum(far.c[name]), ZERO)).where(far.c.position >= self.stages.c.position)
        passed = cast(beyond.correlate(self.stages).scalar_subquery(), Integer)
        return case((self.stages.c.kind == quoted(StageKind.OPEN), passed), else_=reached)

    def rows(self) -> Rows:
        """The stages in order, with what is counted for each."""
        stage, total = self.stages, self.leads.alias()
        open_leads = select(total.c.open_leads).scalar_subquery()
        undecided = (open_leads - self.reached("open_leads")).label("undecided")
        counted = select(stage.c.id.label("stage_id"), stage.c.position, self.reached("leads").label("reached"))
        each = counted.add_columns(undecided).subquery()
        decided = (select(total.c.leads).scalar_subquery() - each.c.undecided).label("decided")
        return summed(select(*each.c, decided).subquery(), "position", "stage_id")


def _counted(source: Any, *groups: Any) -> CTE:
    """How many rows of a source there are, and how many of them are open, for each group."""
    open_leads = func.count().filter(source.c.is_open)
    counts = (cast(func.count(), Integer).label("leads"), cast(open_leads, Integer).label("open_leads"))
    return select(*groups, *counts).select_from(source).group_by(*groups).cte()


def pipeline_of(args: Args) -> Expression:
    """The id of the pipeline that a report is about."""
    return args["pipeline_id"].bind(Uuid(), lambda text: parse_id("pipeline", text))  # type: ignore[no-any-return]


def funnel(root: Any, args: Args) -> Provided:
    """The funnel of a pipeline; null where there is none of this id."""
    pipeline_id = pipeline_of(args)
    found = rows(Pipeline, pipeline_id)
    there = found.where(found.entity.deleted_at.is_(None)).select(ONE).exists()
    created = days("cohort", args["cohort"])
    return Provided(Same(Funnel(pipeline_id, created, args["counting"])), created.wrong, there)


def leads(funnel: Funnel, args: Args) -> Expression:
    """How many leads the funnel is about."""
    return select(funnel.leads.alias().c.leads).scalar_subquery()


def stages(funnel: Funnel, args: Args) -> Rows:
    """The stages of the funnel, in order."""
    return funnel.rows()


def rate(stage: Any, args: Args) -> Expression:
    """The part of the decided leads that reached a stage, in percent."""
    share = stage.reached * literal_column("100", Numeric()) / func.nullif(stage.decided, ZERO, type_=Integer())
    return func.round(share, literal_column("2"), type_=Numeric())


def interval(stage: Any, args: Args) -> Same:
    """How sure the rate is."""
    return Same(stage)


def _wilson(stage: Any, sign: int) -> Expression:
    """An end of the Wilson score interval. Source: E. B. Wilson, "Probable Inference, the Law of Succession, and
    Statistical Inference", 1927. Of no lead at all, it is everything from 0 to 100."""
    reached, decided = cast(stage.reached, Numeric), cast(stage.decided, Numeric)
    spread = reached * (decided - reached) / func.greatest(decided, ONE, type_=Numeric())
    half = Z * func.sqrt(spread + Z * Z / literal_column("4"), type_=Numeric())
    middle = reached + Z * Z / literal_column("2")
    end = (middle + half if sign > 0 else middle - half) / (decided + Z * Z)
    return func.round(end * literal_column("100"), literal_column("2"), type_=Numeric())


def low(stage: Any, args: Args) -> Expression:
    """The lower end of the interval, in percent."""
    return _wilson(stage, -1)


def high(stage: Any, args: Args) -> Expression:
    """The upper end of the interval, in percent."""
    return _wilson(stage, 1)
