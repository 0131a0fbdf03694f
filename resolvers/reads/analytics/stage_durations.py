"""`stageDurations`: how long leads stay in the stages of a pipeline, those included that are still there."""

from typing import Any

from sqlalchemy import CTE, Integer, Text, cast, func, literal_column, select

from engine.publish.provided import Provided
from engine.read.json_text import Expression, quoted
from engine.read.slots import Args
from models.rules.stage_kind import StageKind
from resolvers.reads import stages as stage_reads
from resolvers.reads.analytics.days import Days, days
from resolvers.reads.analytics.ever import leads_ever
from resolvers.reads.analytics.funnel import pipeline_of
from resolvers.reads.analytics.visits import visits, within
from resolvers.reads.sums.columns import Summed, summed

ZERO: Expression = literal_column("0")

PERCENTS = (50, 75, 90)
"""The parts of the visits, in percent, of which it is said how long they last at most."""

COUNTED = ("finished", "ongoing", "removed")


def _stages(pipeline_id: Any) -> CTE:
    """The stages in which deals are in progress."""
    found = stage_reads.in_pipeline(pipeline_id)
    working = found.where(found.entity.kind == quoted(StageKind.OPEN))
    return working.select(working.entity.id, working.entity.position).cte()


def _durations(pipeline_id: Any, during: Days | None) -> Summed:
    stage = _stages(pipeline_id)
    lead = leads_ever(lambda lead: {"id": lead.id, "closed_at": lead.closed_at, "gone_at": lead.gone_at}).subquery()
    visit = visits(stage, lead, during=during)
    which = {"finished": visit.c.finished, "removed": visit.c.removed, "ongoing": ~visit.c.finished & ~visit.c.removed}
    counts = [cast(func.count().filter(which[name]), Integer).label(name) for name in COUNTED]
    totals = select(visit.c.stage_id, *counts).group_by(visit.c.stage_id).subquery()
    points = within(visit, PERCENTS)
    found = select(
        stage.c.id.label("stage_id"),
        stage.c.position,
        *(points.c[f"p{percent}"] for percent in PERCENTS),
        *(func.coalesce(totals.c[name], ZERO, type_=Integer()).label(name) for name in COUNTED),
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
