"""The leads of a funnel: which they are, which stages they were in, and how long."""

from dataclasses import dataclass, replace
from enum import StrEnum
from functools import cached_property
from typing import Any

from sqlalchemy import CTE, Integer, and_, case, cast, func, literal_column, or_, select

from engine.read.json_text import Expression, quoted
from engine.read.rows import Rows, rows
from models.rules.stage_kind import StageKind
from models.tables.lead import StageChange
from resolvers.reads import stages as stage_reads
from resolvers.reads.analytics.days import Days
from resolvers.reads.analytics.ever import leads_ever
from resolvers.reads.analytics.visits import visits, within
from resolvers.reads.sums import groups
from resolvers.reads.sums.columns import summed

ZERO: Expression = literal_column("0")
ONE: Expression = literal_column("1")


class FunnelCounting(StrEnum):
    """Which leads count as having been in a stage."""

    REACHED = "REACHED"
    ENTERED = "ENTERED"
    DIRECT = "DIRECT"


class FunnelBy(StrEnum):
    """What a funnel is divided by."""

    OWNER = groups.OWNER
    SOURCE = groups.SOURCE
    MONTH = groups.MONTH


TOO_MANY = f"this funnel has more than {groups.MOST_GROUPS:,} groups. Divide it by less, or ask for fewer days."


@dataclass(frozen=True)
class Funnel:
    """The leads that were created on some days and have been in a pipeline; divided, by whom, whence and when."""

    pipeline_id: Any
    days: Days
    counting: FunnelCounting
    by: tuple[FunnelBy, ...] = ()

    @cached_property
    def whole(self) -> "Funnel":
        """The same leads, undivided."""
        return replace(self, by=()) if self.by else self

    @cached_property
    def keys(self) -> tuple[str, ...]:
        """The columns that it is divided by, and of each group the text that names it."""
        return ("group", *(groups.KEYS[one][0] for one in self.by)) if self.by else ()

    @cached_property
    def cohort(self) -> CTE:
        """The leads, each with whether it is open in the pipeline now: those that were deleted or merged are decided.
        As a CTE, so that all fields share it."""

        def columns(lead: Any) -> dict[str, Any]:
            found = {
                "id": lead.id,
                "is_open": lead.is_there & lead.closed_at.is_(None) & (lead.pipeline_id == self.pipeline_id),
                "closed_at": lead.closed_at,
                "gone_at": lead.gone_at,
            }
            return found | {groups.KEYS[one][0]: self._key(one, lead) for one in self.by}

        ever = leads_ever(columns, lambda lead: self.days.include(lead.created_at), self._been).subquery()
        group = [func.jsonb_build_array(*groups.keys_of(ever, self.by)).label("group")] if self.by else []
        return select(*ever.c, *group).cte()

    def _been(self, lead: Any) -> Any:
        """Whether a lead has been in the pipeline."""
        steps = rows(StageChange)
        step = steps.entity
        return steps.where(step.lead_id == lead.id, step.to_pipeline_id == self.pipeline_id).select(ONE).exists()

    @staticmethod
    def _key(one: FunnelBy, lead: Any) -> Any:
        return groups.month_of(lead.created_at) if one is FunnelBy.MONTH else getattr(lead, groups.KEYS[one][0])

    def _keys(self, source: Any) -> list[Any]:
        return [source.c[key] for key in self.keys]

    def _group(self, source: Any) -> list[Any]:
        return [source.c.group] if self.by else []

    def _same(self, one: Any, other: Any) -> list[Any]:
        return [one.c.group == other.c.group] if self.by else []

    @cached_property
    def leads(self) -> CTE:
        """How many they are, and how many of them are open."""
        return _counted(self.cohort, *self._keys(self.cohort))

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
        chosen = select(*self._group(lead), *columns, stage.c.kind).distinct()
        return chosen.select_from(joined).where(*found.conditions, *ways).cte()

    def _direct(self, step: Any, stage: CTE) -> Any:
        """Whether a step came from the open stage before; into the first one, from outside of the pipeline."""
        outside = step.from_pipeline_id.is_distinct_from(self.pipeline_id)
        return or_(step.from_stage_id == stage.c.before_id, and_(stage.c.before_id.is_(None), outside))

    @cached_property
    def entered(self) -> CTE:
        """How many leads have entered each stage."""
        visit = self.visits
        return _counted(visit, *self._group(visit), visit.c.stage_id)

    @cached_property
    def passed(self) -> CTE:
        """How many leads got to each stage or further. A stage where leads are lost is no progress."""
        visit, stage = self.visits, self.stages
        furthest = func.max(visit.c.position).label("position")
        each = (
            select(*self._group(visit), furthest, visit.c.is_open)
            .where(visit.c.kind != quoted(StageKind.LOST))
            .group_by(*self._group(visit), visit.c.lead_id, visit.c.is_open)
            .subquery()
        )
        far = _counted(each, *self._group(each), each.c.position)
        sums = [cast(func.sum(far.c[name]), Integer).label(name) for name in COUNTS]
        keys = [*self._group(far), stage.c.id.label("stage_id")]
        beyond = stage.join(far, far.c.position >= stage.c.position)
        return select(*keys, *sums).select_from(beyond).group_by(*self._group(far), stage.c.id).cte()

    @cached_property
    def median(self) -> CTE:
        """Within how many seconds half of the visits to each stage in which deals are in progress end."""
        stage, group = self.stages, ("group",) if self.by else ()
        working = select(stage.c.id).where(stage.c.kind == quoted(StageKind.OPEN)).cte()
        return within(visits(working, self.cohort, group), (50,), group)

    @cached_property
    def counted(self) -> Any:
        """Each stage of each group, with what is counted for it."""
        stage, total, entered, passed, median = self.stages, self.leads, self.entered, self.passed, self.median
        source = stage.join(total, literal_column("true"))
        for one in (entered, passed, median):
            source = source.outerjoin(one, and_(one.c.stage_id == stage.c.id, *self._same(one, total)))

        def reached(name: str) -> Any:
            is_passed = (stage.c.kind == quoted(StageKind.OPEN)) & literal_column(
                "true" if self.counting == FunnelCounting.REACHED else "false"
            )
            return func.coalesce(case((is_passed, passed.c[name]), else_=entered.c[name]), ZERO, type_=Integer())

        undecided = (total.c.open_leads - reached("open_leads")).label("undecided")
        columns = (stage.c.id.label("stage_id"), stage.c.position, reached("leads").label("reached"), undecided)
        decided = (total.c.leads - undecided).label("decided")
        chosen = select(*self._group(total), *columns, decided, median.c.p50.label("median_seconds"))
        return chosen.select_from(source).cte()

    def rows(self) -> Rows:
        """The stages in order, with what is counted for each; of all groups."""
        return summed(self.counted, "position", "stage_id")

    def groups(self) -> Rows:
        """The groups, with how many leads each has."""
        total = self.leads
        found = summed(select(*total.c, *groups.no_keys(self.by)).cte())
        return found.ordered(*groups.order_of(found.entity, self.by))

    def too_many(self) -> Expression:
        """What is wrong where there are too many groups."""
        return groups.too_many(self.leads, message=TOO_MANY)


COUNTS = ("leads", "open_leads")


def _counted(source: Any, *groups: Any) -> CTE:
    """How many rows of a source there are, and how many of them are open, for each group."""
    open_leads = func.count().filter(source.c.is_open)
    counts = (cast(func.count(), Integer).label("leads"), cast(open_leads, Integer).label("open_leads"))
    return select(*groups, *counts).select_from(source).group_by(*groups).cte()
