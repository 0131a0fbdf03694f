"""Conditions on a lead: their inputs."""

import strawberry

from engine.publish.fields import optional
from engine.publish.scalars import Date, DateTime, Decimal_
from models.tables.pipeline import PipelineType
from models.tables.stage import StageKind
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
    contains: str | None = optional("It holds this text.")
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
    description="A test of an amount of money. Only values in the currency that is named pass: amounts in different "
    "currencies are never compared.",
)
class MoneyCondition:
    equals: Amount | None = optional("It is this amount.")
    less_than: Amount | None = optional("It is less.")
    at_most: Amount | None = optional("It is this amount or less.")
    more_than: Amount | None = optional("It is more.")
    at_least: Amount | None = optional("It is this amount or more.")
    between: AmountRange | None = optional("It is in this range.")
    is_set: bool | None = optional(IS_SET)


@strawberry.input(one_of=True, description="A test of a day. Today is the day it is in your organisation's time zone.")
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
    within: DateTimeRange | None = optional("It is in this time.")
    within_last_days: int | None = optional("It is at most so many times 24 hours ago: 0 to 3650.")
    is_set: bool | None = optional(IS_SET)


@strawberry.input(one_of=True, description="A test of what is either so or not so.")
class BooleanCondition:
    is_: bool | None = optional("It is so, or it is not.", name="is")


@strawberry.input(one_of=True, description="A test of whether it is a lead or an opportunity.")
class PipelineTypeCondition:
    is_: PipelineType | None = optional("It is this.", name="is")
    in_: list[PipelineType] | None = optional("It is one of these.", name="in")


@strawberry.input(one_of=True, description="A test of whether a deal is still being worked on, or how it ended.")
class StageKindCondition:
    is_: StageKind | None = optional("It is this.", name="is")
    in_: list[StageKind] | None = optional("It is one of these.", name="in")


@strawberry.input(one_of=True, description="A test of which record is named.")
class IdCondition:
    is_: strawberry.ID | None = optional("It is this record.", name="is")
    in_: list[strawberry.ID] | None = optional("It is one of these records, up to 100.", name="in")
    is_set: bool | None = optional("True: only where a record is named. False: only where none is.")


@strawberry.input(
    one_of=True,
    description="A condition on a lead: a test of one field of it, of its contact or its customer, or several "
    "conditions together, up to 10 levels and 100 parts. A field that has no value passes no test but "
    "`isSet: false`; `not` lets through whatever its part does not.",
)
class Condition:
    and_: list["Condition"] | None = optional("All of these are met.", name="and")
    or_: list["Condition"] | None = optional("At least one of these is met.", name="or")
    not_: "Condition | None" = optional("This is not met.", name="not")
    title: TextCondition | None = optional("What the sale is about.")
    description: TextCondition | None = optional("Anything else worth knowing.")
    source: TextCondition | None = optional("Where it came from: a campaign, a form, an import.")
    external_id: TextCondition | None = optional("Its id in the system it was imported from.")
    lost_reason: TextCondition | None = optional("Why it was lost or disqualified.")
    score: NumberCondition | None = optional("How promising it looks.")
    probability: NumberCondition | None = optional("The chance of winning it, in percent: its own, or its stage's.")
    value: MoneyCondition | None = optional("What the sale would bring in.")
    currency: TextCondition | None = optional("The currency of its value, as an ISO 4217 code.")
    expected_close_date: DateCondition | None = optional("The day on which the sale is expected.")
    created_at: DateTimeCondition | None = optional("When it came in.")
    updated_at: DateTimeCondition | None = optional("When it last changed.")
    stage_entered_at: DateTimeCondition | None = optional("When it entered the stage it stands in.")
    last_activity_at: DateTimeCondition | None = optional("When somebody last did something about it.")
    qualified_at: DateTimeCondition | None = optional("When it was found to be worth working on.")
    closed_at: DateTimeCondition | None = optional("When it was won, lost or disqualified.")
    qualified: BooleanCondition | None = optional("Whether it was found to be worth working on.")
    closed: BooleanCondition | None = optional("Whether it is won, lost or disqualified.")
    converted: BooleanCondition | None = optional("Whether it has become an opportunity.")
    has_next_task: BooleanCondition | None = optional("Whether it has an open task.")
    kind: PipelineTypeCondition | None = optional("Whether it is a lead or an opportunity.")
    stage_kind: StageKindCondition | None = optional("What kind of stage it stands in.")
    pipeline_id: IdCondition | None = optional("The pipeline it is in.")
    stage_id: IdCondition | None = optional("The stage it stands in.")
    owner_id: IdCondition | None = optional("The member who works on it.")
    contact_id: IdCondition | None = optional("The person one talks to.")
    customer_id: IdCondition | None = optional("The company one sells to.")
    contact_name: TextCondition | None = optional("The contact's name.")
    contact_email: TextCondition | None = optional("The contact's e-mail address.")
    contact_phone: TextCondition | None = optional("The contact's telephone number.")
    contact_job_title: TextCondition | None = optional("What the contact does at the customer's.")
    customer_name: TextCondition | None = optional("The customer's name.")
    customer_website: TextCondition | None = optional("The customer's web address.")
    customer_industry: TextCondition | None = optional("The customer's line of business.")
    customer_phone: TextCondition | None = optional("The customer's telephone number.")
    customer_external_id: TextCondition | None = optional("The customer's id in the system it was imported from.")
