"""The filters and orders of leads."""

import strawberry

from engine.publish.enums import ordering
from engine.publish.fields import optional
from engine.publish.scalars import Date, DateTime, Decimal_
from models.tables.pipeline import PipelineType
from resolvers.reads import leads

LeadOrder = ordering(
    "Lead",
    leads.ORDERS,
    BOARD="By position on the board, as people arranged the cards.",
    CREATED_AT="By the time of creation.",
    UPDATED_AT="By the time of the last change.",
    TITLE="By title.",
    VALUE="By value, regardless of the currency.",
    EXPECTED_CLOSE_DATE="By the expected closing date.",
    SCORE="By score.",
    STAGE_ENTERED_AT="By the time they entered their current stage.",
)


@strawberry.input(description="Amounts from `min` to `max`, both included. Omit one for no limit on that side.")
class DecimalRange:
    min: Decimal_ | None = optional("The smallest amount.")
    max: Decimal_ | None = optional("The largest amount.")


@strawberry.input(description="Days from `from` to `to`, both included. Omit one for no limit on that side.")
class DateRange:
    from_: Date | None = optional("The first day.", name="from")
    to: Date | None = optional("The last day.")


@strawberry.input(description="Instants from `from` to `to`, both included. Omit one for no limit on that side.")
class DateTimeRange:
    from_: DateTime | None = optional("The first instant.", name="from")
    to: DateTime | None = optional("The last instant.")


@strawberry.input(description="Filters leads. A lead must match every part that is given.")
class LeadFilter:
    pipeline_ids: list[strawberry.ID] | None = optional("In one of these pipelines.")
    stage_ids: list[strawberry.ID] | None = optional("In one of these stages.")
    owner_ids: list[strawberry.ID] | None = optional("Worked on by one of these members.")
    contact_ids: list[strawberry.ID] | None = optional("With one of these contacts.")
    customer_ids: list[strawberry.ID] | None = optional("With one of these customers.")
    kind: PipelineType | None = optional("Only leads, or only opportunities.")
    unowned: bool | None = optional("True: only leads without an owner. False: only leads with an owner.")
    closed: bool | None = optional("True: only leads that are won, lost or disqualified. False: only open leads.")
    has_next_task: bool | None = optional("True: only leads with an open task. False: only leads without one.")
    currency: str | None = optional("Only values in this currency, an ISO 4217 code.")
    value: DecimalRange | None = optional("Only values in this range, in any currency.")
    expected_close_date: DateRange | None = optional("Only leads expected to close on these days.")
    created_at: DateTimeRange | None = optional("Only leads created during this time.")
    search: str | None = optional(
        "Only leads whose title, contact or customer contains this text of up to 200 characters, in upper or lower "
        "case."
    )
