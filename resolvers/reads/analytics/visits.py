"""Visits of leads to stages: how long they lasted, and within which time so many of them end.

Source: E. L. Kaplan and P. Meier, "Nonparametric Estimation from Incomplete Observations", 1958.
"""

from collections.abc import Sequence
from typing import Any

from sqlalchemy import CTE, BigInteger, Double, and_, case, cast, func, literal_column, or_, select

from engine.read.json_text import Expression
from engine.read.rows import rows
from models.tables.lead import StageChange
from resolvers.reads import stage_times
from resolvers.reads.analytics.days import Days

ZERO: Expression = literal_column("0")
NOTHING: Expression = literal_column("interval '0'")
CLOSE = "1e-9"
"""Floats that differ by less are equal: a half may come out of logarithms as a little more."""


def visits(stage: CTE, lead: Any, keys: Sequence[str] = (), during: Days | None = None) -> CTE:
    """Each visit of the leads to one of the stages: how many seconds it lasted, and whether it is over. One that ends
    with the lead closed in its stage is over, one that begins when the lead is closed is none, and one during which the
    lead was deleted is not over, but lasts no longer.

    `lead` has the `id`, `closed_at` and `gone_at` of leads, and the columns `keys`.
    """
    found = rows(StageChange)
    step = found.entity
    left = stage_times.left_at(step, {})
    began = [] if during is None else [during.include(step.occurred_at)]
    joined = step.__clause_element__().join(stage, stage.c.id == step.to_stage_id).join(lead, lead.c.id == step.lead_id)
    each = (
        select(
            *(lead.c[key] for key in keys),
            stage.c.id.label("stage_id"),
            step.occurred_at,
            left.label("left_at"),
            lead.c.closed_at,
            lead.c.gone_at,
        )
        .select_from(joined)
        .where(*found.conditions, *began)
        .subquery()
    )
    ended = func.coalesce(each.c.left_at, each.c.closed_at)
    stayed = func.greatest(func.coalesce(ended, each.c.gone_at, func.now()) - each.c.occurred_at, NOTHING)
    open_then = or_(each.c.left_at.is_not(None), each.c.closed_at.is_(None), each.c.closed_at > each.c.occurred_at)
    return (
        select(
            *(each.c[key] for key in keys),
            each.c.stage_id,
            cast(func.floor(func.extract("epoch", stayed)), BigInteger).label("seconds"),
            ended.is_not(None).label("finished"),
            and_(ended.is_(None), each.c.gone_at.is_not(None)).label("removed"),
        )
        .where(open_then)
        .cte()
    )


def within(visit: CTE, percents: Sequence[int], keys: Sequence[str] = ()) -> CTE:
    """Within how many seconds so many percent of the visits end, by stage and `keys`, as `p50` and the like: where the
    product-limit estimate of those that last longer falls below. Null where too many go on."""
    group = [visit.c.stage_id, *(visit.c[key] for key in keys)]
    ended = func.count().filter(visit.c.finished).label("ended")
    tied = select(*group, visit.c.seconds, ended, func.count().label("visits")).group_by(*group, visit.c.seconds)
    each = tied.subquery()
    names = [column.name for column in group]
    part = [each.c[name] for name in names]
    at_risk = func.sum(each.c.visits).over(partition_by=part, order_by=each.c.seconds.desc())
    risked = select(*part, each.c.seconds, each.c.ended, at_risk.label("at_risk")).subquery()
    part = [risked.c[name] for name in names]
    stays = risked.c.at_risk - risked.c.ended
    log = func.ln(cast(func.nullif(stays, ZERO), Double) / cast(risked.c.at_risk, Double))
    product = func.exp(func.sum(log).over(partition_by=part, order_by=risked.c.seconds))
    survival = case((stays == ZERO, ZERO), else_=product)
    left = select(*part, risked.c.seconds, survival.label("survival")).subquery()
    part = [left.c[name] for name in names]
    points = [
        func.min(left.c.seconds, type_=BigInteger())
        .filter(left.c.survival <= literal_column(f"{(100 - percent) / 100} + {CLOSE}"))
        .label(f"p{percent}")
        for percent in percents
    ]
    return select(*part, *points).group_by(*part).cte()
