"""Reading exchange rates: those that hold on a day."""

from typing import Any

from sqlalchemy import Date, Text, func
from sqlalchemy.dialects import postgresql

from engine.read.json_text import Expression, quoted
from engine.read.rows import OfEach, Rows, rows
from engine.read.slots import Args
from models.rules.money import PIVOT, PRECISION
from models.tables.forecast.exchange_rate import ExchangeRate
from resolvers.reads.periods.calendar import today


def exchange_rates(root: Any, args: Args) -> Rows:
    """The rate of each currency that holds on a day, by currency; on a day of the organisation's calendar, today."""
    asked = args.get("on")
    day = today() if asked is None else asked.bind(Date())
    codes = postgresql.array([quoted(code) for code in sorted(PRECISION) if code != PIVOT])
    currencies = func.unnest(codes, type_=Text()).table_valued("currency").render_derived()
    found = held(currencies.c.currency, day)
    each = OfEach(ExchangeRate, found.entity, found.conditions, found.order, found.size, parents=currencies)
    rate = each.picked()
    return rate.ordered(rate.entity.currency.asc())


def held(currency: Expression, day: Expression) -> Rows:
    """The rate of a currency that holds on a day, which its primary key finds."""
    found = rows(ExchangeRate)
    rate = found.entity
    until = found.where(rate.currency == currency, rate.valid_from <= day)
    return until.ordered(rate.valid_from.desc()).first()
