"""The fields of a record that people fill in: declared once per record, each with the rule for its values."""

from collections.abc import Callable, Collection, Mapping
from types import MappingProxyType
from typing import Any

from engine.change.records import make, not_null, public, revise
from models.database import Statement
from models.rules.numbers import Quantity, within
from models.rules.text import spelled
from models.tables.base import Base
from models.tables.event import Snapshot

Rule = Callable[..., Any]
"""Takes the value of an input and the path of its field; returns the value to store, or raises `Refused`."""


def as_given(value: Any, *field: str) -> Any:
    """Any value, unchanged, where the type of the input field is the only rule."""
    return value


def required(rule: Rule = as_given) -> Rule:
    """The rule for a field that cannot be null."""

    def expected(value: Any, *field: str) -> Any:
        return rule(not_null(value, *field), *field)

    return expected


def between(least: Quantity, most: Quantity) -> Rule:
    """The rule for a number or a date between `least` and `most`, both inclusive; null passes."""

    def expected(value: Quantity | None, *field: str) -> Quantity | None:
        return None if value is None else within(value, least, most, *field)

    return expected


class Fields:
    """The fields of a record that people fill in, by column, each with its rule.

    Inputs accept a column that is added here, statements insert and update it, and events show it.
    """

    def __init__(self, model: type[Base], defaults: Mapping[str, Any] = MappingProxyType({}), /, **rules: Rule) -> None:
        """Declare the fields of a model; `defaults` are the values of omitted fields that are not null.

        Raises `TypeError` for a field that is not a column, or a default without a field.
        """
        if wrong := {*(rules.keys() - model.__table__.c.keys()), *(defaults.keys() - rules.keys())}:
            raise TypeError(f"{model.__name__} has no fields {', '.join(sorted(wrong))}.")
        self.model = model
        self.rules = rules
        self.names = tuple(rules)
        self.empty: Mapping[str, Any] = MappingProxyType({**dict.fromkeys(rules), **defaults})
        """A record with every field empty."""

    def tidy(self, given: Mapping[str, Any], *path: str) -> dict[str, Any]:
        """The given fields as they are stored. Raises `Refused` INVALID, with the field's path below `path`."""
        return {name: self.rules[name](value, *path, spelled(name)) for name, value in given.items()}

    def make(self, *others: str, default: Collection[str] = ()) -> Statement:
        """The statement that creates a record with these fields and `others`. Raises as `records.make` does."""
        return make(self.model, *self.names, *others, default=default)

    def revise(self, *others: str) -> Statement:
        """The statement that updates these fields and `others`, and counts the version."""
        return revise(self.model, *self.names, *others)

    def public(self, record: Mapping[str, Any]) -> Snapshot:
        """The fields of a record as events hold them, by public name."""
        return Snapshot({spelled(name): public(name, record[name]) for name in self.names})
