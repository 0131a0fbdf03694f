"""The arguments that reports share: the days, what to group by, and into which currency to convert."""

import strawberry

from engine.publish.enums import publish
from engine.publish.fields import Argument
from engine.publish.scalars import Date
from resolvers.reads.reports.outcomes import CountedIn
from resolvers.reads.sums.groups import LeadReportBy
from schema.analytics.queries import DAYS
from schema.filters.lead import DateRange

publish(
    CountedIn,
    "On which day a lead counts in a report, in the organisation's time zone.",
    CLOSED_IN="On the day on which it was closed, if it is closed now; if it was reopened in between, the last time.",
    CREATED_IN="On the day on which it was created, open or closed.",
)

OWNER = "The member who works on the lead now."
POOL = "The pools that the owner is in now. Leads of an owner in several pools count in each of them."
SOURCE = "Where the lead came from, letter by letter as `Lead.source` says it."

publish(
    LeadReportBy,
    "What a report on won and lost leads is grouped by.",
    OWNER=OWNER,
    POOL=POOL,
    SOURCE=SOURCE,
    MONTH="The month of the day on which the lead counts, in the organisation's time zone.",
)

GROUPS = Argument(
    list[LeadReportBy],
    "What to group by: up to two of these, together; nothing for one group with everything. More than 1,000 groups are "
    "an error.",
    [],
)
PIPELINES = Argument(
    list[strawberry.ID] | None, "Only leads in one of these pipelines, up to 500. Without it, those of all pipelines."
)
DURING = Argument(DateRange, f"The days, {DAYS}.")
DISQUALIFIED = Argument(
    bool, "True: leads that were disqualified count as lost. False: they count as neither won nor lost.", True
)
CONVERTED = {
    "currency": Argument(
        str | None,
        "Convert all amounts into this currency, an ISO 4217 code, by the exchange rates of your organisation. Without "
        "it, amounts are by currency.",
    ),
    "rates_on": Argument(
        Date | None,
        "Convert by the rates of this day. Without it, each amount by those of the day on which its lead was closed; "
        "of an open one, of the last day.",
    ),
}
