"""`stageDurations`: how long leads stay in the stages of a pipeline, those included that are still there.

Source: E. L. Kaplan and P. Meier, "Nonparametric Estimation from Incomplete Observations", 1958.
"""

from typing import Any

from sqlalchemy import CTE, BigInteger, Double, Integer, Text, and_, case, cast, func, literal_column, or_, select

from engine.publish.provided import Provided
from engine.read.json_text import Expression, quoted
from engine.read.rows import rows
from engine.read.slots import Args
from models.rules.stage_kind import StageKind
from models.tables.lead import Lead, StageChange
from resolvers.reads import stage_times
from resolvers.reads import stages as stage_reads
from resolvers.reads.analytics.days import Days, days
from resolvers.reads.analytics.funnel import pipeline_of
from resolvers.reads.sums.columns import Summed, summed

ZERO: Expression = literal_column("0")
NOTHING: Expression = literal_column("interval '0'")
CLOSE = "1e-9"
"""Floats that differ by less are equal: a half may come out of logarithms as a little more."""

PERCENTS = (50, 75, 90)
"""The parts of the visits, in percent, of which it is said how long they last at most."""


def _stages(pipeline_id: Any) -> CTE:
    """The stages in which deals are in progress."""
    found = stage_reads.in_pipeline(pipeline_id)
    working = found.where(found.entity.kind == quoted(StageKind.OPEN))
    return working.select(working.entity.id, working.entity.position).cte()


def _visits(stage: CTE, during: Days | None) -> CTE:
    """Each visit to one of the stages: how many seconds it lasted, and whether it is over. One that ends with the lead
    closed in its stage is over; one that begins when the lead is closed is none."""
    found, leads = rows(StageChange), rows(Lead)
    step, lead = found.entity, leads.entity
    left = stage_times.left_at(step, {})
    began = [] if during is None else [during.include(step.occurred_at)]
    joined = (
        step.__clause_element__()
        .join(stage, stage.c.id == step.to_stage_id)
        .join(lead.__clause_element__(), and_(lead.id == step.lead_id, *leads.conditions))
    )
    each = (
        select(stage.c.id.label("stage_id"), step.occurred_at, left.label("left_at"), lead.closed_at)
        .select_from(joined)
        .where(*found.conditions, *began)
        .subquery()
    )
    ended = func.coalesce(each.c.left_at, each.c.closed_at)
    stayed = func.greatest(func.coalesce(ended, func.now()) - each.c.occurred_at, NOTHING)
    open_then = or_(each.c.left_at.is_not(None), each.c.closed_at.is_(None), each.c.closed_at > each.c.occurred_at)
    return (
        select(
            each.c.stage_id,
            cast(func.floor(func.extract("epoch", stayed)), BigInteger).label("seconds"),
            ended.is_not(None).label("finished"),
        )
        .where(open_then)
        .cte()
    )


def _survival(visit: CTE) -> CTE:
    """Of each stage and duration, the part of all visits that last longer: the product-limit estimate."""
    pair = (visit.c.stage_id, visit.c.seconds)
    ended = func.count().filter(visit.c.finished).label("ended")
    tied = select(*pair, ended, func.count().label("visits")).group_by(*pair).subquery()
    at_risk = func.sum(tied.c.visits).over(partition_by=tied.c.stage_id, order_by=tied.c.seconds.desc())
    risked = select(tied.c.stage_id, tied.c.seconds, tied.c.ended, at_risk.label("at_risk")).subquery()
    stays = risked.c.at_risk - risked.c.ended
    log = func.ln(cast(func.nullif(stays, ZERO), Double) / cast(risked.c.at_risk, Double))
    product = func.exp(func.sum(log).over(partition_by=risked.c.stage_id, order_by=risked.c.seconds))
    survival = case((stays == ZERO, ZERO), else_=product)
    return select(risked.c.stage_id, risked.c.seconds, survival.label("survival")).cte()


def _durations(pipeline_id: Any, during: Days | None) -> Summed:
    stage = _stages(pipeline_id)
    visit = _visits(stage, during)
    left = _survival(visit)

    def counted(condition: Any) -> Any:
        return cast(func.count().filter(condition), Integer)

    totals = (
        select(
            visit.c.stage_id,
            counted(visit.c.finished).label("finished"),
            counted(~visit.c.finished).label("ongoing"),
        )
        .group_by(visit.c.stage_id)
        .subquery()
    )
    points = (
        select(
            left.c.stage_id,
            *(
                func.min(left.c.seconds, type_=BigInteger())
                .filter(left.c.survival <= literal_column(f"{(100 - percent) / 100} + {CLOSE}"))
                .label(f"p{percent}")
                for percent in PERCENTS
            ),
        )
        .group_by(left.c.stage_id)
        .subquery()
    )
    found = select(
        stage.c.id.label("stage_id"),
        stage.c.position,
        *(points.c[f"p{percent}"] for percent in PERCENTS),
        *(func.coalesce(totals.c[name], ZERO, type_=Integer()).label(name) for name in ("finished", "ongoing")),
    ).select_from(
        stage.outerjoin(totals, totals.c.stage_id == stage.c.id).outerjoin(points, points.c.stage_id == stage.c.id)
    )
    return summed(found.subquery(), "position", "stage_id")


def durations(root: Any, args: Args) -> Provided:
    """How long leads stay in each stage of a pipeline."""
    given = args.get("in")
    during = None if given is None else days("in", given)
    wrong = literal_column("NULL", Text()) if during is None else during.wrong
    return Provided(_durations(pipeline_of(args), during), wrong)
