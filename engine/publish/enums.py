"""Publishing enums: each value with its description."""

from collections.abc import Mapping
from enum import Enum
from typing import Any

import strawberry

from engine.read.paging import Direction, Order


def publish(enum: type[Enum], description: str, *, name: str | None = None, **values: str) -> None:
    """Make `enum` a GraphQL enum, with a description for each value. Raises `TypeError` when one is missing."""
    if {member.name for member in enum} != set(values):
        raise TypeError(f"{enum.__name__}: describe exactly {[member.name for member in enum]}")
    definition: Any = strawberry.enum(enum, name=name, description=description)
    for value in definition.__strawberry_definition__.values:
        value.description = values[value.name]


def ordering(noun: str, orders: Mapping[str, Order]) -> Any:
    """The input `<Noun>Order` for a list that can be sorted by `orders`, with its enum `<Noun>OrderField`."""
    fields = Enum(f"{noun}OrderField", {name: name for name in orders})  # type: ignore[misc]
    descriptions = {name: order.description for name, order in orders.items()}
    publish(fields, f"The fields that a list of {noun.lower()}s can be sorted by.", **descriptions)
    order = type(
        f"{noun}Order",
        (),
        {
            "__annotations__": {"field": fields, "direction": Direction},
            "field": strawberry.field(description="The field to sort by."),
            "direction": strawberry.field(description="The direction of the sort.", default=Direction.ASC),
        },
    )
    return strawberry.input(order, description=f"How to sort a list of {noun.lower()}s.")
