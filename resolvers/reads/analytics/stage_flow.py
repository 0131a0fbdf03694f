"""`stageFlow`: from which stage leads went to which, and where they came in and left."""

from enum import StrEnum
from typing import Any

from sqlalchemy import Integer, Select, Text, Uuid, and_, case, cast, func, literal_column, or_, select, union_all

from engine.publish.provided import Provided
from engine.read.json_text import Expression, quoted
from engine.read.rows import rows
from engine.read.slots import Args
from models.rules.stage_kind import StageKind
from models.tables.lead import Lead, StageChange
from models.tables.stage import Stage
from resolvers.reads.analytics.days import Days, days
from resolvers.reads.analytics.funnel import pipeline_of
from resolvers.reads.sums.columns import Summed, summed


class StageFlowKind(StrEnum):
    """What going from one stage to another means."""

    CAME_IN = "CAME_IN"
    FORWARD = "FORWARD"
    BACKWARD = "BACKWARD"
    REOPENED = "REOPENED"
    WON = "WON"
    LOST = "LOST"
    DISQUALIFIED = "DISQUALIFIED"
    CONVERTED = "CONVERTED"
    WENT_OUT = "WENT_OUT"


NOWHERE: Expression = literal_column("NULL", Uuid())


def _moves(pipeline_id: Any, during: Days) -> Select[Any]:
    """Each step of a lead into a stage of the pipeline, or out of one."""
    found, own = rows(StageChange), rows(Stage)
    step = found.entity
    ids = own.where(own.entity.pipeline_id == pipeline_id).select(own.entity.id)
    here = or_(step.to_stage_id.in_(ids), step.from_stage_id.in_(ids))
    return found.where(here, during.include(step.occurred_at)).select(
        case((step.from_pipeline_id == pipeline_id, step.from_stage_id)).label("from_stage_id"),
        case((step.to_pipeline_id == pipeline_id, step.to_stage_id)).label("to_stage_id"),
        literal_column("NULL", Text()).label("closed"),
    )


def _closed_in_place(pipeline_id: Any, during: Days) -> Select[Any]:
    """Each lead that was closed without leaving its stage, and still is."""
    found = rows(Lead)
    lead = found.entity
    working = rows(Stage, lead.stage_id).where(lead.pipeline_id == pipeline_id)
    is_working = working.where(working.entity.kind == quoted(StageKind.OPEN)).select(literal_column("1")).exists()
    closed = case(
        (lead.converted_at.is_not(None), quoted(StageFlowKind.CONVERTED)),
        else_=quoted(StageFlowKind.DISQUALIFIED),
    )
    return found.where(during.include(lead.closed_at), is_working).select(
        lead.stage_id.label("from_stage_id"), NOWHERE.label("to_stage_id"), closed.label("closed")
    )


def flow(root: Any, args: Args) -> Provided:
    """What went from which stage of a pipeline to which."""
    during = days("in", args["in"])
    return Provided(_flow(pipeline_of(args), during), during.wrong)


def _flow(pipeline_id: Any, during: Days) -> Summed:
    moved = union_all(_moves(pipeline_id, during), _closed_in_place(pipeline_id, during)).subquery()
    pair = (moved.c.from_stage_id, moved.c.to_stage_id, moved.c.closed)
    counted = select(*pair, cast(func.count(), Integer).label("count")).group_by(*pair).subquery()
    left, entered = rows(Stage), rows(Stage)
    was, now = left.entity, entered.entity
    kind = case(
        (counted.c.closed.is_not(None), counted.c.closed),
        (was.id.is_(None), quoted(StageFlowKind.CAME_IN)),
        (now.id.is_(None), quoted(StageFlowKind.WENT_OUT)),
        (now.kind == quoted(StageKind.WON), quoted(StageFlowKind.WON)),
        (now.kind == quoted(StageKind.LOST), quoted(StageFlowKind.LOST)),
        (was.kind != quoted(StageKind.OPEN), quoted(StageFlowKind.REOPENED)),
        (now.position > was.position, quoted(StageFlowKind.FORWARD)),
        else_=quoted(StageFlowKind.BACKWARD),
    )
    joined = counted.outerjoin(
        was.__clause_element__(), and_(was.id == counted.c.from_stage_id, *left.conditions)
    ).outerjoin(now.__clause_element__(), and_(now.id == counted.c.to_stage_id, *entered.conditions))
    order = (
        func.coalesce(was.position, literal_column("-1")).label("from_order"),
        func.coalesce(now.position, literal_column("2147483647")).label("to_order"),
    )
    columns = (counted.c.from_stage_id, counted.c.to_stage_id, counted.c.count, kind.label("kind"))
    found = select(*columns, *order).select_from(joined).subquery()
    return summed(found, "from_order", "to_order", "from_stage_id", "to_stage_id", "kind")
