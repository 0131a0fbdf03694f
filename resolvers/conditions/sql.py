"""Conditions as SQL over a lead's row: the SQL of each field of the catalogue, and of each operator.

The values of a condition, from the arguments of a read or from its stored form, are bound, never written into the SQL.
NULL counts as not met: `and` and `or` preserve that, and `not` tests for it.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from operator import eq, ge, gt, le, lt
from typing import Any

from sqlalchemy import (
    ARRAY,
    ColumnElement,
    Date,
    DateTime,
    Integer,
    Numeric,
    Text,
    Uuid,
    and_,
    any_,
    func,
    literal_column,
    or_,
    select,
)
from sqlalchemy.types import TypeEngine

from engine.read.filters import pattern
from engine.read.json_text import Expression, quoted
from engine.read.redirects import all_resolved, resolved
from engine.read.slots import Slot
from models.rules.text import spelled
from resolvers.conditions.fields import FIELDS, NAMING
from resolvers.conditions.operators import OPERATORS, Kind, Scalar
from resolvers.conditions.tree import AND, Check, Condition, Group, Not
from resolvers.reads.periods.calendar import today
from resolvers.reads.tasks.due import NOW

Predicate = ColumnElement[bool]


def compiled(condition: Condition, lead: Any) -> Predicate:
    """Whether a lead matches a condition; null, where SQL yields it, counts as no match."""
    if isinstance(condition, Not):
        return compiled(condition.part, lead).is_not(literal_column("true"))
    if isinstance(condition, Group):
        parts = [compiled(part, lead) for part in condition.parts]
        return and_(*parts) if condition.operator == AND else or_(*parts)
    asks, field, given = CHECKS[condition.kind][condition.operator], FIELDS[condition.field], Given(condition)
    if field.start is not None and condition.operator in WHOLE:
        found: Predicate = field.start(lead, lambda text: asks(text, given))
        return found
    return asks(field.sql(lead), given)


@dataclass(frozen=True)
class Given:
    """The operand of a check, to be bound."""

    check: Check

    @property
    def value(self) -> Any:
        """The operand as it was given."""
        return self.check.value

    def one(self, type_: TypeEngine[Any], then: Callable[[Any], Any] | None = None) -> Expression:
        """The value to compare with, or the result of `then` for it."""
        scalar = OPERATORS[self.check.kind][self.check.operator].scalar
        return self._bound(self.value, scalar, type_, then)

    def many(self, type_: TypeEngine[Any]) -> Expression:
        """The values of a list, as an array."""
        field, operand = FIELDS[self.check.field], OPERATORS[self.check.kind][self.check.operator]
        bound: Expression = self.value.bind(ARRAY(type_), lambda values: operand.listed(values, field))
        return bound

    def part(self, name: str, type_: TypeEngine[Any]) -> Expression | None:
        """One of several values by its name, or None when it was omitted."""
        parts = OPERATORS[self.check.kind][self.check.operator].parts or {}
        given = {spelled(key): part for key, part in self.value.items()}
        return None if given.get(name) is None else self._bound(given[name], parts[name], type_)

    def _bound(
        self, slot: Slot, scalar: Scalar, type_: TypeEngine[Any], then: Callable[[Any], Any] | None = None
    ) -> Expression:
        field = FIELDS[self.check.field]
        return slot.bind(type_, lambda value: (then or _same)(scalar(value, field)))


def _same(value: Any) -> Any:
    return value


Asks = Callable[[Any, Given], Predicate]
"""Builds the SQL of an operator from a field and its operand."""


def _like(shape: Callable[[str], str]) -> Asks:
    return lambda text, given: text.ilike(given.one(Text(), lambda value: shape(pattern(value))))


def _equals(text: Any, given: Given) -> Predicate:
    return func.lower(text) == func.lower(given.one(Text()))


def _text_in(text: Any, given: Given) -> Predicate:
    wanted = func.unnest(given.many(Text())).table_valued("value").render_derived()
    return func.lower(text).in_(select(func.lower(wanted.c.value)))


def _set(found: Any, given: Given) -> Predicate:
    is_set: Predicate = found.is_not(None) if given.value else found.is_(None)
    return is_set


def _compared(sign: Callable[[Any, Any], Any], type_: TypeEngine[Any]) -> Asks:
    return lambda found, given: sign(found, given.one(type_))


def _priced(sign: Callable[[Any, Any], Any]) -> Asks:
    def asks(money: Any, given: Given) -> Predicate:
        return and_(
            money.currency == given.part("currency", Text()), sign(money.value, given.part("amount", Numeric()))
        )

    return asks


def _between(type_: TypeEngine[Any], low: str, high: str) -> Asks:
    def asks(found: Any, given: Given) -> Predicate:
        least, most = given.part(low, type_), given.part(high, type_)
        limits = [found >= least if least is not None else None, found <= most if most is not None else None]
        return and_(found.is_not(None), *(limit for limit in limits if limit is not None))

    return asks


def _money_between(money: Any, given: Given) -> Predicate:
    within = _between(Numeric(), "min", "max")(money.value, given)
    return and_(money.currency == given.part("currency", Text()), within)


def _days(sign: int) -> Asks:
    """From today so many days back or ahead, both days inclusive."""

    def asks(day: Any, given: Given) -> Predicate:
        today_, days = today(), given.one(Integer())
        near: Predicate = day.between(today_ - days, today_) if sign < 0 else day.between(today_, today_ + days)
        return near

    return asks


def _last_days(instant: Any, given: Given) -> Predicate:
    ago = given.one(Integer()) * literal_column("interval '1 day'")
    is_recent: Predicate = instant.between(NOW - ago, NOW)
    return is_recent


def _choice(found: Any, given: Given) -> Predicate:
    wanted = given.value if isinstance(given.value, list) else [given.value]
    is_one: Predicate = found.in_([quoted(str(value)) for value in wanted])
    return is_one


def _id_is(found: Any, given: Given) -> Predicate:
    id = given.one(Uuid())
    is_same: Predicate = found == (resolved(id) if given.check.field in NAMING else id)
    return is_same


def _id_in(found: Any, given: Given) -> Predicate:
    ids = given.many(Uuid())
    is_one: Predicate = found == any_(all_resolved(ids) if given.check.field in NAMING else ids)
    return is_one


def _is(found: Any, given: Given) -> Predicate:
    is_so: Predicate = found if given.value else ~found
    return is_so


WHOLE = ("equals", "in")
"""The operators that compare whole texts, which an index finds."""

SIGNS: Mapping[str, Callable[[Any, Any], Any]] = {
    "equals": eq,
    "lessThan": lt,
    "atMost": le,
    "moreThan": gt,
    "atLeast": ge,
}
INSTANT = DateTime(timezone=True)

CHECKS: Mapping[Kind, Mapping[str, Asks]] = {
    Kind.TEXT: {
        "equals": _equals,
        "contains": _like(_same),
        "startsWith": _like(lambda text: text.removeprefix("%")),
        "endsWith": _like(lambda text: text.removesuffix("%")),
        "in": _text_in,
        "isSet": _set,
    },
    Kind.NUMBER: {
        **{name: _compared(sign, Integer()) for name, sign in SIGNS.items()},
        "between": _between(Integer(), "min", "max"),
        "isSet": _set,
    },
    Kind.MONEY: {
        **{name: _priced(sign) for name, sign in SIGNS.items()},
        "between": _money_between,
        "isSet": lambda money, given: _set(money.value, given),
    },
    Kind.DATE: {
        "before": _compared(lt, Date()),
        "after": _compared(gt, Date()),
        "within": _between(Date(), "from", "to"),
        "withinLastDays": _days(-1),
        "withinNextDays": _days(1),
        "isSet": _set,
    },
    Kind.INSTANT: {
        "before": _compared(lt, INSTANT),
        "after": _compared(gt, INSTANT),
        "within": _between(INSTANT, "from", "to"),
        "withinLastDays": _last_days,
        "isSet": _set,
    },
    Kind.BOOLEAN: {"is": _is},
    Kind.CHOICE: {"is": _choice, "in": _choice},
    Kind.ID: {
        "is": _id_is,
        "in": _id_in,
        "isSet": _set,
    },
}
"""The SQL of each operator of each kind."""
