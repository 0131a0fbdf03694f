"""What became of leads, by where they came from."""

import strawberry

from engine.publish.fields import column, read
from engine.publish.scalars import Decimal_
from resolvers.reads.reports import lead_sources, tally
from schema.reports.groups import ConvertedReport


@strawberry.type(
    description="What the leads of a source are worth in one currency. Leads without a value are in no amount. Amounts "
    "are rounded once, to the precision of the currency."
)
class LeadSourceValue:
    currency: str = column("currency", "The currency, as an ISO 4217 code.")
    value: Decimal_ = read(tally.money("all_value"), "The value of all of them, open, won or lost.")
    won: Decimal_ = read(tally.money("won_value"), "The value of those that were won.")


@strawberry.type(description="What became of the leads of one source.")
class LeadSource:
    source: str | None = column(
        "source", "The source, letter by letter as `Lead.source` says it; null for leads without one."
    )
    leads: int = column("leads", "How many leads came from it.")
    qualified: int = column("qualified", "How many of them have been qualified.")
    converted: int = column("converted", "How many of them were converted into opportunities.")
    won: int = column("reached", "How many were won, they themselves or their opportunities.")
    lost: int = column("lost", "How many were lost or disqualified, they themselves or their opportunities.")
    open: int = column("open", "How many are open, they themselves or their opportunities.")
    win_rate: Decimal_ | None = read(
        lead_sources.win_rate, "`won` of `won` and `lost` together, in percent; null when there are none."
    )
    values: list[LeadSourceValue] = read(
        tally.values_of("all_value", "won_value"), "What they are worth, by currency.", rows=2
    )


@strawberry.type(
    description="What became of the leads that were created on some days, in the organisation's time zone, by where "
    "they came from. A lead that was converted counts once, with the outcome and the value of its opportunity. Leads "
    "that were deleted, or merged into others, since are not among them."
)
class LeadSources(ConvertedReport):
    sources: list[LeadSource] = read(
        lead_sources.sources,
        "The sources, letter by letter; no source comes last. More than 1,000 are an error.",
        rows=100,
    )
    without_value: int = read(lead_sources.without_value, "How many leads have no value, and so are in no amount.")
