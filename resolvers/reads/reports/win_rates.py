"""`winRates`: how many of the decided leads were won, by number and by value, and how sure that is."""

from typing import Any

from engine.publish.provided import Provided
from engine.read.json_text import Expression
from engine.read.rows import Same
from engine.read.slots import Args
from resolvers.reads.analytics.days import days
from resolvers.reads.analytics.funnel import is_there, pipeline_of
from resolvers.reads.reports.outcomes import (
    CONVERTED,
    DATES,
    DISQUALIFIED,
    WON,
    dated_on,
    ended,
    facts,
    is_open,
    losses,
    worth,
)
from resolvers.reads.reports.tally import Tally, amount, percent
from resolvers.reads.sums.groups import LeadReportBy, grouped_by


def win_rates(root: Any, args: Args) -> Provided:
    """The win rates of a pipeline; null where there is none of this id."""
    pipeline_id, during = pipeline_of(args), days("in", args["in"])
    found = dated_on(during, args["by"])
    by, lost = grouped_by(args, LeadReportBy), losses(args)
    counts = {
        "reached": ended(WON),  # as intervals call what is counted
        "lost": ended(*lost),
        "decided": ended(WON, *lost),
        "disqualified": ended(DISQUALIFIED),
        "converted": ended(CONVERTED),
        "undecided": is_open,
    }
    amounts = {"won_value": worth(WON), "lost_value": worth(*lost)}
    fact = facts(found.where(found.entity.pipeline_id == pipeline_id), by, DATES[args["by"]])
    tally = Tally(fact, by, counts, amounts, into=args.get("currency"), on=args.get("rates_on"))
    return Provided(Same(tally), during.wrong, is_there(pipeline_id))


def rate(group: Any, args: Args) -> Expression:
    """The part of the decided leads that was won, in percent."""
    return percent(group.reached, group.decided)


def value_rate(sums: Any, args: Args) -> Expression:
    """The part of the decided value that was won, in percent; null where there is no value."""
    won, lost = amount(sums.won_value), amount(sums.lost_value)
    return percent(won, won + lost)


def without_value(tally: Tally, args: Args) -> Expression:
    """How many decided leads have no value."""
    return tally.without_value("decided")
