"""`stageFlow`: from which stage leads went to which, and where they came in and left."""

from enum import StrEnum
from typing import Any

from sqlalchemy import (
    ColumnElement,
    Integer,
    Select,
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

from engine.publish.provided import Provided
from engine.read.json_text import Expression, quoted
from engine.read.rows import Rows, rows
from engine.read.slots import Args
from models.rules.stage_kind import StageKind
from models.tables.analytics.gone import GoneLead
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
    REMOVED = "REMOVED"


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


def _is_working(lead: Any, pipeline_id: Any) -> ColumnElement[bool]:
    """Whether a lead is in a stage of the pipeline in which deals are in progress."""
    working = rows(Stage, lead.stage_id).where(lead.pipeline_id == pipeline_id)
    return working.where(working.entity.kind == quoted(StageKind.OPEN)).select(literal_column("1")).exists()


def _left_from(found: Rows, kind: Expression) -> Select[Any]:
    """Leads that went nowhere from their stage."""
    columns = (found.entity.stage_id.label("from_stage_id"), NOWHERE.label("to_stage_id"), kind.label("closed"))
    return found.select(*columns)


def _closed_in_place(pipeline_id: Any, during: Days) -> Select[Any]:
    """Each lead that was closed without leaving its stage, and still is."""
    found = rows(Lead)
    lead = found.entity
    closed = case(
        (lead.converted_at.is_not(None), quoted(StageFlowKind.CONVERTED)),
        else_=quoted(StageFlowKind.DISQUALIFIED),
    )
    return _left_from(found.where(during.include(lead.closed_at), _is_working(lead, pipeline_id)), closed)


def _gone(pipeline_id: Any, during: Days) -> tuple[Select[Any], Select[Any]]:
    """Each lead that was closed in place before it was deleted or merged, and each that was then removed from where it
    stood otherwise. A converted lead never goes."""
    found = rows(GoneLead)
    lead = found.entity
    in_place = and_(lead.closed_at.is_not(None), _is_working(lead, pipeline_id))
    closed = found.where(in_place, during.include(lead.closed_at))
    removed = found.where(lead.pipeline_id == pipeline_id, ~in_place, during.include(lead.gone_at))
    return (
        _left_from(closed, quoted(StageFlowKind.DISQUALIFIED)),
        _left_from(removed, quoted(StageFlowKind.REMOVED)),
    )


def flow(root: Any, args: Args) -> Provided:
    """What went from which stage of a pipeline to which."""
    during = days("in", args["in"])
    return Provided(_flow(pipeline_of(args), during), during.wrong)


def _flow(pipeline_id: Any, during: Days) -> Summed:
    gone = _gone(pipeline_id, during)
    moved = union_all(_moves(pipeline_id, during), _closed_in_place(pipeline_id, during), *gone).subquery()
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
