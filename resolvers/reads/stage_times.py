"""How long leads stay in each stage, over all their visits, and since when they are rotting."""

from typing import Any

from sqlalchemy import (
    BigInteger,
    ColumnElement,
    DateTime,
    Interval,
    and_,
    case,
    cast,
    exists,
    func,
    literal_column,
    select,
    tuple_,
)

from engine.read.json_text import Expression, quoted
from engine.read.rows import Rows, rows
from engine.read.slots import Args
from models.rules.stage_kind import StageKind
from models.tables.lead import StageChange
from models.tables.stage import Stage
from models.tables.task import Task
from resolvers.reads.tasks.filters import OPEN

INSTANT = DateTime(timezone=True)
NOW: Expression = func.now()
NOTHING: Expression = literal_column("interval '0'", Interval())
ONE: Expression = literal_column("1")


def left_at(step: Any, args: Args) -> Expression:
    """When the stage was left: when the lead entered the next one."""
    found = rows(StageChange)
    later = found.entity
    after = tuple_(later.occurred_at, later.id) > tuple_(step.occurred_at, step.id)
    following = found.where(later.lead_id == step.lead_id, after).ordered(later.occurred_at.asc(), later.id.asc())
    return following.first().value(lambda next: next.occurred_at)


def duration(step: Any, args: Args) -> Expression:
    """How long the visit was, in whole seconds; of one that goes on, so far."""
    return _seconds(_stay(step.occurred_at, left_at(step, args)))


def _stay(entered: Any, left: Any) -> Any:
    """From one instant to another, or to now. A clock that was set back makes no visit shorter than nothing."""
    return func.greatest(func.coalesce(left, NOW) - entered, NOTHING, type_=Interval())


def _seconds(interval: Any) -> Expression:
    return cast(func.floor(func.extract("epoch", interval)), BigInteger)


class Stay:
    """All visits of a lead to one stage."""

    def __init__(self, lead: Any) -> None:
        found = rows(StageChange)
        step = found.entity
        order = (step.occurred_at, step.id)
        left = func.lead(step.occurred_at).over(order_by=order)
        visits = (
            found.where(step.lead_id == lead.id)
            .select(step.to_stage_id, step.occurred_at, _stay(step.occurred_at, left).label("stayed"))
            .subquery()
        )
        self.clause = (
            select(
                visits.c.to_stage_id.label("stage_id"),
                func.sum(visits.c.stayed).label("stayed"),
                func.count().label("visits"),
            )
            .group_by(visits.c.to_stage_id)
            .order_by(func.min(visits.c.occurred_at), visits.c.to_stage_id)
            .lateral()
        )
        self.stage_id: Expression = self.clause.c.stage_id
        self.stayed: Any = self.clause.c.stayed
        self.visits: Expression = self.clause.c.visits

    def __clause_element__(self) -> Any:
        return self.clause


def time_in_stage(lead: Any, args: Args) -> Rows:
    """Every stage that a lead has been in, in the order of the first visits."""
    stay = Stay(lead)
    return Rows(Stay, stay, ())


def stage(stay: Stay, args: Args) -> Rows:
    """The stage."""
    return rows(Stage, stay.stage_id)


def seconds(stay: Stay, args: Args) -> Expression:
    """The length of all visits together."""
    return _seconds(stay.stayed)


def _rots_at(lead: Any, stage: Any) -> Expression:
    """When a lead starts to rot without activity."""
    since = func.greatest(lead.stage_entered_at, lead.last_activity_at, type_=INSTANT)
    days = func.make_interval(literal_column("0"), literal_column("0"), literal_column("0"), stage.rotten_after_days)
    return cast(since + days, INSTANT)


def rotten_since(lead: Any, args: Args) -> Expression:
    """Since when an open lead has been in an open stage for too long without activity; an upcoming task pauses it."""
    planned = rows(Task)
    task = planned.entity
    is_planned = exists(planned.where(task.lead_id == lead.id, task.status == OPEN, task.deadline >= NOW).select(ONE))
    here = rows(Stage, lead.stage_id)
    stage = here.entity
    is_stale: ColumnElement[bool] = and_(
        stage.kind == quoted(StageKind.OPEN), lead.closed_at.is_(None), _rots_at(lead, stage) <= NOW, ~is_planned
    )
    return here.value(lambda stage: case((is_stale, _rots_at(lead, stage))))


def is_rotten(lead: Any, args: Args) -> Expression:
    """Whether the lead is rotting."""
    return rotten_since(lead, args).is_not(None)


def rots_next(lead: Any) -> Expression:
    """When an open lead starts to rot if nothing is changed: after its days and its planned tasks. Null if it is
    rotting, or never does."""
    planned = rows(Task)
    task = planned.entity
    here = planned.where(task.lead_id == lead.id, task.status == OPEN, task.deadline >= NOW)
    until = here.value(lambda row: func.max(row.deadline)) + literal_column("interval '1 microsecond'", Interval())
    stage = rows(Stage, lead.stage_id)
    at = stage.value(lambda row: case((row.kind == quoted(StageKind.OPEN), _rots_at(lead, row))))
    starts = func.greatest(at, until, type_=INSTANT)
    return case((starts > NOW, starts))
