"""Converting amounts into one currency: the rates of the currencies and days that occur, and what has none."""

from dataclasses import dataclass
from functools import cached_property
from typing import Any

from sqlalchemy import CTE, ColumnElement, Numeric, and_, case, func, literal_column, or_, select

from engine.read.json_text import Expression, quoted
from engine.read.rows import Rows
from models.rules.money import PIVOT, PRECISION
from resolvers.reads.forecast.exchange_rates import held
from resolvers.reads.sums.columns import summed

DIGITS = 30
"""Digits after the point of a converted amount, before it is rounded to those of its currency."""

ONE: Expression = literal_column("1", Numeric())


@dataclass(frozen=True)
class RatesUsed:
    """The rates by which amounts become amounts in the currency `into`; `used` is a FROM clause of the currencies and
    days that occur. Amounts without a value have an empty currency."""

    used: Any
    into: Expression

    @cached_property
    def table(self) -> CTE:
        """The rates of the currencies and days that occur, and those of the currency to convert into. A currency needs
        no rate to stay what it is."""
        used, into = self.used, self.into
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

    def of(self, currency: Expression, day: Expression) -> ColumnElement[bool]:
        """Whether a row of the table is about this currency and day."""
        return and_(self.table.c.currency == currency, self.table.c.day == day)

    def converted(self, amount: Expression) -> Expression:
        """An amount in the other currency, not rounded yet, beside its rate."""
        # Multiplied before it is divided, with so many digits that what is lost is never seen.
        exact: Any = func.round(amount * self.table.c.other_rate, literal_column(str(DIGITS)), type_=Numeric())
        return exact / self.table.c.rate  # type: ignore[no-any-return]

    def shown(self) -> Rows:
        """The rates by which amounts were converted, by currency and day."""
        rate, into = self.table, self.into
        converted = and_(rate.c.known, rate.c.currency != into)
        own = select(rate.c.currency, rate.c.rate, rate.c.valid_from).where(converted)
        other = select(into, rate.c.other_rate, rate.c.other_from).where(converted)
        found = summed(own.union(other).subquery(), "currency", "valid_from")
        return found.where(found.entity.valid_from.is_not(None))


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
