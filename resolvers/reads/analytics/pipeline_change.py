"""`pipelineChange`: from what the open leads of a pipeline were worth to what they were worth later, and why."""

from dataclasses import dataclass
from typing import Any

from sqlalchemy import Integer, Uuid, and_, cast, func, literal_column, select

from engine.publish.provided import Provided, wrong_if
from engine.read.json_text import Expression
from engine.read.rows import Rows, Same, rows
from engine.read.slots import Args
from models.rules.ids import parse_id
from models.tables.pipeline import Pipeline
from resolvers.reads.analytics.moments import latest, message, moment, wrong_of
from resolvers.reads.analytics.open_leads import Amounts, OpenLeads, OpenThen
from resolvers.reads.analytics.steps import PipelineSteps
from resolvers.reads.events.subscriptions import cursor_of


@dataclass(frozen=True)
class PipelineChange:
    """The two moments, and the steps between them."""

    leads: OpenLeads
    since: Any
    until: Any
    steps: PipelineSteps


def change(root: Any, args: Args) -> Provided:
    """What changed of a pipeline, which may have been deleted since; null where there never was one of this id."""
    pipeline_id = args["pipeline_id"].bind(Uuid(), lambda text: parse_id("pipeline", text))
    since, to = moment("from", args["from_"]), args.get("to")
    until = latest() if to is None else moment("to", to)
    order = wrong_if(
        "from",
        (
            and_(since.wrong.is_(None), until.wrong.is_(None), since.number > until.number),
            message("this moment is after `to`. Send the earlier one as `from`."),
        ),
    )
    given = {name: value for name, value in (args.get("filter") or {}).items() if value is not None}
    leads = OpenLeads(pipeline_id, given)
    found = PipelineChange(leads, since.number, until.number, PipelineSteps(leads, since.number, until.number))
    there = rows(Pipeline, pipeline_id).select(literal_column("1")).exists()
    return Provided(Same(found), wrong_of(since, until, also=order), there)


def from_cursor(change: PipelineChange, args: Args) -> Expression:
    """The cursor of the earlier moment."""
    return cursor_of(change.since)


def to_cursor(change: PipelineChange, args: Args) -> Expression:
    """The cursor of the later one."""
    return cursor_of(change.until)


def start(change: PipelineChange, args: Args) -> Same:
    """The open leads at the earlier moment."""
    return Same(OpenThen(change.leads, change.since))


def end(change: PipelineChange, args: Args) -> Same:
    """The open leads at the later one."""
    return Same(OpenThen(change.leads, change.until))


def count(then: OpenThen, args: Args) -> Expression:
    """How many leads they were."""
    sums = then.sums.alias()
    return select(cast(func.coalesce(func.sum(sums.c.leads), literal_column("0")), Integer)).scalar_subquery()


def values(then: OpenThen, args: Args) -> Rows:
    """What they were worth, by currency."""
    sums = then.sums.alias()
    return Rows(Amounts, Amounts(select(sums.c.currency, sums.c.value)), ())
