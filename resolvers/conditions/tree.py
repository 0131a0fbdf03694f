"""Conditions: a typed tree of tests over the fields of a lead, its contact and its customer, stored as JSON.

    {"and": [part, …]}   {"or": [part, …]}   {"not": part}   {field: {operator: value}}

A test on a field without a value is not met, whatever the operator, except for `{"isSet": false}`; and `not` is met
wherever its part is not.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import date
from typing import Any

from resolvers.conditions.fields import FIELDS
from resolvers.conditions.operators import Kind

AND, OR, NOT = "and", "or", "not"


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
