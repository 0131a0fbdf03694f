"""Boards as they were: the stages of a pipeline, the leads in them and their totals at a moment of the past."""

from dataclasses import dataclass
from types import SimpleNamespace
from typing import Any

from sqlalchemy import Numeric, SmallInteger, Text, Uuid, func, literal_column

from engine.publish.provided import Provided
from engine.read.json_text import Expression, typed_id
from engine.read.paging import Direction, Order, Page, page
from engine.read.rows import Entity, Rows, Same, rows
from engine.read.slots import Args
from models.rules.ids import parse_id
from models.tables.analytics.spans import LeadSpan, StageSpan
from models.tables.lead import Lead
from models.tables.pipeline import Pipeline
from resolvers.reads.analytics.moments import moment, wrong_of
from resolvers.reads.events.subscriptions import cursor_of
from resolvers.reads.leads import chance
from resolvers.reads.record_leads import Worth

ORDERS = {"LEAD": Order(lambda lead: lead.id)}


def held_at(found: Rows, number: Any) -> Rows:
    """Those of some spans that held at a number."""
    span = found.entity
    return found.where(span.until_number > number, span.from_number <= number)


@dataclass(frozen=True)
class BoardThen:
    """The board of a pipeline at a number of the log."""

    pipeline_id: Any
    number: Any


class StageThen:
    """A stage as it was: its attributes are those of its span."""

    def __init__(self, span: Any, number: Any) -> None:
        self.span = span
        self.number = number

    def __getattr__(self, name: str) -> Expression:
        found: Expression = getattr(self.span, name)
        return found

    def __clause_element__(self) -> Any:
        return self.span.__clause_element__()

    def leads(self) -> Rows:
        """The leads that were in the stage, each with what its chance was made of."""
        found = rows(LeadSpan)
        span = found.entity
        here = held_at(found.where(span.stage_id == self.span.stage_id), self.number)
        seen = here.select(
            span.column("*", literal=True),
            self.span.kind.label("stage_kind"),
            self.span.probability.label("stage_probability"),
        )
        return Rows(LeadSpan, Entity(LeadSpan, seen.correlate(self.span).subquery()), ())

    def weight(self, lead: Any) -> Expression:
        """The value of one of them times its chance, in percent, of being won."""
        weight: Expression = lead.value * probability(lead, {})
        return weight


def of_pipeline(pipeline: Any, args: Args) -> Provided:
    """The board of a pipeline as it was."""
    then = moment("asOf", args["as_of"])
    return Provided(Same(BoardThen(pipeline.id, then.number)), wrong_of(then))


def board(root: Any, args: Args) -> Provided:
    """The board of any pipeline as it was, of a deleted one, too; null where there never was one of this id."""
    pipeline_id = args["pipeline_id"].bind(Uuid(), lambda text: parse_id("pipeline", text))
    then = moment("asOf", args["as_of"])
    there = rows(Pipeline, pipeline_id).select(literal_column("1")).exists()
    return Provided(Same(BoardThen(pipeline_id, then.number)), wrong_of(then), there)


def cursor(board: BoardThen, args: Args) -> Expression:
    """The cursor of the last event that the board includes."""
    return cursor_of(board.number)


def stages(board: BoardThen, args: Args) -> Rows:
    """The stages of the board, in their order of then."""
    found = rows(StageSpan)
    span = found.entity
    here = held_at(found.where(span.pipeline_id == board.pipeline_id), board.number)
    picked = here.ordered(span.position.asc(), span.stage_id.asc()).picked()
    return Rows(StageSpan, StageThen(picked.entity, board.number), ())


def in_stage(stage: StageThen, args: Args) -> Page:
    """The leads that were in a stage, oldest first."""
    return page(stage.leads(), args, ORDERS, ("LEAD", Direction.ASC))


def totals(stage: StageThen, args: Args) -> Same:
    """How many leads were in a stage, and what they were worth."""
    return Same(stage)


def count(stage: StageThen, args: Args) -> Expression:
    """The number of leads."""
    return stage.leads().select(func.count()).scalar_subquery()


def values(stage: StageThen, args: Args) -> Rows:
    """Their value, by currency."""
    return Rows(Worth, Worth(stage), ())


def lead_id(lead: Any, args: Args) -> Expression:
    """The public id of the lead."""
    return typed_id("lead", lead.lead_id)


def exists(lead: Any, args: Args) -> Expression:
    """Whether the lead is there today."""
    return func.coalesce(rows(Lead, lead.lead_id).value(lambda now: literal_column("true")), literal_column("false"))


def closed(lead: Any, args: Args) -> Expression:
    """Whether the lead was closed."""
    is_closed: Expression = lead.outcome.is_not(None)
    return is_closed


def probability(lead: Any, args: Args) -> Expression:
    """The chance of winning it, in percent, as of then."""
    stage = SimpleNamespace(
        kind=lead.column("stage_kind", Text()), probability=lead.column("stage_probability", SmallInteger())
    )
    return chance(SimpleNamespace(closed_at=lead.outcome, probability=lead.probability), stage)


def weighted_value(lead: Any, args: Args) -> Expression:
    """Value times probability, rounded once to the currency's precision."""
    weighted = lead.value * probability(lead, {}) * literal_column("0.01")
    return func.round(weighted, func.scale(lead.value), type_=Numeric())
