"""Conditions: a typed tree of tests over the fields of a lead, its contact and its customer, stored as JSON.

    {"and": [part, …]}   {"or": [part, …]}   {"not": part}   {field: {operator: value}}

A test on a field without a value is not met, whatever the operator, except for `{"isSet": false}`; and `not` is met
wherever its part is not.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any

from models.rules.ids import WrongId
from models.rules.money import as_money
from models.rules.refusal import Refused
from models.rules.text import spelled
from resolvers.conditions.fields import FIELDS
from resolvers.conditions.operators import OPERATORS, Field, Kind, Scalar, expect_few

DEPTH = 10
"""Levels of a tree, including the tests."""

SIZE = 100
"""Groups, negations and tests of a tree."""

AND, OR, NOT = "and", "or", "not"


class WrongCondition(ValueError):
    """The fault of a condition. `path` leads to it: `("and", "1", "not", "score", "in")`; `is_id` means that it is an
    id that is malformed or of the wrong type."""

    def __init__(self, message: str, *path: str, is_id: bool = False) -> None:
        super().__init__(message)
        self.message = message
        self.path = path
        self.is_id = is_id


@dataclass(frozen=True)
class Check:
    """One test of a field; `value` is what the field is compared with."""

    field: str
    operator: str
    value: Any

    @property
    def kind(self) -> Kind:
        """The kind of the field."""
        return FIELDS[self.field].kind


@dataclass(frozen=True)
class Group:
    """Several conditions of which all (`and`) or any (`or`) must be met."""

    operator: str
    parts: tuple["Condition", ...]


@dataclass(frozen=True)
class Not:
    """A condition that must not be met."""

    part: "Condition"


Condition = Check | Group | Not


def parse(given: Mapping[str, Any]) -> Condition:
    """The tree that a mapping describes. Its values are not checked; `settled` checks them.

    Raises `WrongCondition` for a tree that is too deep or too large, an empty group or list, or an unknown field or
    operator.
    """
    room = iter(range(SIZE))
    return _parsed(given, (), room)


def _parsed(given: Mapping[str, Any], path: tuple[str, ...], room: Iterator[int], depth: int = 1) -> Condition:
    if depth > DEPTH:
        raise WrongCondition(f"This condition has more than {DEPTH} levels. Make it flatter.", *path)
    if next(room, None) is None:
        raise WrongCondition(f"This condition has more than {SIZE} parts. Make it smaller.", *path)
    key, value = _only(given, path)
    path = (*path, key)
    if key == NOT:
        return Not(_parsed(value, path, room, depth + 1))
    if key in (AND, OR):
        if not value:
            raise WrongCondition("A group needs at least one condition. Add one, or leave the group out.", *path)
        return Group(key, tuple(_parsed(part, (*path, str(at)), room, depth + 1) for at, part in enumerate(value)))
    if key not in FIELDS:
        raise WrongCondition(f"{key!r} is not a field of a condition. Use a field of the input `Condition`.", *path)
    operator, operand = _only(value, path)
    if operator not in OPERATORS[FIELDS[key].kind]:
        raise WrongCondition(f"{operator!r} is not an operator of this field. Use one of its input.", *path, operator)
    if isinstance(operand, list):  # otherwise it is read later, and counted then
        _expect_few(operand, (*path, operator))
    return Check(key, operator, operand)


def _only(given: Mapping[str, Any], path: tuple[str, ...]) -> tuple[str, Any]:
    """The one key of an object, and its value."""
    if len(given) != 1:
        raise WrongCondition("Send exactly one key here.", *path)
    ((key, value),) = given.items()
    return spelled(key), value


def settled(condition: Condition, path: tuple[str, ...] = ()) -> Condition:
    """The tree with its values ready to compare with. Raises `WrongCondition` for an invalid one."""
    if isinstance(condition, Not):
        return Not(settled(condition.part, (*path, NOT)))
    if isinstance(condition, Group):
        at = (*path, condition.operator)
        return Group(
            condition.operator, tuple(settled(part, (*at, str(nth))) for nth, part in enumerate(condition.parts))
        )
    at = (*path, condition.field, condition.operator)
    return Check(condition.field, condition.operator, _settled(condition, at))


def _settled(check: Check, path: tuple[str, ...]) -> Any:
    field, operand, value = FIELDS[check.field], OPERATORS[check.kind][check.operator], check.value
    if value is None:
        raise WrongCondition("Send a value here.", *path)
    if operand.parts is not None:
        given = {spelled(name): part for name, part in value.items() if part is not None}
        parts = {name: _scalar(operand.parts[name], field, part, (*path, name)) for name, part in given.items()}
        return _agreeing(parts, path)
    if not operand.many:
        return _scalar(operand.scalar, field, value, path)
    _expect_few(value, path)
    return [_scalar(operand.scalar, field, item, (*path, str(at))) for at, item in enumerate(value)]


def _expect_few(values: Sequence[Any], path: tuple[str, ...]) -> None:
    try:
        expect_few(values)
    except ValueError as wrong:
        raise WrongCondition(str(wrong), *path) from wrong


def _scalar(scalar: Scalar, field: Field, value: Any, path: tuple[str, ...]) -> Any:
    try:
        return scalar(value, field)
    except ValueError as wrong:
        message = str(wrong)[:1].upper() + str(wrong)[1:]
        raise WrongCondition(message, *path, is_id=isinstance(wrong, WrongId)) from wrong


def _agreeing(parts: dict[str, Any], path: tuple[str, ...]) -> dict[str, Any]:
    """Checks on values together: a range must not be empty, an amount not finer than its currency."""
    if not parts:
        raise WrongCondition("Send at least one end.", *path)
    if "currency" in parts:
        parts |= _as_fine_as(parts["currency"], parts, path)
    for low, high in (("min", "max"), ("from", "to")):
        if low in parts and high in parts and parts[low] > parts[high]:
            raise WrongCondition(f"`{low}` comes after `{high}`, so nothing lies between. Swap them.", *path, low)
    return parts


def _as_fine_as(currency: str, parts: Mapping[str, Any], path: tuple[str, ...]) -> dict[str, Any]:
    """The amounts at their currency's precision."""
    try:
        return {name: as_money(parts[name], currency, name) for name in ("amount", "min", "max") if name in parts}
    except Refused as refused:
        raise WrongCondition(refused.message, *path, *refused.field) from refused


