"""The deals of a period, summed up by what a forecast is divided by: the base of all its numbers.

Open deals count by the day on which they are expected, won ones by the day on which they were won. An open deal whose
day has passed is overdue: it counts as that alone. Omitted deals count nowhere.
"""

from dataclasses import dataclass
from enum import StrEnum
from functools import cached_property
from typing import Any

from sqlalchemy import (
    CTE,
    ColumnElement,
    Date,
    Integer,
    Numeric,
    Text,
    Uuid,
    and_,
    case,
    cast,
    func,
    literal_column,
    or_,
    select,
    union_all,
)

from engine.read.json_text import Expression, quoted
from engine.read.rows import Entity, rows
from models.rules.stage_kind import ForecastCategory, StageKind
from models.tables.forecast.quota import Quota
from models.tables.lead import Lead
from models.tables.routing import PoolMember
from models.tables.stage import Stage
from resolvers.reads.forecast.period import PeriodDays, starts
from resolvers.reads.leads import category, chance
from resolvers.reads.periods.calendar import own_calendar, today

OVERDUE, EARLIER = "OVERDUE", "EARLIER"

ZERO: Expression = literal_column("0", Numeric())
NONE: Expression = cast(literal_column("NULL"), Uuid)
NO_AMOUNT: Expression = cast(literal_column("NULL"), Numeric)


class ForecastBy(StrEnum):
    """What a forecast is divided by."""

    OWNER = "OWNER"
    POOL = "POOL"
    PIPELINE = "PIPELINE"


KEYS = {ForecastBy.OWNER: "owner_id", ForecastBy.POOL: "pool_id", ForecastBy.PIPELINE: "pipeline_id"}
"""The column of each, in the order in which rows are sorted."""

SUMS = {
    "closed": (ForecastCategory.CLOSED,),
    "commit": (ForecastCategory.COMMIT,),
    "best_case": (ForecastCategory.BEST_CASE,),
    "pipeline": (ForecastCategory.PIPELINE,),
    "overdue": (OVERDUE,),
    "overdue_before": (EARLIER,),
}
"""What is summed up, and from which deals."""

COUNTED = (ForecastCategory.CLOSED, ForecastCategory.COMMIT, ForecastCategory.BEST_CASE, ForecastCategory.PIPELINE)
"""Which deals have a weight."""


