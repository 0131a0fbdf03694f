"""Objects of several types that are built from rows of one table: a column of the row decides the type."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import ColumnElement, Text, case, func, literal_column, or_

from engine.read.json_text import Expression, among, concatenated, json_member, quoted


@dataclass(frozen=True)
class Variants:
    """The types by the values of a column; the type `other` is for all other values."""

    column: str
    types: Mapping[str, Sequence[str]]
    other: str

    def is_one(self, row: Any, names: Iterable[str]) -> ColumnElement[bool]:
        """Whether a row is of one of these types."""
        wanted = set(names)
        kind = getattr(row, self.column)
        own = among(kind, [value for name in wanted for value in self.types.get(name, ())])
        if self.other not in wanted:
            return own
        return or_(own, ~among(kind, [value for values in self.types.values() for value in values]))

    def typename(self, row: Any) -> Expression:
        """The name of a row's type."""
        kind = getattr(row, self.column)
        return case(
            *((among(kind, values), quoted(name)) for name, values in self.types.items()), else_=quoted(self.other)
        )


@dataclass(frozen=True)
class JsonMember:
    """A member of a JSON object, for rows of every type or only where the condition holds."""

    key: str
    value: Expression
    condition: ColumnElement[bool] | None = None


def json_variant(members: Sequence[JsonMember]) -> Expression:
    """A JSON object of those members whose conditions hold, in this order."""
    nothing: Expression = literal_column("''", Text())
    texts = []
    for member in members:
        text = func.concat(json_member(member.key), member.value, type_=Text())
        texts.append(text if member.condition is None else case((member.condition, text), else_=nothing))
    # Each begins with a comma, because none knows whether it is the first.
    behind_comma = func.substr(concatenated(texts), literal_column("2"))
    return func.concat(literal_column("'{'"), behind_comma, literal_column("'}'"), type_=Text())


def merged(lists: Iterable[Sequence[str]]) -> list[str] | None:
    """One order in which every list has its items as it has them now; None when two lists contradict each other."""
    after: dict[str, set[str]] = {}
    for items in lists:
        for at, item in enumerate(items):
            after.setdefault(item, set()).update(items[:at])
    order: list[str] = []
    while after:
        free = [item for item, before in after.items() if before.issubset(order)]
        if not free:
            return None
        order.append(free[0])
        del after[free[0]]
    return order