def as_data(condition: Condition) -> dict[str, Any]:
    """The canonical JSON of a settled tree, with public names and ids: `parse` and `settled` read it back."""
    if isinstance(condition, Not):
        return {NOT: as_data(condition.part)}
    if isinstance(condition, Group):
        return {condition.operator: [as_data(part) for part in condition.parts]}
    prefix = FIELDS[condition.field].prefix

    def plain(value: Any) -> Any:
        if isinstance(value, list):
            return [plain(item) for item in value]
        if isinstance(value, dict):
            return {name: plain(part) for name, part in value.items()}
        if isinstance(value, bool | int):
            return value
        if isinstance(value, date):
            return value.isoformat()
        return f"{prefix}_{value}" if prefix else str(value)

    return {condition.field: {condition.operator: plain(condition.value)}}


def size(given: Mapping[str, Any]) -> int:
    """The groups, negations and tests of a tree, from its canonical JSON."""
    ((key, value),) = given.items()
    if key == NOT:
        return 1 + size(value)
    return 1 + sum(map(size, value)) if key in (AND, OR) else 1


def checks(condition: Condition, path: tuple[str, ...] = ()) -> Iterator[tuple[Check, tuple[str, ...]]]:
    """Every test of a tree, with the path to its value."""
    if isinstance(condition, Not):
        yield from checks(condition.part, (*path, NOT))
    elif isinstance(condition, Group):
        for at, part in enumerate(condition.parts):
            yield from checks(part, (*path, condition.operator, str(at)))
    else:
        yield condition, (*path, condition.field, condition.operator)
