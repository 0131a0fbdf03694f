"""`report`: any measures of any leads, by up to two things that they have in common."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from sqlalchemy import CTE, Integer, Numeric, Text, case, cast, func, literal_column

from engine.publish.provided import Provided
from engine.read.json_text import Expression
from engine.read.rows import Rows, Same, rows
from engine.read.slots import Args, BadInput
from models.tables.lead import Lead
from resolvers.conditions import sql
from resolvers.conditions.parsing import asked
from resolvers.reads.analytics.days import days
from resolvers.reads.events.subscriptions import head
from resolvers.reads.lead_lists import counted
from resolvers.reads.leads import chance
from resolvers.reads.periods.calendar import today
from resolvers.reads.reports.activities import everything
from resolvers.reads.reports.outcomes import DATES, DISQUALIFIED, LOST, WON, dated_on, ended, facts, is_open
from resolvers.reads.reports.tally import Tally, amount, money, percent, values_of
from resolvers.reads.sums import groups
from resolvers.reads.sums.columns import nothing
from resolvers.reads.sums.conversion import digits_of
from resolvers.reads.sums.groups import grouped_by

PERCENT: Expression = literal_column("0.01", Numeric())
DAY: Expression = literal_column("86400", Numeric())
ONE: Expression = literal_column("1", Numeric())


class ReportBy(StrEnum):
    """What a report is grouped by."""

    OWNER = groups.OWNER
    POOL = groups.POOL
    PIPELINE = groups.PIPELINE
    STAGE = groups.STAGE
    SOURCE = groups.SOURCE
    MONTH = groups.MONTH
    LOST_REASON = groups.LOST_REASON


class ReportMeasure(StrEnum):
    """What a report measures."""

    COUNT = "COUNT"
    OPEN = "OPEN"
    WON = "WON"
    LOST = "LOST"
    WIN_RATE = "WIN_RATE"
    VALUE = "VALUE"
    WEIGHTED = "WEIGHTED"
    AVERAGE_VALUE = "AVERAGE_VALUE"
    AGE = "AGE"


LOSSES = ended(LOST, DISQUALIFIED)

COUNTS: Mapping[ReportMeasure, Mapping[str, Any]] = {
    ReportMeasure.COUNT: {"leads": everything},
    ReportMeasure.OPEN: {"open": is_open},
    ReportMeasure.WON: {"won": ended(WON)},
    ReportMeasure.LOST: {"lost": LOSSES},
    ReportMeasure.WIN_RATE: {"reached": ended(WON), "decided": ended(WON, LOST, DISQUALIFIED)},
    ReportMeasure.AGE: {"aged": is_open},
}
"""What each measure counts."""

AMOUNTS: Mapping[ReportMeasure, Mapping[str, Any]] = {
    ReportMeasure.VALUE: {"all_value": lambda fact: fact.value},
    ReportMeasure.WEIGHTED: {"weighted": lambda fact: fact.value * fact.chance * PERCENT},
    ReportMeasure.AVERAGE_VALUE: {"all_value": lambda fact: fact.value},
}
"""The amounts of each."""

NUMBERS: Mapping[ReportMeasure, Mapping[str, Any]] = {
    ReportMeasure.AVERAGE_VALUE: {"valued": lambda fact: case((fact.value.is_not(None), ONE))},
}

TOTALS: Mapping[ReportMeasure, Mapping[str, Any]] = {
    ReportMeasure.AGE: {"age": lambda fact: case((is_open(fact), fact.age))},
}


REQUIRED: Mapping[ReportMeasure, tuple[str, Any]] = {
    ReportMeasure.WEIGHTED: ("chance", chance),
    ReportMeasure.AGE: ("age", lambda lead, stage: func.extract("epoch", func.now() - lead.created_at)),
}
"""What a measure needs of a lead and its stage: a fact has it only then, because it is reckoned for each."""


@dataclass(frozen=True)
class MeasuredReport:
    """The groups of a report, and the cursor that it is as of."""

    tally: Tally
    cursor: Expression


def measured(facts: CTE, by: tuple[str, ...], args: Args) -> Tally:
    """The measures that are asked for, of some facts. Raises `BadInput` if there are none."""
    asked = args["measures"]
    if not asked:
        raise BadInput.at("measures", "send at least one measure, such as COUNT.")

    def of(known: Mapping[ReportMeasure, Mapping[str, Any]]) -> dict[str, Any]:
        return {name: build for one in known if one in asked for name, build in known[one].items()}

    into, on = args.get("currency"), args.get("rates_on")
    return Tally(facts, by, of(COUNTS), of(AMOUNTS), of(NUMBERS), of(TOTALS), into=into, on=on)


def of_today(args: Args) -> Provided:
    """A report on the leads that there are now."""
    by, during = grouped_by(args, ReportBy), args.get("in")
    span = None if during is None else days("in", during)
    found = counted(rows(Lead) if span is None else dated_on(span, args["by"]), args.get("filter"))
    if (condition := args.get("condition")) is not None:
        found = found.where(sql.compiled(asked(condition), found.entity))
    more = {name: build for one, (name, build) in REQUIRED.items() if one in args["measures"]}
    fact = facts(found, by, DATES[args["by"]], day=lambda lead: today(), **more)
    report = MeasuredReport(measured(fact, by, args), head(None, {}))
    return Provided(Same(report), literal_column("NULL", Text()) if span is None else span.wrong)


def cursor(report: MeasuredReport, args: Args) -> Expression:
    """The cursor that the report is as of."""
    return report.cursor


def groups_of(report: MeasuredReport, args: Args) -> Provided:
    """The groups, provided that they are not too many."""
    return Provided(report.tally.rows(), groups.too_many(report.tally.groups))


def count(name: str) -> Callable[[Any, Args], Expression]:
    """A count; null unless it is asked for."""
    return lambda group, args: getattr(group, name, cast(literal_column("NULL"), Integer))


def win_rate(group: Any, args: Args) -> Expression:
    """The part of the decided leads that was won, in percent; null unless it is asked for."""
    return percent(group.reached, group.decided) if hasattr(group, "decided") else NO_NUMBER


def age(group: Any, args: Args) -> Expression:
    """The average age of the open leads, in days; null unless it is asked for."""
    if not hasattr(group, "aged"):
        return NO_NUMBER
    seconds = cast(group.age, Numeric) / func.nullif(group.aged, literal_column("0"), type_=Integer())
    return func.round(seconds / DAY, literal_column("2"), type_=Numeric())


NO_NUMBER: Expression = cast(literal_column("NULL"), Numeric)

SUMS = ("all_value", "weighted", "valued")


def values(group: Any, args: Args) -> Rows:
    """The amounts that are asked for, currency by currency."""
    names = [name for name in SUMS if hasattr(group, f"{name}_sums")]
    return values_of(*names)(group, args) if names else nothing(currency=Text())


def value(name: str) -> Callable[[Any, Args], Expression]:
    """An amount, rounded once; null unless it is asked for."""
    return lambda sums, args: money(name)(sums, args) if hasattr(sums, name) else NO_NUMBER


def average_value(sums: Any, args: Args) -> Expression:
    """The average value; null unless it is asked for."""
    if not hasattr(sums, "valued"):
        return NO_NUMBER
    average = amount(sums.all_value) / func.nullif(sums.valued, literal_column("0"), type_=Numeric())
    return func.round(average, digits_of(sums.currency), type_=Numeric())


def without_value(report: MeasuredReport, args: Args) -> Expression:
    """How many leads have no value."""
    return report.tally.without_value()
