"""`leadSources`: what became of the leads of some days, by where they came from.

A lead that was converted counts once, with the outcome and the value of its opportunity.
"""

from typing import Any

from sqlalchemy import CTE, Date, and_, case, cast, func, select

from engine.publish.provided import Provided
from engine.read.json_text import Expression
from engine.read.rows import Entity, Rows, Same
from engine.read.slots import Args
from models.tables.lead import Lead
from models.tables.stage import Stage
from resolvers.reads.analytics.days import Days, days
from resolvers.reads.reports.activities import everything
from resolvers.reads.reports.outcomes import (
    DISQUALIFIED,
    LOST,
    WON,
    CountedIn,
    dated_on,
    ended,
    in_pipelines,
    is_open,
    local_day,
    outcome,
    worth,
)
from resolvers.reads.reports.tally import Tally, percent
from resolvers.reads.sums.groups import MOST_GROUPS, SOURCE, too_many

TOO_MANY = f"these leads came from more than {MOST_GROUPS:,} sources. Report on fewer days or pipelines."


class LeadOrOpportunity:
    """A lead, or the opportunity that it was converted into: the columns of which come first."""

    def __init__(self, lead: Any, opportunity: Any) -> None:
        self.lead = lead
        self.opportunity = opportunity

    def __getattr__(self, name: str) -> Expression:
        own: Expression = getattr(self.lead, name)
        return case((self.opportunity.id.is_(None), own), else_=getattr(self.opportunity, name))


def _facts(found: Rows, during: Days) -> CTE:
    """A row of each lead that was created on some days, but not by a conversion."""
    lead, opportunity, stage = found.entity, Entity(Lead), Entity(Stage)
    deal = LeadOrOpportunity(lead, opportunity)
    became = and_(opportunity.org_id == lead.org_id, opportunity.id == lead.converted_to_id)
    joined = lead.__clause_element__().outerjoin(opportunity.__clause_element__(), became)
    joined = joined.join(stage.__clause_element__(), and_(stage.org_id == lead.org_id, stage.id == deal.stage_id))
    day = func.coalesce(local_day(deal.closed_at), during.last, type_=Date())
    return (
        select(
            lead.source,
            deal.currency.label("currency"),
            deal.value.label("value"),
            cast(day, Date).label("day"),
            outcome(deal, stage).label("outcome"),
            lead.qualified_at.is_not(None).label("qualified"),
            lead.converted_at.is_not(None).label("converted"),
        )
        .select_from(joined)
        .where(*found.conditions, lead.converted_from_id.is_(None))
        .cte()
    )


def lead_sources(root: Any, args: Args) -> Provided:
    """The leads of some days by their source."""
    during = days("in", args["in"])
    fact = _facts(in_pipelines(dated_on(during, CountedIn.CREATED_IN), args), during)
    counts = {
        "leads": everything,
        "qualified": lambda fact: fact.qualified,
        "converted": lambda fact: fact.converted,
        "reached": ended(WON),
        "lost": ended(LOST, DISQUALIFIED),
        "open": is_open,
    }
    amounts = {"all_value": lambda fact: fact.value, "won_value": worth(WON)}
    tally = Tally(fact, (SOURCE,), counts, amounts, into=args.get("currency"), on=args.get("rates_on"))
    return Provided(Same(tally), during.wrong)


def sources(tally: Tally, args: Args) -> Provided:
    """The sources, provided that they are not too many."""
    return Provided(tally.rows(), too_many(tally.groups, "in", TOO_MANY))


def win_rate(source: Any, args: Args) -> Expression:
    """The part of the decided leads that was won, in percent."""
    return percent(source.reached, source.reached + source.lost)


def without_value(tally: Tally, args: Args) -> Expression:
    """How many leads have no value."""
    return tally.without_value("leads")
