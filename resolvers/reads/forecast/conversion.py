"""Converting amounts into one currency: by which rates, what was used of them, and what has none."""

from dataclasses import dataclass
from enum import StrEnum
from functools import cached_property
from typing import Any

from sqlalchemy import (
    CTE,
    ColumnElement,
    Date,
    Integer,
    Numeric,
    Text,
    and_,
    case,
    cast,
    func,
    literal_column,
    or_,
    select,
    union_all,
)

from engine.read.json_text import Expression, quoted
from engine.read.rows import Rows
from engine.read.slots import Slot
from models.rules.money import PIVOT, PRECISION, as_currency
from resolvers.reads.forecast.deals import NO_AMOUNT, SUMS, ZERO, ForecastDeals
from resolvers.reads.forecast.exchange_rates import held
from resolvers.reads.sums.columns import summed

DIGITS = 30
"""Digits after the point of a converted amount, before it is rounded to those of its currency."""

ONE: Expression = literal_column("1", Numeric())


class RateDate(StrEnum):
    """Which day's exchange rate converts an amount."""

    CLOSE_DATE = "CLOSE_DATE"
    PERIOD_END = "PERIOD_END"


@dataclass(frozen=True)
class Conversion:
    """The amounts of a forecast in one currency. `fixed` is a day whose rates convert all of them."""

    deals: ForecastDeals
    to: Slot
    at: RateDate
    fixed: Slot | None

    @property
    def currency(self) -> Expression:
        """The currency to convert into."""
        return self.to.bind(Text(), as_currency)

    def _day(self, part: Any) -> Expression:
        if self.fixed is not None:
            return self.fixed.bind(Date())
        if self.at is RateDate.CLOSE_DATE:
            return part.c.day  # type: ignore[no-any-return]
        return self.deals.span.last

    @cached_property
    def rates(self) -> CTE:
        """The rates of the currencies and days that occur, and those of the currency to convert into. A currency needs
        no rate to stay what it is."""
        part, into = self.deals.parts, self.currency
        used = select(part.c.currency, self._day(part).label("day")).distinct().subquery()
        own, other, stays = held(used.c.currency, used.c.day), held(into, used.c.day), used.c.currency == into
        rate = case((or_(stays, used.c.currency == quoted(PIVOT)), ONE), else_=own.value(_rate))
        other_rate = case((or_(stays, into == quoted(PIVOT)), ONE), else_=other.value(_rate))
        return (
            select(
                used.c.currency,
                used.c.day,
                rate.label("rate"),
                own.value(_valid_from).label("valid_from"),
                other_rate.label("other_rate"),
                other.value(_valid_from).label("other_from"),
                and_(rate.is_not(None), other_rate.is_not(None)).label("known"),
            )
            .where(used.c.currency != literal_column("''"))
            .cte()
        )

    def _of(self, part: Any) -> ColumnElement[bool]:
        return and_(self.rates.c.currency == part.c.currency, self.rates.c.day == self._day(part))

    def converted(self, names: tuple[str, ...]) -> Any:
        """The parts of the forecast with these amounts in the other currency, without what has no rate."""
        part, rate = self.deals.parts, self.rates

        def amount(name: str) -> ColumnElement[Any]:
            # Multiplied before it is divided, with so many digits that what is lost is never seen.
            exact = func.round(part.c[name] * rate.c.other_rate, literal_column(str(DIGITS)), type_=Numeric())
            return (exact / rate.c.rate).label(name)

        keys = [part.c[name] for name in ("owner_id", "pool_id", "pipeline_id", "deals")]
        chosen = select(*keys, self.currency.label("currency"), *map(amount, names))
        return chosen.select_from(part.join(rate, self._of(part))).where(rate.c.known).subquery()

    def used(self) -> Rows:
        """The rates by which amounts were converted, by currency and day."""
        rate, into = self.rates, self.currency
        converted = and_(rate.c.known, rate.c.currency != into)
        own = select(rate.c.currency, rate.c.rate, rate.c.valid_from).where(converted)
        other = select(into, rate.c.other_rate, rate.c.other_from).where(converted)
        found = summed(own.union(other).subquery(), "currency", "valid_from")
        return found.where(found.entity.valid_from.is_not(None))

    def unconverted(self) -> Rows:
        """What has no rate, by currency: each deal once, however many rows it counts in."""
        one, quota, rate = self.deals.counted, self.deals.quotas, self.rates
        value: Any = sum((one.c[name] for name in SUMS), ZERO)
        no_quota = NO_AMOUNT.label("quota")
        piece = union_all(
            select(one.c.currency, one.c.day, value.label("value"), one.c.deals.label("count"), no_quota),
            select(quota.c.currency, quota.c.day, ZERO, literal_column("0"), quota.c.value),
        ).subquery()
        digits = digits_of(piece.c.currency)
        amounts = [
            func.round(func.sum(piece.c[name], type_=Numeric()), digits, type_=Numeric()).label(name)
            for name in ("value", "quota")
        ]
        count = cast(func.sum(piece.c.count), Integer).label("count")
        lost = select(piece.c.currency, count, *amounts).select_from(piece.join(rate, self._of(piece)))
        return summed(lost.where(~rate.c.known).group_by(piece.c.currency).subquery(), "currency")


def digits_of(currency: Expression) -> Expression:
    """Digits after the point of amounts in a currency."""
    others = sorted({digits for digits in PRECISION.values() if digits != 2})
    codes = {digits: [quoted(code) for code, has in PRECISION.items() if has == digits] for digits in others}
    whens: list[Any] = [(currency.in_(codes[digits]), literal_column(str(digits))) for digits in others]
    return case(*whens, else_=literal_column("2"))


def _rate(row: Any) -> Expression:
    rate: Expression = row.rate
    return rate


def _valid_from(row: Any) -> Expression:
    day: Expression = row.valid_from
    return day
