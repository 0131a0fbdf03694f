"""What a pipeline brings in a day."""

import strawberry

from engine.publish.fields import column, read
from engine.publish.scalars import Decimal_
from resolvers.reads.reports import velocity
from schema.reports.groups import ConvertedReport


@strawberry.type(
    description="The velocity in one currency, with its factors. Leads without a value are in none of it. Amounts are "
    "rounded once, to the precision of the currency."
)
class VelocityValue:
    currency: str = column("currency", "The currency, as an ISO 4217 code.")
    open: int = read(velocity.open_count, "How many of the open leads have a value in this currency.")
    open_value: Decimal_ = read(velocity.open_value, "What these are worth.")
    average_value: Decimal_ | None = read(
        velocity.average,
        "The average value of the leads that were won on the days; null when none of them has a value in this "
        "currency.",
    )
    per_day: Decimal_ | None = read(
        velocity.per_day,
        "The velocity: `open` times `winRate` times `averageValue`, divided by `cycleDays`, reckoned from the exact "
        "factors and rounded once. Null when one of them is not known, or the cycle takes less than a second.",
    )


@strawberry.type(
    description="What the open leads of a pipeline bring in a day if they are won as often, are worth as much and take "
    "as long as those of some days, in the organisation's time zone. Leads that were deleted, or merged into others, "
    "since are not among them."
)
class Velocity(ConvertedReport):
    open: int = column(
        "in_progress",
        "How many leads were open at the end of the last day, or are open now if that is not over: of what is in the "
        "pipeline today.",
    )
    won: int = column("reached", "How many leads were won on the days: closed in a stage of the kind WON.")
    lost: int = column(
        "lost",
        "How many leads were lost on the days: closed in a stage of the kind LOST or, with `countDisqualified`, by "
        "being disqualified.",
    )
    win_rate: Decimal_ | None = read(
        velocity.rate, "`won` of `won` and `lost` together, in percent; null when there are none."
    )
    cycle_days: Decimal_ | None = read(
        velocity.cycle_days,
        "Within how many days half of the leads are closed, won or not, from when they were created: the median by the "
        "estimate of Kaplan and Meier. At each age, it compares how many leads were open at that age on one of the "
        "days with how many of these were closed then. So leads that are still open count as taking at least so long, "
        "as they do in the life expectancy of a year. Null when too few are closed to know.",
    )
    closed: int = column(
        "ended",
        "How many leads that had been open were closed on the days, won or not: from few, a median says little.",
    )
    values: list[VelocityValue] = read(velocity.values, "The velocity in each currency.", rows=2)
    without_value: int = read(
        velocity.without_value, "How many leads that were won or are open have no value, and so are in no amount."
    )
