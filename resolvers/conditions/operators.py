"""The operators of conditions: those for fields of each kind, and the values they compare with."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime
from decimal import Decimal
from enum import StrEnum
from typing import Any

from models.rules.ids import parse_id
from models.rules.money import as_currency

MOST_VALUES = 100
"""Values in the list of `in`."""

LONGEST_TEXT = 200
"""Characters of a text to compare with."""

MOST_DAYS = 3650
"""Days that a test may go back or ahead."""


class Kind(StrEnum):
    """The kind of a field's value, which decides its operators."""

    TEXT = "TEXT"
    NUMBER = "NUMBER"
    MONEY = "MONEY"
    DATE = "DATE"
    INSTANT = "INSTANT"
    BOOLEAN = "BOOLEAN"
    CHOICE = "CHOICE"
    ID = "ID"


@dataclass(frozen=True)
class Field:
    """A field of conditions: its kind, its SQL over a lead's row, and its published description.

    `choices` are the values of a choice; `prefix` is the noun of the record that an id names. `start` turns a test of
    the value into one of the lead, which starts from the records that have the value: an index finds those.
    """

    kind: Kind
    sql: Callable[[Any], Any]
    description: str
    choices: type[StrEnum] | None = None
    prefix: str = ""
    start: Callable[[Any, Callable[[Any], Any]], Any] | None = None


Scalar = Callable[[Any, Field], Any]
"""Takes a value as it was sent or stored, and returns the value to compare with. Raises `ValueError`."""


def _text(value: Any, field: Field) -> str:
    if not 1 <= len(value) <= LONGEST_TEXT:
        raise ValueError(f"a text to compare with has 1 to {LONGEST_TEXT} characters, not {len(value):,}.")
    return str(value)


def _number(value: Any, field: Field) -> int:
    return int(value)


def _amount(value: Any, field: Field) -> Decimal:
    return Decimal(value)


def _currency(value: Any, field: Field) -> str:
    return as_currency(value)


def _date(value: Any, field: Field) -> date:
    return date.fromisoformat(value) if isinstance(value, str) else value


def _instant(value: Any, field: Field) -> datetime:
    return datetime.fromisoformat(value).astimezone(UTC) if isinstance(value, str) else value


def _days(value: Any, field: Field) -> int:
    if not 0 <= value <= MOST_DAYS:
        raise ValueError(f"{value} is out of range: send 0 to {MOST_DAYS}.")
    return int(value)


def _boolean(value: Any, field: Field) -> bool:
    return bool(value)


def _choice(value: Any, field: Field) -> str:
    choices = list(field.choices or ())
    if value not in choices:
        raise ValueError(f"this must be one of {', '.join(choices)}.")
    return str(value)


def _id(value: Any, field: Field) -> Any:
    return parse_id(field.prefix, value)


@dataclass(frozen=True)
class Operand:
    """The operand of an operator: one value, a list of values, or a few by name."""

    scalar: Scalar = _text
    many: bool = False
    parts: Mapping[str, Scalar] | None = None

    def listed(self, values: Sequence[Any], field: Field) -> list[Any]:
        """The values of a list, ready to compare with. Raises `ValueError`."""
        expect_few(values)
        return [self.scalar(value, field) for value in values]


def expect_few(values: Sequence[Any]) -> None:
    """Refuse an empty or too long list of values. Raises `ValueError`."""
    if not 1 <= len(values) <= MOST_VALUES:
        raise ValueError(f"List 1 to {MOST_VALUES} values, not {len(values):,}.")


def _compared(scalar: Scalar) -> dict[str, Operand]:
    return {name: Operand(scalar) for name in ("equals", "lessThan", "atMost", "moreThan", "atLeast")}


_SET = {"isSet": Operand(_boolean)}
_MONEY = Operand(parts={"amount": _amount, "currency": _currency})

OPERATORS: Mapping[Kind, Mapping[str, Operand]] = {
    Kind.TEXT: {
        **{name: Operand(_text) for name in ("equals", "contains", "startsWith", "endsWith")},
        "in": Operand(_text, many=True),
        **_SET,
    },
    Kind.NUMBER: {**_compared(_number), "between": Operand(parts={"min": _number, "max": _number}), **_SET},
    Kind.MONEY: {
        **dict.fromkeys(_compared(_amount), _MONEY),
        "between": Operand(parts={"min": _amount, "max": _amount, "currency": _currency}),
        **_SET,
    },
    Kind.DATE: {
        "before": Operand(_date),
        "after": Operand(_date),
        "within": Operand(parts={"from": _date, "to": _date}),
        "withinLastDays": Operand(_days),
        "withinNextDays": Operand(_days),
        **_SET,
    },
    Kind.INSTANT: {
        "before": Operand(_instant),
        "after": Operand(_instant),
        "within": Operand(parts={"from": _instant, "to": _instant}),
        "withinLastDays": Operand(_days),
        **_SET,
    },
    Kind.BOOLEAN: {"is": Operand(_boolean)},
    Kind.CHOICE: {"is": Operand(_choice), "in": Operand(_choice, many=True)},
    Kind.ID: {"is": Operand(_id), "in": Operand(_id, many=True), **_SET},
}
"""The operators of each kind of field."""
