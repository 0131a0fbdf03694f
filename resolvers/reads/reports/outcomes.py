"""Leads as facts of reports: how each ended, and when it counts."""

from collections.abc import Mapping
from enum import StrEnum
from typing import Any

from sqlalchemy import CTE, Date, and_, case, cast, func, select

from engine.read.filters import one_of
from engine.read.json_text import Expression, among, quoted
from engine.read.rows import Entity, Rows, rows
from engine.read.slots import Args
from models.rules.stage_kind import StageKind
from models.tables.lead import Lead
from models.tables.stage import Stage
from resolvers.reads.analytics.days import Days
from resolvers.reads.periods.calendar import own_calendar
from resolvers.reads.reports.tally import Measure
from resolvers.reads.sums.groups import KEYS, MONTH, month_of

WON, LOST, DISQUALIFIED, CONVERTED = "WON", "LOST", "DISQUALIFIED", "CONVERTED"


class CountedIn(StrEnum):
    """On which day a lead counts in a report."""

    CLOSED_IN = "CLOSED_IN"
    CREATED_IN = "CREATED_IN"


DATES = {CountedIn.CLOSED_IN: "closed_at", CountedIn.CREATED_IN: "created_at"}
"""The column of each."""


def outcome(lead: Any, stage: Any) -> Expression:
    """How a lead has ended, in the stage that it stands in; null while it is open."""
    return case(
        (stage.kind == quoted(StageKind.WON), quoted(WON)),
        (lead.converted_at.is_not(None), quoted(CONVERTED)),
        (lead.disqualified_at.is_not(None), quoted(DISQUALIFIED)),
        (stage.kind == quoted(StageKind.LOST), quoted(LOST)),
    )


def local_day(instant: Expression) -> Expression:
    """The day of an instant in the organisation's time zone."""
    return cast(func.timezone(own_calendar().zone, instant), Date)


def facts(
    found: Rows,
    by: tuple[str, ...],
    dated: str,
    outcomes: tuple[str, ...] | None = None,
    day: Measure = lambda lead: local_day(lead.closed_at),
    **more: Any,
) -> CTE:
    """A row of each lead found, with its outcome, its value, what it is grouped by, and `more` over lead and stage.

    Its month is that of the column `dated`; its `day`, whose rates convert it, is that on which it was closed. With
    `outcomes`, only leads that ended in one of these ways.
    """
    lead, stage = found.entity, Entity(Stage)
    joined = lead.__clause_element__().join(
        stage.__clause_element__(), and_(stage.org_id == lead.org_id, stage.id == lead.stage_id)
    )
    names = {"owner_id", *(KEYS[one][0] for one in by if one in OF_LEADS)}
    columns = [getattr(lead, name) for name in sorted(names)]
    columns += [month_of(getattr(lead, dated)).label("month")] if MONTH in by else []
    worth = (lead.currency, lead.value, day(lead).label("day"))
    others = [build(lead, stage).label(name) for name, build in more.items()]
    chosen = select(*columns, *worth, outcome(lead, stage).label("outcome"), *others).select_from(joined)
    only = [] if outcomes is None else [among(outcome(lead, stage), outcomes)]
    return chosen.where(*found.conditions, *only).cte()


OF_LEADS = ("OWNER", "PIPELINE", "STAGE", "SOURCE", "LOST_REASON")
"""What reports are grouped by that is a column of a lead."""


def dated_on(days: Days, counted: CountedIn) -> Rows:
    """The leads that were closed, or created, on some days."""
    found = rows(Lead)
    return found.where(days.include(getattr(found.entity, DATES[counted])))


def ended(*outcomes: str) -> Measure:
    """Whether a fact ended in one of these ways; null, which counts as no, while it is open."""
    return lambda fact: among(fact.outcome, outcomes)


def is_open(fact: Any) -> Any:
    """Whether a fact has not ended yet."""
    return fact.outcome.is_(None)


def worth(*outcomes: str) -> Measure:
    """The value of a fact that ended in one of these ways."""
    return lambda fact: case((ended(*outcomes)(fact), fact.value))


def losses(args: Args) -> tuple[str, ...]:
    """The outcomes that count as lost."""
    return (LOST, DISQUALIFIED) if args["count_disqualified"] else (LOST,)


def in_pipelines(found: Rows, args: Mapping[str, Any]) -> Rows:
    """The leads that are in one of the pipelines asked for, if any are."""
    ids = args.get("pipeline_ids")
    return found if ids is None else found.where(one_of(found.entity.pipeline_id, "pipeline", ids))
