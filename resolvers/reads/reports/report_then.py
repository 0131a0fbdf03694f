"""Reports as of a moment of the past, made from spans: of what these hold, and nothing else.

What they do not hold, such as the source of a lead, is refused rather than taken from today.
"""

from collections.abc import Iterator
from dataclasses import replace
from types import SimpleNamespace
from typing import Any

from sqlalchemy import CTE, and_, select

from engine.publish.provided import Provided
from engine.read.json_text import Expression
from engine.read.rows import Same, rows
from engine.read.slots import Args, BadInput
from models.tables.analytics.spans import LeadSpan, StageSpan
from models.tables.stage import Stage
from resolvers.conditions import sql
from resolvers.conditions.parsing import asked
from resolvers.conditions.tree import Condition, checks
from resolvers.reads.analytics.boards import held_at
from resolvers.reads.analytics.moments import moment, wrong_of
from resolvers.reads.events.subscriptions import cursor_of
from resolvers.reads.lead_lists import matching
from resolvers.reads.leads import chance
from resolvers.reads.periods.calendar import today
from resolvers.reads.reports import report
from resolvers.reads.reports.report import MeasuredReport, ReportBy, ReportMeasure, measured
from resolvers.reads.sums.groups import KEYS, grouped_by

GROUPS = (ReportBy.OWNER, ReportBy.PIPELINE, ReportBy.STAGE)
FILTERS = {
    "pipeline_ids": "pipelineIds",
    "stage_ids": "stageIds",
    "owner_ids": "ownerIds",
    "unowned": "unowned",
    "closed": "closed",
    "currency": "currency",
    "value": "value",
    "expected_close_date": "expectedCloseDate",
}
FIELDS = ("title", "value", "currency", "expectedCloseDate", "pipelineId", "stageId", "ownerId", "closed")
"""What spans hold: of what a report is grouped by, of filters, and of the fields of conditions."""

UNKNOWN = "this is not known of the past. With `asOf`, "


class LeadThen:
    """A lead as it was, seen from filters and conditions: its columns are those of its span."""

    def __init__(self, span: Any) -> None:
        self.span = span
        self.closed_at = span.outcome

    def __getattr__(self, name: str) -> Expression:
        found: Expression = getattr(self.span, name)
        return found


def answer(root: Any, args: Args) -> Provided:
    """A report on leads as they are now, or as they were."""
    return report.of_today(args) if args.get("as_of") is None else _as_of(args)


def _as_of(args: Args) -> Provided:
    condition = None if args.get("condition") is None else asked(args["condition"])
    faults = list(_faults(args, condition))
    if faults:
        raise BadInput.together(faults)
    then, by = moment("asOf", args["as_of"]), grouped_by(args, GROUPS)
    found = MeasuredReport(measured(_facts(args, by, then.number, condition), by, args), cursor_of(then.number))
    return Provided(Same(found), wrong_of(then))


def _faults(args: Args, condition: Condition | None) -> Iterator[BadInput]:
    """What is asked for, and not known of the past."""
    if not set(args.get("group_by") or ()) <= set(GROUPS):
        yield BadInput.at("groupBy", f"{UNKNOWN}group by {_listed(GROUPS)}.")
    if ReportMeasure.AGE in args["measures"]:
        yield BadInput.at("measures", f"{UNKNOWN}leave out AGE.")
    if args.get("in") is not None:
        yield BadInput.at("in", f"{UNKNOWN}leave out the days: the report is about all leads of then.")
    for name, given in (args.get("filter") or {}).items():
        if given is not None and name not in FILTERS:
            yield BadInput.at("filter", f"{UNKNOWN}filter by {_listed(FILTERS.values())}.")
            break
    for check, path in checks(condition) if condition is not None else ():
        if check.field not in FIELDS:
            yield BadInput.at(".".join(("condition", *path[:-1])), f"{UNKNOWN}test {_listed(FIELDS)}.")


def _listed(names: Any) -> str:
    *first, last = names
    return f"{', '.join(first)} or {last}"


def _facts(args: Args, by: tuple[ReportBy, ...], number: Any, condition: Condition | None) -> CTE:
    """A row of each lead of then that matches, with its stage of then."""
    found, own, stages = rows(LeadSpan), rows(Stage), held_at(rows(StageSpan), number)
    span, stage = found.entity, stages.entity
    # Stage by stage, as their index has the spans.
    there = held_at(found.where(span.stage_id.in_(own.select(own.entity.id))), number)
    lead = LeadThen(span)
    wanted = matching(replace(there, entity=lead), args.get("filter")).conditions
    if condition is not None:
        wanted = (*wanted, sql.compiled(condition, lead))
    joined = span.__clause_element__().join(
        stage.__clause_element__(), and_(stage.stage_id == span.stage_id, *stages.conditions)
    )
    keys = {"owner_id", *(KEYS[one][0] for one in by)}
    return (
        select(
            *(getattr(span, name) for name in sorted(keys)),
            span.currency,
            span.value,
            today().label("day"),
            span.outcome,
            chance(SimpleNamespace(closed_at=span.outcome, probability=span.probability), stage).label("chance"),
        )
        .select_from(joined)
        .where(*wanted)
        .cte()
    )