@dataclass(frozen=True)
class ForecastDeals:
    """The deals of a period, divided."""

    span: PeriodDays
    by: tuple[ForecastBy, ...]

    @property
    def keys(self) -> tuple[str, ...]:
        """The columns that it is divided by."""
        return tuple(KEYS[one] for one in self.by)

    @cached_property
    def counted(self) -> CTE:
        """The sums by owner, pipeline, currency and day, with each deal once; those of deals without a value have an
        empty currency."""
        deal = union_all(self._open(), self._won()).subquery()
        keys = (deal.c.owner_id, deal.c.pipeline_id, deal.c.currency, deal.c.day)
        sums = [_sum(deal.c.value, deal, which).label(name) for name, which in SUMS.items()]
        weight = _sum(deal.c.value * deal.c.chance, deal, COUNTED).label("weight")
        count = cast(func.count(), Integer).label("deals")
        return select(*keys, count, *sums, weight).group_by(*keys).cte()

    @cached_property
    def quotas(self) -> CTE:
        """The quotas of the period's months: of members or of pools, where it is divided by nothing else."""
        found = rows(Quota)
        quota = found.entity
        column = "pool_id" if self.by == (ForecastBy.POOL,) else "member_id"
        divided = len(self.by) == 1 and ForecastBy.PIPELINE not in self.by
        within = (quota.month >= self.span.first, quota.month < self.span.end, getattr(quota, column).is_not(None))
        # Converted by the rate of the last day of its month, whose first day is the quota's.
        day = cast(quota.month + literal_column("interval '1 month' - interval '1 day'"), Date).label("day")
        mine = found.where(*within, literal_column("true" if divided else "false"))
        return mine.select(quota.member_id, quota.pool_id, quota.currency, day, quota.value).cte()

    @cached_property
    def parts(self) -> CTE:
        """What rows are summed up from, by their keys, currency and day: of an owner in several pools, the same in each
        of them; and the quotas."""
        one, quota = self.counted, self.quotas
        sums = [one.c[name] for name in ("currency", "day", "deals", *SUMS, "weight")]
        pool_id: Any = NONE
        source: Any = one
        if ForecastBy.POOL in self.by:
            place = rows(PoolMember)
            member = place.select(place.entity.pool_id, place.entity.member_id).subquery()
            pool_id, source = member.c.pool_id, one.outerjoin(member, member.c.member_id == one.c.owner_id)
        shared = select(one.c.owner_id, pool_id.label("pool_id"), one.c.pipeline_id, *sums, NO_AMOUNT.label("quota"))
        none = [literal_column("0", Integer()), *(ZERO for _ in SUMS), ZERO]
        holder = (quota.c.member_id, quota.c.pool_id, NONE)
        quotas = select(*holder, quota.c.currency, quota.c.day, *none, quota.c.value)
        return union_all(shared.select_from(source), quotas).cte()

    def _open(self) -> Any:
        """Open deals: those of the period, and those that were expected before it and are overdue."""
        found = rows(Lead)
        lead, first, now = found.entity, self.span.first, today()
        day = lead.expected_close_date
        stage = Entity(Stage)
        firmly = category(lead, stage)
        bucket = case((day < first, quoted(EARLIER)), (day < now, quoted(OVERDUE)), else_=firmly)
        expected = and_(day < self.span.end, or_(day >= first, day < now))
        counts = and_(stage.kind == quoted(StageKind.OPEN), firmly != quoted(ForecastCategory.OMITTED))
        found = found.where(lead.closed_at.is_(None), expected, counts)
        return self._of(found, stage, bucket, day)

    def _won(self) -> Any:
        """Deals that were won in the period."""
        found = rows(Lead)
        lead, stage = found.entity, Entity(Stage)
        within = and_(lead.closed_at >= starts(self.span.first), lead.closed_at < starts(self.span.end))
        day = cast(func.timezone(own_calendar().zone, lead.closed_at), Date)
        found = found.where(lead.closed_at.is_not(None), within, stage.kind == quoted(StageKind.WON))
        return self._of(found, stage, quoted(ForecastCategory.CLOSED), day)

    @staticmethod
    def _of(found: Any, stage: Any, bucket: Expression, day: Expression) -> Any:
        lead = found.entity
        joined = lead.__clause_element__().join(
            stage.__clause_element__(), and_(stage.org_id == lead.org_id, stage.id == lead.stage_id)
        )
        currency = case((lead.value.is_(None), literal_column("''")), else_=lead.currency)
        columns = (lead.owner_id, lead.pipeline_id, currency.label("currency"), lead.value)
        weighed = (chance(lead, stage).label("chance"), bucket.label("bucket"), day.label("day"))
        return select(*columns, *weighed).select_from(joined).where(*found.conditions)

    def group(self, row: Any) -> Expression:
        """What a row is about, as a text: the public ids it is divided by."""
        parts = []
        for one in self.by:
            id, noun = getattr(row, KEYS[one]), {"OWNER": "member"}.get(one, one.lower())
            named = literal_column(f"'{noun}_'", Text()).concat(cast(id, Text))
            parts += [literal_column("'/'"), func.coalesce(named, literal_column(f"'no_{noun}'"))]
        return func.concat(*parts[1:], type_=Text()) if parts else literal_column("'all'", Text())


def _sum(value: Expression, deal: Any, buckets: tuple[str, ...]) -> ColumnElement[Any]:
    wanted: Any = func.sum(value, type_=Numeric())
    return func.coalesce(wanted.filter(deal.c.bucket.in_([quoted(one) for one in buckets])), ZERO, type_=Numeric())
