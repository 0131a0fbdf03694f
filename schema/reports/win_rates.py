"""How many of the decided leads were won."""

import strawberry

from engine.publish.fields import column, read
from engine.publish.scalars import Decimal_
from resolvers.reads.analytics import funnel
from resolvers.reads.reports import tally, win_rates
from resolvers.reads.sums import groups
from schema.analytics.funnel import RateInterval
from schema.reports.groups import ConvertedReport, ReportKey


@strawberry.type(
    description="What was won and lost in one currency. Leads without a value are in no amount. Amounts are rounded "
    "once, to the precision of the currency."
)
class WinRateValue:
    currency: str = column("currency", "The currency, as an ISO 4217 code.")
    won: Decimal_ = read(tally.money("won_value"), "The value of the leads that were won.")
    lost: Decimal_ = read(tally.money("lost_value"), "The value of the leads that were lost.")
    rate: Decimal_ | None = read(
        win_rates.value_rate, "`won` of `won` and `lost` together, in percent; null when both are 0."
    )


@strawberry.type(
    description="How many leads of a group were won and lost. Leads that were converted into opportunities are neither:"
    " they count where their opportunities are."
)
class WinRateGroup:
    key: ReportKey = read(groups.key, "What the group is about.")
    won: int = column("reached", "How many leads were won: they are closed in a stage of the kind WON.")
    lost: int = column(
        "lost",
        "How many leads were lost: they are closed in a stage of the kind LOST or, with `countDisqualified`, were "
        "disqualified.",
    )
    disqualified: int = column("disqualified", "How many leads were disqualified, whether they count as lost or not.")
    converted: int = column("converted", "How many leads were converted into opportunities.")
    undecided: int = column("undecided", "How many leads are open. None with CLOSED_IN.")
    rate: Decimal_ | None = read(
        win_rates.rate, "`won` of `won` and `lost` together, in percent; null when there are none."
    )
    interval: RateInterval = read(funnel.interval, "How sure the rate is.")
    values: list[WinRateValue] = read(
        tally.values_of("won_value", "lost_value"), "The same by value, for each currency.", rows=2
    )


@strawberry.type(
    description="How many of the decided leads were won. Days and months are those of the organisation's time zone. "
    "Leads that were deleted, or merged into others, since are not among them."
)
class WinRates(ConvertedReport):
    groups: list[WinRateGroup] = read(
        tally.groups,
        "The groups that have leads, sorted by what they are about; one without `groupBy`.",
        rows=100,
    )
    without_value: int = read(
        win_rates.without_value, "How many leads were won or lost, but have no value, and so are in no amount."
    )
