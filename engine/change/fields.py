"""The fields of a record that people fill in: declared once per record, each with the rule for its values."""

from collections.abc import Callable, Collection, Mapping
from types import MappingProxyType
from typing import Any

from engine.change.records import make, not_null, public, revise
from engine.publish.fields import InputChecks
from models.database import Statement
from models.rules.numbers import Quantity, within
from models.rules.refusal import Checks
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


def each(**rules: Rule) -> InputChecks:
    """The check of single fields of an input, for those that are not of a record."""

    def check_each(given: Mapping[str, Any]) -> None:
        with Checks() as check:
            for name, rule in rules.items():
                check(rule, given.get(name), spelled(name))

    return check_each


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
        self.spelled = {name: spelled(name) for name in rules}
        self.empty: Mapping[str, Any] = MappingProxyType({**dict.fromkeys(rules), **defaults})
        """A record with every field empty."""

    def tidy(self, given: Mapping[str, Any], *path: str) -> dict[str, Any]:
        """The given fields as they are stored. Raises `Refused` INVALID for all that are not valid, with the path of
        each below `path`."""
        with Checks() as check:
            return {name: check(self.rules[name], value, *path, spelled(name)) for name, value in given.items()}

    def check(self, given: Mapping[str, Any]) -> None:
        """Check those of the given values that are fields. Raises as `tidy` does."""
        self.tidy(self.among(given))

    def among(self, given: Mapping[str, Any]) -> dict[str, Any]:
        """Those of the given values that are fields."""
        return {name: value for name, value in given.items() if name in self.rules}

    def make(self, *others: str, default: Collection[str] = ()) -> Statement:
        """The statement that creates a record with these fields and `others`. Raises as `records.make` does."""
        return make(self.model, *self.names, *others, default=default)

    def revise(self, *others: str) -> Statement:
        """The statement that updates these fields and `others`, and counts the version."""
        return revise(self.model, *self.names, *others)

    def public(self, record: Mapping[str, Any]) -> Snapshot:
        """The fields of a record as events hold them, by public name."""
        return Snapshot({shown: public(name, record[name]) for name, shown in self.spelled.items()})
