"""Conditions are read: the tree of a mapping, and its values. All faults are found together, each with its path."""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

from engine.read.slots import BadInput
from models.rules.ids import WrongId
from models.rules.money import as_money
from models.rules.refusal import Refused
from models.rules.text import spelled
from resolvers.conditions.fields import FIELDS
from resolvers.conditions.operators import OPERATORS, Field, Scalar, expect_few
from resolvers.conditions.tree import AND, NOT, OR, Check, Condition, Group, Not

DEPTH = 10
"""Levels of a tree, including the tests."""

SIZE = 100
"""Groups, negations and tests of a tree."""

FAULTY = Check("", "", None)
"""Stands for a part with a fault, until the fault is raised."""


class WrongCondition(ValueError):
    """The fault of a condition. `path` leads to it: `("and", "1", "not", "score", "in")`; `is_id` means that it is an
    id that is malformed or of the wrong type."""

    others: Sequence["WrongCondition"] = ()
    """The faults that were found with it."""

    def __init__(self, message: str, *path: str, is_id: bool = False) -> None:
        super().__init__(message)
        self.message = message
        self.path = path
        self.is_id = is_id


class TooLarge(WrongCondition):
    """A tree that is too deep or too large: nothing further is looked at."""


class Faults:
    """The faults of a tree, which are found together: each part is looked at, whatever is wrong with those before."""

    def __init__(self) -> None:
        self.found: list[WrongCondition] = []

    @contextmanager
    def noted(self) -> Iterator[None]:
        """Note a fault, and go on behind the block."""
        try:
            yield
        except TooLarge:
            raise
        except WrongCondition as wrong:
            self.found.append(wrong)

    def expect_none(self) -> None:
        """Raise the first fault, with the others."""
        if self.found:
            first, *first.others = self.found
            raise first


def parse(given: Mapping[str, Any]) -> Condition:
    """The tree that a mapping describes. Its values are not checked; `settled` checks them.

    Raises `WrongCondition`, with all faults, for a tree that is too deep or too large, an empty group or list, or an
    unknown field or operator.
    """
    faults = Faults()
    condition = _Parser(faults).parsed(given, ())
    faults.expect_none()
    return condition


def asked(given: Mapping[str, Any]) -> Condition:
    """The tree of the argument `condition` of a read. Raises `BadInput`, with the path of each fault."""
    try:
        return parse(given)
    except WrongCondition as wrong:
        faults = (wrong, *wrong.others)
        raise BadInput.together(
            BadInput.at(".".join(("condition", *fault.path)), fault.message) for fault in faults
        ) from wrong


def parse_settled(given: Mapping[str, Any]) -> Condition:
    """The tree that a mapping describes, with its values ready to compare with. Raises `WrongCondition`, with all
    faults, of the tree and of its values."""
    faults = Faults()
    condition = _settled_part(_Parser(faults).parsed(given, ()), (), faults)
    faults.expect_none()
    return condition


class _Parser:
    """Reads a tree, and notes its faults."""

    def __init__(self, faults: Faults) -> None:
        self.faults = faults
        self.room = iter(range(SIZE))

    def parsed(self, given: Mapping[str, Any], path: tuple[str, ...], depth: int = 1) -> Condition:
        """A part of the tree; `FAULTY` where it has a fault."""
        with self.faults.noted():
            return self._parsed(given, path, depth)
        return FAULTY

    def _parsed(self, given: Mapping[str, Any], path: tuple[str, ...], depth: int) -> Condition:
        if depth > DEPTH:
            raise TooLarge(f"This condition has more than {DEPTH} levels. Make it flatter.", *path)
        if next(self.room, None) is None:
            raise TooLarge(f"This condition has more than {SIZE} parts. Make it smaller.", *path)
        key, value = _only(given, path)
        path = (*path, key)
        if key == NOT:
            return Not(self.parsed(value, path, depth + 1))
        if key in (AND, OR):
            if not value:
                raise WrongCondition("A group needs at least one condition. Add one, or leave the group out.", *path)
            return Group(key, tuple(self.parsed(part, (*path, str(at)), depth + 1) for at, part in enumerate(value)))
        return _check(key, value, path)


def _check(key: str, value: Mapping[str, Any], path: tuple[str, ...]) -> Check:
    """One test of a field, whose value is not looked at."""
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


def settled(condition: Condition) -> Condition:
    """The tree with its values ready to compare with. Raises `WrongCondition`, with all faults, for invalid ones."""
    faults = Faults()
    found = _settled_part(condition, (), faults)
    faults.expect_none()
    return found


def _settled_part(condition: Condition, path: tuple[str, ...], faults: Faults) -> Condition:
    if condition is FAULTY:
        return FAULTY
    if isinstance(condition, Not):
        return Not(_settled_part(condition.part, (*path, NOT), faults))
    if isinstance(condition, Group):
        at = (*path, condition.operator)
        parts = (_settled_part(part, (*at, str(nth)), faults) for nth, part in enumerate(condition.parts))
        return Group(condition.operator, tuple(parts))
    at = (*path, condition.field, condition.operator)
    with faults.noted():
        return Check(condition.field, condition.operator, _settled(condition, at, faults))
    return FAULTY


def _settled(check: Check, path: tuple[str, ...], faults: Faults) -> Any:
    field, operand, value = FIELDS[check.field], OPERATORS[check.kind][check.operator], check.value
    if value is None:
        raise WrongCondition("Send a value here.", *path)
    if operand.parts is not None:
        given = {spelled(name): part for name, part in value.items() if part is not None}
        parts: dict[str, Any] = {}
        for name, part in given.items():
            with faults.noted():
                parts[name] = _scalar(operand.parts[name], field, part, (*path, name))
        return _agreeing(parts, path) if len(parts) == len(given) else FAULTY
    if not operand.many:
        return _scalar(operand.scalar, field, value, path)
    _expect_few(value, path)
    listed = []
    for at, item in enumerate(value):
        with faults.noted():
            listed.append(_scalar(operand.scalar, field, item, (*path, str(at))))
    return listed


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
