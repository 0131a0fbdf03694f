"""What changed of the open leads of a pipeline between two moments, as steps that lead from one sum to the other.

Every change of a lead ends one span and begins another, so the spans of a lead between the moments are a chain, and the
differences between neighbours add up to the difference between its ends: to the cent, currency by currency. Each
difference has one cause, by what changed there; a lead that was put off after its value had changed is in two steps,
each with its own part.
"""

from dataclasses import dataclass
from enum import StrEnum
from functools import cached_property
from typing import Any

from sqlalchemy import (
    BigInteger,
    ColumnElement,
    Integer,
    Numeric,
    Select,
    Text,
    Uuid,
    case,
    cast,
    column,
    func,
    literal_column,
    or_,
    select,
    table,
    union_all,
)
from sqlalchemy.dialects.postgresql import array

from engine.read.json_text import Expression, quoted
from engine.read.paging import Direction, Order, Page, page
from engine.read.rows import Entity, Rows, rows
from engine.read.slots import Args
from models.tables.analytics.spans import LeadOutcome, LeadSpan
from resolvers.reads.analytics.open_leads import Amounts, OpenLeads
from resolvers.reads.events.subscriptions import cursor_of

NOTHING: Any = literal_column("NULL")


class StepKind(StrEnum):
    """Why the sum of open leads changed."""

    NEW = "NEW"
    REOPENED = "REOPENED"
    PULLED_IN = "PULLED_IN"
    MOVED_IN = "MOVED_IN"
    ASSIGNED_IN = "ASSIGNED_IN"
    VALUE_UP = "VALUE_UP"
    VALUE_DOWN = "VALUE_DOWN"
    PUSHED_OUT = "PUSHED_OUT"
    MOVED_OUT = "MOVED_OUT"
    ASSIGNED_OUT = "ASSIGNED_OUT"
    REMOVED = "REMOVED"
    CONVERTED = "CONVERTED"
    LOST = "LOST"
    WON = "WON"


class StepPart:
    """One lead's part of a step, as a row."""

    __table__ = table(
        "part",
        column("number", BigInteger()),
        column("lead_id", Uuid()),
        column("title", Text()),
        column("kind", Text()),
        column("currency", Text()),
        column("amount", Numeric()),
    )
    identity = "lead_id"


ORDERS = {"NUMBER": Order(lambda part: part.number)}


