"""A forecast: what was won and what is expected in a period, compared with quotas."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from sqlalchemy import CTE, Date, Integer, Numeric, Text, cast, func, literal_column, select

from engine.publish.provided import Provided, wrong_if
from engine.read.json_text import Expression
from engine.read.rows import Rows, Same, rows
from engine.read.slots import Args
from models.tables.lead import Lead
from resolvers.reads.forecast.conversion import Conversion, RateDate
from resolvers.reads.forecast.deals import KEYS, NONE, SUMS, ZERO, ForecastBy, ForecastDeals
from resolvers.reads.forecast.period import PeriodDays
from resolvers.reads.periods.calendar import today as today_here
from resolvers.reads.sums.columns import nothing, summed
from resolvers.reads.sums.conversion import digits_of

MOST_GROUPS = 1_000
"""Owners, pools and pipelines, with each other, that a forecast is divided by."""

TOO_MANY = (
    f"this forecast has rows for more than {MOST_GROUPS:,} owners, pools and pipelines. Divide it by fewer of them."
)

AMOUNTS = ("quota", *SUMS, "weight")


@dataclass(frozen=True)
class Forecast:
    """The forecast of a period; its amounts in each currency, or converted into one."""

    deals: ForecastDeals
    conversion: Conversion | None = None

    def rows(self) -> Rows:
        """The rows, by their keys and currencies."""
        return summed(self.summed, *self.deals.keys, "currency")

    def too_many(self) -> Expression:
        """What is wrong where the rows are about too much."""
        groups = select(func.count(func.distinct(self.summed.c.group))).select_from(self.summed).scalar_subquery()
        return wrong_if("by", (groups > literal_column(str(MOST_GROUPS)), literal_column(f"'{TOO_MANY}'", Text())))

    @cached_property
    def summed(self) -> CTE:
        """The sums by key and currency, each rounded once."""
        part = self.deals.parts if self.conversion is None else self.conversion.converted(AMOUNTS)
        digits = digits_of(part.c.currency)

        def total(name: str) -> Any:
            amount: Any = func.sum(part.c[name], type_=Numeric())
            if name == "weight":  # in percent
                amount = amount * literal_column("0.01", Numeric())
            return func.round(amount, digits, type_=Numeric()).label(name)

        keys = [part.c[key] for key in self.deals.keys]
        others: list[Any] = [NONE.label(key) for key in KEYS.values() if key not in self.deals.keys]
        count = cast(func.sum(part.c.deals), Integer).label("deals")
        return (
            select(
                self.deals.group(part.c).label("group"), *keys, *others, part.c.currency, count, *map(total, AMOUNTS)
            )
            .where(part.c.currency != literal_column("''"))
            .group_by(*keys, part.c.currency)
            .cte()
        )


def forecast(root: Any, args: Args) -> Same:
    """The forecast of a period: an object without a row."""
    return Same(summed_up(divided(args), args))


def summed_up(deals: ForecastDeals, args: Args) -> Forecast:
    """The forecast of deals, converted if that is asked for."""
    to, at = args.get("in"), args.get("rate_date") or RateDate.PERIOD_END
    return Forecast(deals, None if to is None else Conversion(deals, to, at, args.get("rates_on")))


def goals(by: ForecastBy) -> Callable[[Any, Args], Rows]:
    """The rows of a member or a pool in the forecast that is divided by them: summed up once for all that are shown."""

    def resolver(holder: Any, args: Args) -> Rows:
        found = summed_up(ForecastDeals(PeriodDays(args["period"]), (by,)), args).rows()
        return found.where(getattr(found.entity, KEYS[by]) == holder.id)

    return resolver


def divided(args: Args) -> ForecastDeals:
    """The deals of the period, and what they are divided by: each once, in one order."""
    return ForecastDeals(PeriodDays(args["period"]), tuple(one for one in ForecastBy if one in args["by"]))


def first_day(forecast: Forecast, args: Args) -> Expression:
    """The first day of the period."""
    return forecast.deals.span.first


def last_day(forecast: Forecast, args: Args) -> Expression:
    """The last day of the period."""
    return forecast.deals.span.last


def today(forecast: Any, args: Args) -> Expression:
    """Today, by which deals are overdue."""
    return today_here()


def rows_of(forecast: Forecast, args: Args) -> Provided:
    """The rows of a forecast, provided that they are not about too much."""
    return Provided(forecast.rows(), forecast.too_many())


def rates(forecast: Forecast, args: Args) -> Rows:
    """The rates that were used; none without a conversion."""
    if forecast.conversion is None:
        return nothing(currency=Text(), rate=Numeric(), valid_from=Date())
    return forecast.conversion.used()


def unconverted(forecast: Forecast, args: Args) -> Rows:
    """What has no rate; nothing without a conversion."""
    if forecast.conversion is None:
        return nothing(currency=Text(), value=Numeric(), count=Integer(), quota=Numeric())
    return forecast.conversion.unconverted()


def without_value(forecast: Forecast, args: Args) -> Expression:
    """How many deals would count, but have no value."""
    one = forecast.deals.counted
    count = func.coalesce(func.sum(one.c.deals), literal_column("0"))
    return select(cast(count, Integer)).where(one.c.currency == literal_column("''")).scalar_subquery()


def without_date(forecast: Forecast, args: Args) -> Expression:
    """How many open deals have no expected close date, and so are in no period."""
    found = rows(Lead)
    undated = found.where(found.entity.closed_at.is_(None), found.entity.expected_close_date.is_(None))
    return cast(undated.select(func.count()).scalar_subquery(), Integer)


def key(row: Any, args: Args) -> Same:
    """What a row is about: an object of the row itself."""
    return Same(row)


def attainment(row: Any, args: Args) -> Expression:
    """What was won, in percent of the quota."""
    percent = row.closed * literal_column("100") / func.nullif(row.quota, ZERO, type_=Numeric())
    return func.round(percent, literal_column("2"), type_=Numeric())


def gap(row: Any, args: Args) -> Expression:
    """What is left to win of the quota."""
    missing: Expression = row.quota - row.closed
    return missing
