"""`lostReasonCounts`: why leads were lost, how many, and what they were worth."""

from typing import Any

from engine.publish.provided import Provided
from engine.read.json_text import Expression
from engine.read.rows import Same
from engine.read.slots import Args
from resolvers.reads.analytics.days import days
from resolvers.reads.analytics.funnel import is_there, pipeline_of
from resolvers.reads.reports.outcomes import (
    DATES,
    DISQUALIFIED,
    CountedIn,
    dated_on,
    ended,
    facts,
    losses,
    worth,
)
from resolvers.reads.reports.tally import Tally, percent
from resolvers.reads.sums.groups import LOST_REASON, LeadReportBy, grouped_by, order_of, too_many


def lost_reasons(root: Any, args: Args) -> Provided:
    """Why leads of a pipeline were lost; null where there is none of this id."""
    pipeline_id, during, lost = pipeline_of(args), days("in", args["in"]), losses(args)
    by = (*grouped_by(args, LeadReportBy, 1), LOST_REASON)
    found = dated_on(during, CountedIn.CLOSED_IN)
    mine = found.where(found.entity.pipeline_id == pipeline_id)
    fact = facts(mine, by, DATES[CountedIn.CLOSED_IN], outcomes=lost)
    counts = {"lost": ended(*lost), "disqualified": ended(DISQUALIFIED)}
    amounts = {"lost_value": worth(*lost)}
    tally = Tally(fact, by, counts, amounts, into=args.get("currency"), on=args.get("rates_on"), shares=True)
    return Provided(Same(tally), during.wrong, is_there(pipeline_id))


def groups(tally: Tally, args: Args) -> Provided:
    """The reasons, the most frequent first, in each group by itself."""
    found, (*others, reason) = tally.rows(), tally.by
    order = (*order_of(found.entity, others), found.entity.lost.desc(), *order_of(found.entity, [reason]))
    return Provided(found.ordered(*order), too_many(tally.groups))


def share(group: Any, args: Args) -> Expression:
    """The part of all lost leads, in percent."""
    return percent(group.lost, group.facts)


def without_value(tally: Tally, args: Args) -> Expression:
    """How many lost leads have no value."""
    return tally.without_value("lost")
