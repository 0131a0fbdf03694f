"""Facts counted and summed up by group: the base of every report.

A fact is a row of a lead or of an activity. Counts are about all facts of a group; amounts are summed up by currency,
never across currencies, converted where that is asked for, and rounded once, where they are shown.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

from sqlalchemy import CTE, Date, Integer, Numeric, Text, and_, case, cast, column, func, literal_column, or_, select
from sqlalchemy.dialects.postgresql import aggregate_order_by

from engine.publish.provided import Provided
from engine.read.json_text import Expression
from engine.read.rows import Rows
from engine.read.slots import Args, Slot
from models.rules.money import as_currency
from resolvers.reads.sums.columns import Summed, nothing, summed
from resolvers.reads.sums.conversion import RatesUsed, digits_of
from resolvers.reads.sums.groups import keys_of, no_keys, order_of, placed, too_many

ZERO: Expression = literal_column("0", Integer())
NO_CURRENCY: Expression = literal_column("''", Text())

Measure = Callable[[Any], Any]
"""Builds SQL from the columns of a fact: a condition to count by, or a number to sum up."""


@dataclass(frozen=True)
class Tally:
    """What is counted and summed up of facts, by group.

    `facts` has the columns that it is grouped by, and where there are `amounts`: `value`, its `currency`, and the
    `day` whose rates convert it. `counts` are conditions. `amounts` are money, null where a fact does not
    count; `numbers` are summed up by currency like them, but are no money; `totals` are summed up over all currencies.
    `into` is the currency to convert into, by the rates of the day `on`, or else of each fact's own. With `shares`,
    each group knows how many `facts` there are in all groups together, each once.
    """

    facts: CTE
    by: tuple[str, ...]
    counts: Mapping[str, Measure]
    amounts: Mapping[str, Measure] = field(default_factory=dict)
    numbers: Mapping[str, Measure] = field(default_factory=dict)
    totals: Mapping[str, Measure] = field(default_factory=dict)
    into: Slot | None = None
    on: Slot | None = None
    shares: bool = False

    @property
    def tally(self) -> "Tally":
        """Itself: each report has its tally under this name."""
        return self

    @property
    def sums(self) -> Mapping[str, Measure]:
        """What is summed up by currency."""
        return {**self.amounts, **self.numbers}

    def _day(self, row: Any) -> Any:
        return row.c.day if self.on is None else self.on.bind(Date())

    @cached_property
    def parts(self) -> CTE:
        """The counts and sums by group and currency, and by day where that decides the rates."""
        fact = placed(self.facts, self.by)
        keys = keys_of(fact, self.by)
        if self.amounts:
            keys += [fact.c.currency, *([] if self.into is None else [self._day(fact).label("day")])]
        counted = [func.count().filter(counts(fact.c)).label(name) for name, counts in self.counts.items()]
        summed_up = [func.sum(part(fact.c), type_=Numeric()).label(name) for name, part in self.sums.items()]
        counted += [func.sum(part(fact.c), type_=Numeric()).label(name) for name, part in self.totals.items()]
        place: list[Any] = [literal_column(str(nth)) for nth in range(1, len(keys) + 1)]
        return select(*keys, *counted, *summed_up).select_from(fact).group_by(*place).cte()

    @cached_property
    def conversion(self) -> RatesUsed | None:
        """The rates of the currencies and days that occur."""
        if self.into is None or not self.amounts:
            return None
        used = select(self.parts.c.currency, self.parts.c.day).where(self._counts(self.parts.c)).distinct()
        return RatesUsed(used.subquery(), self.into.bind(Text(), as_currency))

    def _counts(self, columns: Any) -> Any:
        """Whether anything counts in the amounts."""
        return func.coalesce(*(columns[name] for name in self.amounts)).is_not(None)

    @cached_property
    def priced(self) -> CTE:
        """The counts and sums by group and currency, not rounded yet. What has no rate has no currency and no amount,
        but is counted."""
        part, rates = self.parts, self.conversion
        keys = keys_of(part, self.by)
        counts = [func.sum(part.c[name]).label(name) for name in (*self.counts, *self.totals)]
        currency: Any = part.c.currency
        source: Any = part
        sums: list[Any]
        if rates is None:
            sums = [part.c[name] for name in self.sums]
        else:
            known = rates.table.c.known
            currency = case((known, rates.into), else_=NO_CURRENCY)
            source = part.outerjoin(rates.table, rates.of(part.c.currency, part.c.day))
            sums = [case((known, rates.converted(part.c[name]))) for name in self.amounts]
            sums += [case((known, part.c[name])) for name in self.numbers]
        named = [func.sum(one, type_=Numeric()).label(name) for name, one in zip(self.sums, sums, strict=True)]
        chosen = select(*keys, currency.label("currency"), *counts, *named).select_from(source)
        return chosen.group_by(*(literal_column(str(nth)) for nth in range(1, len(keys) + 2))).cte()

    @cached_property
    def groups(self) -> CTE:
        """The groups: their counts, and their sums as arrays, one item for each currency."""
        if not self.amounts:
            keys, counts = keys_of(self.parts, self.by), [cast(self.parts.c[name], Integer) for name in self.counts]
            named: list[Any] = [count.label(name) for count, name in zip(counts, self.counts, strict=True)]
            return select(*keys, *no_keys(self.by), *named, *(self.parts.c[name] for name in self.totals)).cte()
        part = self.priced
        keys = keys_of(part, self.by)
        has_amount = and_(part.c.currency != NO_CURRENCY, self._counts(part.c))
        listed = [
            func.array_agg(aggregate_order_by(part.c[name], part.c.currency)).filter(has_amount).label(f"{name}_sums")
            for name in ("currency", *self.sums)
        ]
        totals: list[Any] = [
            func.coalesce(cast(func.sum(part.c[name]), Integer), ZERO).label(name) for name in self.counts
        ]
        totals += [func.sum(part.c[name], type_=Numeric()).label(name) for name in self.totals]
        if self.shares:
            totals.append(cast(select(func.count()).select_from(self.facts).scalar_subquery(), Integer).label("facts"))
        chosen = select(*keys, *no_keys(self.by), *totals, *listed)
        return chosen.group_by(*keys).cte()

    def rows(self, *first: Expression) -> Summed:
        """The groups, in the order of what they are about."""
        found = summed(self.groups)
        return found.ordered(*first, *order_of(found.entity, self.by))

    def unconverted(self) -> Rows:
        """What has no rate, by currency: each fact once, however many groups it counts in."""
        rates, fact = self.conversion, self.facts
        if rates is None:
            return nothing(currency=Text(), value=Numeric(), count=Integer())
        in_amounts = func.coalesce(*(amount(fact.c) for amount in self.amounts.values())).is_not(None)
        value = func.round(func.sum(fact.c.value, type_=Numeric()), digits_of(fact.c.currency), type_=Numeric())
        joined = fact.join(rates.table, rates.of(fact.c.currency, self._day(fact)))
        found = select(fact.c.currency, cast(func.count(), Integer).label("count"), value.label("value"))
        lost = found.select_from(joined).where(~rates.table.c.known, in_amounts).group_by(fact.c.currency)
        return summed(lost.subquery(), "currency")

    def rates(self) -> Rows:
        """The rates that were used; none without a conversion."""
        if self.conversion is None:
            return nothing(currency=Text(), rate=Numeric(), valid_from=Date())
        return self.conversion.shown()

    def without_value(self, *counted: str) -> Expression:
        """How many facts, of those that are counted as one of these, have no value, and so are in no amount."""
        fact = self.facts
        wanted = [or_(*(self.counts[name](fact.c) for name in counted))] if counted else []
        found = select(func.count()).where(fact.c.value.is_(None), *wanted)
        return cast(found.scalar_subquery(), Integer)


def groups(tally: Tally, args: Args) -> Provided:
    """The groups of a report, provided that they are not too many."""
    return Provided(tally.rows(), too_many(tally.groups))


def rates(report: Any, args: Args) -> Rows:
    """The rates that were used."""
    found: Rows = report.tally.rates()
    return found


def unconverted(report: Any, args: Args) -> Rows:
    """What could not be converted."""
    found: Rows = report.tally.unconverted()
    return found


def values_of(*names: str) -> Callable[[Any, Args], Rows]:
    """The sums of a group, currency by currency."""

    def resolver(group: Any, args: Args) -> Rows:
        arrays = [getattr(group, f"{name}_sums") for name in ("currency", *names)]
        columns: list[Any] = [column("currency", Text()), *(column(name, Numeric()) for name in names)]
        return summed(func.unnest(*arrays).table_valued(*columns).render_derived())

    return resolver


def amount(sum: Any) -> Any:
    """A sum, which is 0 where nothing counts."""
    return func.coalesce(sum, literal_column("0", Numeric()), type_=Numeric())


def money(name: str) -> Callable[[Any, Args], Expression]:
    """An amount of one currency, rounded once."""

    def resolver(sums: Any, args: Args) -> Expression:
        return func.round(amount(getattr(sums, name)), digits_of(sums.currency), type_=Numeric())

    return resolver


def percent(part: Expression, whole: Expression) -> Expression:
    """A part of a whole in percent, with two decimals; null of nothing."""
    share: Any = cast(part, Numeric) * literal_column("100", Numeric()) / func.nullif(whole, ZERO, type_=Numeric())
    return func.round(share, literal_column("2"), type_=Numeric())
