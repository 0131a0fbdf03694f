"""Enums as they are published: the values of our own enums, each with its description."""

from collections.abc import Iterable
from enum import Enum
from typing import Any

import strawberry


def published(enum: type[Enum], description: str, *, name: str | None = None, **values: str) -> Any:
    """The GraphQL enum of `enum`, with a description for each value. Raises `TypeError` when one is missing."""
    return _enum(name or enum.__name__, [member.name for member in enum], description, values)


def ordering(noun: str, orders: Iterable[str], **values: str) -> Any:
    """The input `<Noun>Order` for a list that can be sorted by `orders`, and its enum `<Noun>OrderField`."""
    from_names = _enum(f"{noun}OrderField", orders, f"What a list of {noun.lower()}s can be sorted by.", values)

    class Order:
        field: from_names = strawberry.field(description="What to sort by.")  # type: ignore[valid-type]
        direction: OrderDirection = strawberry.field(description="Which end comes first.", default=OrderDirection.ASC)

    return strawberry.input(Order, name=f"{noun}Order", description="How to sort a list.")


def _enum(name: str, names: Iterable[str], description: str, values: dict[str, str]) -> Any:
    if set(names) != set(values):
        raise TypeError(f"{name}: describe exactly {sorted(names)}")
    members = {value: strawberry.enum_value(value, description=text) for value, text in values.items()}
    return strawberry.enum(Enum(name, members), description=description)  # type: ignore[arg-type]


OrderDirection = _enum(
    "OrderDirection",
    ["ASC", "DESC"],
    "Which end of a sorted list comes first. What has no value comes last either way.",
    {
        "ASC": "The smallest, oldest or alphabetically first comes first.",
        "DESC": "The largest, newest or alphabetically last comes first.",
    },
)
