"""Enums as they are published: our own, each value with its description."""

from collections.abc import Iterable
from enum import Enum
from typing import Any

import strawberry

from models.lead import LeadField
from models.member import Role
from models.pipeline import PipelineType
from models.stage import StageKind
from models.task import TaskPriority, TaskStatus
from resolvers.paging import Direction


def publish(enum: type[Enum], description: str, *, name: str | None = None, **values: str) -> None:
    """Make `enum` a GraphQL enum, with a description for each value. Raises `TypeError` when one is missing."""
    if {member.name for member in enum} != set(values):
        raise TypeError(f"{enum.__name__}: describe exactly {[member.name for member in enum]}")
    definition: Any = strawberry.enum(enum, name=name, description=description)
    for value in definition.__strawberry_definition__.values:
        value.description = values[value.name]


def ordering(noun: str, orders: Iterable[str], **values: str) -> Any:
    """The input `<Noun>Order` for a list that can be sorted by `orders`, with its enum `<Noun>OrderField`."""
    fields = Enum(f"{noun}OrderField", {name: name for name in orders})  # type: ignore[misc]
    publish(fields, f"What a list of {noun.lower()}s can be sorted by.", **values)
    order = type(
        f"{noun}Order",
        (),
        {
            "__annotations__": {"field": fields, "direction": Direction},
            "field": strawberry.field(description="What to sort by."),
            "direction": strawberry.field(description="Which end comes first.", default=Direction.ASC),
        },
    )
    return strawberry.input(order, description=f"How to sort a list of {noun.lower()}s.")


publish(
    Direction,
    "Which end of a sorted list comes first. What has no value comes last either way.",
    name="OrderDirection",
    ASC="The smallest, oldest or alphabetically first comes first.",
    DESC="The largest, newest or alphabetically last comes first.",
)

publish(
    PipelineType,
    "Whether records are leads or opportunities: the type of the pipeline they are in.",
    LEAD="Leads: people or companies who might buy, not yet examined closely.",
    OPPORTUNITY="Opportunities: sales that are really being worked on.",
)

publish(
    StageKind,
    "Whether deals in a stage are still being worked on, or how they ended. The name of a stage means nothing.",
    OPEN="Still being worked on.",
    WON="Ended with a sale.",
    LOST="Ended without a sale.",
)

publish(
    LeadField,
    "What a stage can ask to be known of a lead.",
    DESCRIPTION="A description.",
    CONTACT="The person one talks to.",
    CUSTOMER="The company one sells to.",
    OWNER="Who works on it.",
    VALUE="What the sale would bring in.",
    EXPECTED_CLOSE_DATE="When the sale is expected.",
    SCORE="How promising it looks.",
    SOURCE="Where it came from.",
)

publish(
    TaskStatus,
    "Whether a task is still to be done.",
    OPEN="Still to be done.",
    DONE="Done.",
    CANCELLED="Given up: nobody has to do it any more.",
)

publish(
    TaskPriority,
    "How pressing a task is.",
    LOW="Can wait.",
    NORMAL="As usual.",
    HIGH="Comes first.",
)

publish(
    Role,
    "What a person may do. Each role may do what the ones before it may.",
    VIEWER="Sees everything, changes nothing.",
    REP="Works on leads and tasks: a sales representative.",
    MANAGER="Also routes leads, assigns them to others and deletes them.",
    ADMIN="Also shapes pipelines, rules and members.",
)
