"""Converting amounts into one currency: by which rates, what was used of them, and what has none."""

from dataclasses import dataclass
from enum import StrEnum
from functools import cached_property
from typing import Any

from sqlalchemy import (
    ColumnElement,
    Date,
    Integer,
    Numeric,
    Text,
    cast,
    func,
    literal_column,
    select,
    union_all,
)

from engine.read.json_text import Expression
from engine.read.rows import Rows
from engine.read.slots import Slot
from models.rules.money import as_currency
from resolvers.reads.forecast.deals import NO_AMOUNT, SUMS, ZERO, ForecastDeals
from resolvers.reads.sums.columns import summed
from resolvers.reads.sums.conversion import RatesUsed, digits_of


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
    def rates(self) -> RatesUsed:
        """The rates of the currencies and days that occur."""
        part = self.deals.parts
        return RatesUsed(select(part.c.currency, self._day(part).label("day")).distinct().subquery(), self.currency)

    def _of(self, part: Any) -> ColumnElement[bool]:
        return self.rates.of(part.c.currency, self._day(part))

    def converted(self, names: tuple[str, ...]) -> Any:
        """The parts of the forecast with these amounts in the other currency, without what has no rate."""
        part, rate = self.deals.parts, self.rates.table
        keys = [part.c[name] for name in ("owner_id", "pool_id", "pipeline_id", "deals")]
        amounts = [self.rates.converted(part.c[name]).label(name) for name in names]
        chosen = select(*keys, self.currency.label("currency"), *amounts)
        return chosen.select_from(part.join(rate, self._of(part))).where(rate.c.known).subquery()

    def used(self) -> Rows:
        """The rates by which amounts were converted, by currency and day."""
        return self.rates.shown()

    def unconverted(self) -> Rows:
        """What has no rate, by currency: each deal once, however many rows it counts in."""
        one, quota, rate = self.deals.counted, self.deals.quotas, self.rates.table
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
