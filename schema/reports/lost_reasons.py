"""Why leads were lost."""

import strawberry

from engine.publish.fields import column, read
from engine.publish.scalars import Decimal_
from resolvers.reads.reports import lost_reasons, tally
from resolvers.reads.sums import groups
from schema.reports.groups import ConvertedReport, ReportKey


@strawberry.type(description="What was lost in one currency, rounded once, to its precision.")
class LostValue:
    currency: str = column("currency", "The currency, as an ISO 4217 code.")
    value: Decimal_ = read(tally.money("lost_value"), "The value of the leads that were lost.")


@strawberry.type(description="The leads that were lost for one reason.")
class LostReasonCount:
    key: ReportKey = read(groups.key, "The reason, `lostReason`, and what else the group is about.")
    count: int = column("lost", "How many leads were lost for this reason.")
    share: Decimal_ = read(
        lost_reasons.share,
        "`count` in percent of all lost leads of the report, each of which counts once: by POOL, shares may add up to "
        "more than 100.",
    )
    disqualified: int = column("disqualified", "How many of them were disqualified; 0 without `countDisqualified`.")
    values: list[LostValue] = read(tally.values_of("lost_value"), "What they were worth, by currency.", rows=2)


@strawberry.type(
    description="Why the leads were lost that were closed on some days, in the organisation's time zone, and are "
    "closed now: in a stage of the kind LOST or, with `countDisqualified`, by being disqualified. Reasons are those "
    "that the leads have now. Leads that were deleted, or merged into others, since are not among them."
)
class LostReasonCounts(ConvertedReport):
    groups: list[LostReasonCount] = read(
        lost_reasons.groups, "The reasons, in each group by itself the most frequent first.", rows=100
    )
    without_value: int = read(
        lost_reasons.without_value, "How many leads were lost, but have no value, and so are in no amount."
    )