@dataclass(frozen=True)
class PipelineSteps:
    """The steps from one number of the log to another."""

    leads: OpenLeads
    since: Any
    until: Any

    @cached_property
    def parts(self) -> Any:
        """Each lead's part of each step; as a CTE, so that all fields share it."""
        met = union_all(self._arrived(), self._left()).cte()
        cause, was, now = met.c.cause, met.c.was_value, met.c.value
        other = met.c.was_currency.is_distinct_from(met.c.currency)
        up, down = quoted(StepKind.VALUE_UP), quoted(StepKind.VALUE_DOWN)

        def part(kind: Any, currency: Any, amount: Any, *conditions: Any) -> Select[Any]:
            named = (kind.label("kind"), currency.label("currency"), amount.label("amount"))
            return select(met.c.number, met.c.lead_id, met.c.title, *named).where(*conditions)

        stayed = cause.is_(None)
        return union_all(
            part(cause, met.c.currency, now, met.c.is_in, ~stayed),
            part(cause, met.c.was_currency, -was, met.c.was_in, ~stayed),
            part(up, met.c.currency, now, stayed, other, now.is_not(None)),
            part(down, met.c.was_currency, -was, stayed, other, was.is_not(None)),
            part(case((now > was, up), else_=down), met.c.currency, now - was, stayed, ~other, now != was),
        ).cte()

    def _arrived(self) -> Select[Any]:
        """The spans that began in the pipeline, each with the one before it, if either counts."""
        found = self.leads.spans()
        now = found.entity
        before = rows(LeadSpan)
        earlier = before.where(before.entity.lead_id == now.lead_id, before.entity.until_number == now.from_number)
        was = Entity(LeadSpan, earlier.select().lateral())
        since = found.where(now.until_number > self.since, now.from_number > self.since, now.from_number <= self.until)
        return self._met(now.from_number, now.title, was, now).select_from(
            _joined(now, was)
        ).where(*since.conditions, self._either(was, now))  # fmt: skip

    def _left(self) -> Select[Any]:
        """The spans that counted and ended, where none in the pipeline follows."""
        found = self.leads.spans()
        was = found.entity
        after = rows(LeadSpan)
        later = after.where(after.entity.lead_id == was.lead_id, after.entity.until_number > was.until_number)
        now = Entity(LeadSpan, later.ordered(after.entity.until_number.asc()).first().select().lateral())
        ended = found.where(was.until_number > self.since, was.until_number <= self.until, self.leads.holds(was))
        gone = now.pipeline_id.is_distinct_from(self.leads.pipeline_id)
        return self._met(was.until_number, was.title, was, now).select_from(_joined(was, now)).where(
            *ended.conditions, gone
        )  # fmt: skip

    def _either(self, was: Any, now: Any) -> ColumnElement[bool]:
        return or_(self._in(was), self._in(now))

    def _in(self, span: Any) -> Any:
        return func.coalesce(self.leads.holds(span), literal_column("false"))

    def _met(self, number: Any, title: Any, was: Any, now: Any) -> Select[Any]:
        """Two spans of a lead, one after the other, and why one of them counts and the other does not."""
        was_in, is_in = self._in(was), self._in(now)
        lead_id = func.coalesce(now.lead_id, was.lead_id)

        def worth(span: Any, counts: Any, name: str) -> tuple[Any, Any]:
            value = case((counts, span.value))
            currency = case((counts & span.value.is_not(None), span.currency))
            return value.label(f"{name}value"), currency.label(f"{name}currency")

        cause = case((was_in & is_in, cast(NOTHING, Text)), (is_in, self._cause_in(was)), else_=self._cause_out(now))
        return select(
            number.label("number"),
            lead_id.label("lead_id"),
            title.label("title"),
            was_in.label("was_in"),
            is_in.label("is_in"),
            cause.label("cause"),
            *worth(was, was_in, "was_"),
            *worth(now, is_in, ""),
        )

    def _cause_in(self, was: Any) -> Any:
        return case(
            (was.lead_id.is_(None), quoted(StepKind.NEW)),
            (was.pipeline_id != self.leads.pipeline_id, quoted(StepKind.MOVED_IN)),
            (was.outcome.is_not(None), quoted(StepKind.REOPENED)),
            (~self.leads.has_owner(was), quoted(StepKind.ASSIGNED_IN)),
            else_=quoted(StepKind.PULLED_IN),
        )

    def _cause_out(self, now: Any) -> Any:
        return case(
            (now.lead_id.is_(None), quoted(StepKind.REMOVED)),
            (now.pipeline_id != self.leads.pipeline_id, quoted(StepKind.MOVED_OUT)),
            *((now.outcome == quoted(outcome), quoted(StepKind[outcome])) for outcome in LeadOutcome),
            (~self.leads.has_owner(now), quoted(StepKind.ASSIGNED_OUT)),
            else_=quoted(StepKind.PUSHED_OUT),
        )


def _joined(left: Any, right: Any) -> Any:
    """The rows of one entity, with the row of another that belongs to each, if any."""
    return left.__clause_element__().outerjoin(right.__clause_element__(), literal_column("true"))


class StepSum:
    """A step: its kind, and how many leads it is made of."""

    def __init__(self, steps: PipelineSteps) -> None:
        parts = steps.parts
        order = func.array_position(array([quoted(kind) for kind in StepKind]), parts.c.kind)
        self.parts = parts
        self.clause = (
            select(
                parts.c.kind,
                cast(func.count(parts.c.lead_id.distinct()), Integer).label("leads"),
            )
            .group_by(parts.c.kind)
            .order_by(order)
            .lateral()
        )
        self.kind: Expression = self.clause.c.kind
        self.leads: Expression = self.clause.c.leads

    def __clause_element__(self) -> Any:
        return self.clause


def steps(change: Any, args: Args) -> Rows:
    """The steps that there are, those that add first."""
    return Rows(StepSum, StepSum(change.steps), ())


def values(step: StepSum, args: Args) -> Rows:
    """What a step adds or takes away, by currency."""
    part = step.parts.alias()
    mine = select(part.c.currency, part.c.amount.label("value")).where(part.c.kind == step.kind).correlate(step.clause)
    return Rows(Amounts, Amounts(mine), ())


def leads(step: StepSum, args: Args) -> Page:
    """Each lead's part of a step, in the order of events."""
    part = Entity(StepPart, step.parts.alias())
    return page(Rows(StepPart, part, (part.kind == step.kind,)), args, ORDERS, ("NUMBER", Direction.ASC))


def cursor(part: Any, args: Args) -> Expression:
    """The cursor of the event that changed the lead."""
    return cursor_of(part.number)
