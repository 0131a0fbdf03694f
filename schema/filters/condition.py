"""Conditions on a lead: their inputs."""

from typing import Any

import strawberry

from engine.publish.fields import optional
from engine.publish.parts import input_of
from engine.publish.scalars import Date, DateTime, Decimal_
from engine.read.arguments import python_name
from models.rules.stage_kind import ForecastCategory, StageKind
from models.tables.pipeline import PipelineType
from resolvers.conditions.fields import FIELDS
from resolvers.conditions.operators import Kind
from schema.filters.lead import DateRange, DateTimeRange

IS_SET = "True: only where there is a value. False: only where there is none."


@strawberry.input(description="An amount of money.")
class Amount:
    amount: Decimal_ = strawberry.field(description="How much.")
    currency: str = strawberry.field(description="The currency, as an ISO 4217 code.")


@strawberry.input(description="Amounts of one currency, from `min` to `max`, both included.")
class AmountRange:
    min: Decimal_ = strawberry.field(description="The smallest amount.")
    max: Decimal_ = strawberry.field(description="The largest amount.")
    currency: str = strawberry.field(description="The currency, as an ISO 4217 code.")


@strawberry.input(description="Numbers from `min` to `max`, both included.")
class NumberRange:
    min: int = strawberry.field(description="The smallest number.")
    max: int = strawberry.field(description="The largest number.")


@strawberry.input(one_of=True, description="A test of a text, in upper or lower case. Texts have 1 to 200 characters.")
class TextCondition:
    equals: str | None = optional("It is this text.")
    contains: str | None = optional("It contains this text.")
    starts_with: str | None = optional("It begins with this text.")
    ends_with: str | None = optional("It ends with this text: `@example.com`.")
    in_: list[str] | None = optional("It is one of these texts, up to 100.", name="in")
    is_set: bool | None = optional(IS_SET)


@strawberry.input(one_of=True, description="A test of a whole number.")
class NumberCondition:
    equals: int | None = optional("It is this number.")
    less_than: int | None = optional("It is smaller.")
    at_most: int | None = optional("It is this number or smaller.")
    more_than: int | None = optional("It is larger.")
    at_least: int | None = optional("It is this number or larger.")
    between: NumberRange | None = optional("It is in this range.")
    is_set: bool | None = optional(IS_SET)


@strawberry.input(
    one_of=True,
    description=(
        "A test of an amount of money. Only values in the given currency match: amounts in different currencies are"
        " never compared."
    ),
)
class MoneyCondition:
    equals: Amount | None = optional("It is this amount.")
    less_than: Amount | None = optional("It is less.")
    at_most: Amount | None = optional("It is this amount or less.")
    more_than: Amount | None = optional("It is more.")
    at_least: Amount | None = optional("It is this amount or more.")
    between: AmountRange | None = optional("It is in this range.")
    is_set: bool | None = optional(IS_SET)


@strawberry.input(one_of=True, description="A test of a day. Today is the date in your organisation's time zone.")
class DateCondition:
    before: Date | None = optional("It is an earlier day.")
    after: Date | None = optional("It is a later day.")
    within: DateRange | None = optional("It is one of these days.")
    within_last_days: int | None = optional("It is today or at most so many days ago: 0 to 3650.")
    within_next_days: int | None = optional("It is today or at most so many days ahead: 0 to 3650.")
    is_set: bool | None = optional(IS_SET)


@strawberry.input(one_of=True, description="A test of an instant.")
class DateTimeCondition:
    before: DateTime | None = optional("It is earlier.")
    after: DateTime | None = optional("It is later.")
    within: DateTimeRange | None = optional("It is in this period.")
    within_last_days: int | None = optional("It is at most so many times 24 hours ago: 0 to 3650.")
    is_set: bool | None = optional(IS_SET)


@strawberry.input(one_of=True, description="A test of true or false.")
class BooleanCondition:
    is_: bool | None = optional("It is true, or it is false.", name="is")


@strawberry.input(one_of=True, description="A test of whether it is a lead or an opportunity.")
class PipelineTypeCondition:
    is_: PipelineType | None = optional("It is this.", name="is")
    in_: list[PipelineType] | None = optional("It is one of these.", name="in")


@strawberry.input(one_of=True, description="A test of the kind of stage a deal is in.")
class StageKindCondition:
    is_: StageKind | None = optional("It is this.", name="is")
    in_: list[StageKind] | None = optional("It is one of these.", name="in")


@strawberry.input(one_of=True, description="A test of how firmly a forecast counts on a deal.")
class ForecastCategoryCondition:
    is_: ForecastCategory | None = optional("It is this.", name="is")
    in_: list[ForecastCategory] | None = optional("It is one of these.", name="in")


@strawberry.input(one_of=True, description="A test of which record is named.")
class IdCondition:
    is_: strawberry.ID | None = optional("It is this record.", name="is")
    in_: list[strawberry.ID] | None = optional("It is one of these records, up to 100.", name="in")
    is_set: bool | None = optional("True: only where a record is named. False: only where none is.")


CHOICES = {
    PipelineType: PipelineTypeCondition,
    StageKind: StageKindCondition,
    ForecastCategory: ForecastCategoryCondition,
}

TESTS = {
    Kind.TEXT: TextCondition,
    Kind.NUMBER: NumberCondition,
    Kind.MONEY: MoneyCondition,
    Kind.DATE: DateCondition,
    Kind.INSTANT: DateTimeCondition,
    Kind.BOOLEAN: BooleanCondition,
    Kind.ID: IdCondition,
}
"""The input that tests a field of each kind; a choice has one per set of values."""


Tests: Any = input_of(
    "Tests",
    "A test of each field.",
    {
        python_name(name): (CHOICES[field.choices] if field.choices else TESTS[field.kind], field.description)
        for name, field in FIELDS.items()
    },
)


@strawberry.input(
    one_of=True,
    description="A condition on a lead: a test of one field of the lead, its contact or its customer, or several "
    "conditions combined, up to 10 levels and 100 parts. A field without a value matches no test but "
    "`isSet: false`; `not` matches exactly what its part does not.",
)
class Condition(Tests):  # type: ignore[misc]
    and_: list["Condition"] | None = optional("All of these match.", name="and")
    or_: list["Condition"] | None = optional("At least one of these matches.", name="or")
    not_: "Condition | None" = optional("This does not match.", name="not")
