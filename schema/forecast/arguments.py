"""The arguments of forecasts: the period, what it is divided by, and into which currency it is converted."""

from engine.publish.enums import publish
from engine.publish.fields import Argument
from engine.publish.scalars import Date
from resolvers.reads.forecast.conversion import RateDate
from resolvers.reads.forecast.deals import ForecastBy

publish(
    ForecastBy,
    "What a forecast is divided by.",
    OWNER="Who works on the deals now.",
    POOL="The pools that the owner is in now. Deals of an owner in several pools count in each of them.",
    PIPELINE="The pipelines that the deals are in.",
)
publish(
    RateDate,
    "Which day's exchange rate converts an amount.",
    CLOSE_DATE="The day on which the deal is expected, or was won; of a quota, the last day of its month.",
    PERIOD_END="The last day of the period, for all amounts.",
)

PERIOD = (
    "The period: a month such as `2026-11`, or a quarter or a year of your organisation's fiscal years, such as "
    "`FY2026-Q1` or `FY2026`. A fiscal year is called by the calendar year in which it ends."
)
DIVIDED = {
    "period": Argument(str, PERIOD),
    "by": Argument(list[ForecastBy], "What to divide it by: any of these, together; nothing for one row a currency."),
}

CONVERTED = {
    "in": Argument(
        str | None,
        "Convert all amounts into this currency, an ISO 4217 code, by the exchange rates of your organisation. Without "
        "it, there is a row for each currency.",
    ),
    "rate_date": Argument(RateDate | None, "Which day's rate converts an amount. By default, PERIOD_END."),
    "rates_on": Argument(Date | None, "Convert all amounts by the rates of this day instead."),
}

OF_ONE = {"period": DIVIDED["period"], **CONVERTED}
"""The arguments of the forecast of one member or pool."""
