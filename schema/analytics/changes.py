"""What changed of a pipeline between two moments."""

import strawberry

import models
from engine.publish.connection import Connection
from engine.publish.enums import publish
from engine.publish.fields import column, connection, optional, read, to_one
from engine.publish.scalars import Decimal_
from resolvers.reads.analytics import boards, pipeline_change, steps
from resolvers.reads.analytics.steps import StepKind
from schema.filters.lead import DateRange
from schema.types.lead import Lead

publish(
    StepKind,
    "Why the sum of the open leads of a pipeline changed. Only the open leads that match the filter count.",
    NEW="Leads that were created in the pipeline.",
    REOPENED="Closed leads that were reopened, or moved back to an open stage.",
    PULLED_IN="Leads whose expected day came to be one of those that the filter asks for.",
    MOVED_IN="Leads that came from another pipeline.",
    ASSIGNED_IN="Leads that were assigned to one of the owners that the filter asks for.",
    VALUE_UP="Leads whose value rose, or that got one; of a change of the currency, the part in the new one.",
    VALUE_DOWN="Leads whose value fell, or that lost it; of a change of the currency, the part in the old one.",
    PUSHED_OUT="Leads whose expected day is no longer one of those that the filter asks for.",
    MOVED_OUT="Leads that went to another pipeline.",
    ASSIGNED_OUT="Leads that were assigned to nobody, or to others than the owners that the filter asks for.",
    REMOVED="Leads that were deleted, or merged into another one.",
    CONVERTED="Leads that were converted into opportunities.",
    LOST="Leads that were lost or disqualified.",
    WON="Leads that were won.",
)


@strawberry.input(
    description="Which open leads count. A lead must match every part that is given, by what it was at each moment; "
    "when it stops matching, that is a step of its own."
)
class PipelineChangeFilter:
    owner_ids: list[strawberry.ID] | None = optional("Worked on by one of these members.", id="member")
    expected_close_date: DateRange | None = optional("Expected to close on one of these days.")


@strawberry.type(
    description="An amount in one currency; one that takes away is negative. Amounts in different currencies are never "
    "added up."
)
class CurrencyAmount:
    currency: str = column("currency", "The currency, as an ISO 4217 code.")
    value: Decimal_ = column("value", "The amount.")


@strawberry.type(description="The open leads of a pipeline at a moment: how many, and what they were worth.")
class OpenLeadsTotals:
    count: int = read(pipeline_change.count, "How many leads they were, with and without a value.")
    values: list[CurrencyAmount] = read(pipeline_change.values, "Their value, by currency.", rows=2)


@strawberry.type(description="The part of a step that one lead has by one change.")
class StepLead:
    cursor: str = read(steps.cursor, "The cursor of the event that changed it.")
    lead_id: strawberry.ID = read(boards.lead_id, "The id of the lead.")
    lead: Lead | None = to_one(
        models.Lead, "lead_id", "The lead as it is today; null when it was deleted or merged into another since."
    )
    title: str = column("title", "Its title of then.")
    value: Decimal_ | None = column("amount", "What it adds, or takes away if negative; null for a lead without value.")
    currency: str | None = column("currency", "The currency of `value`, as an ISO 4217 code.")


@strawberry.type(description="Why the sum changed, by how much, and the leads behind it.")
class PipelineStep:
    kind: StepKind = column("kind", "Why the sum changed.")
    count: int = column("leads", "How many leads it is made of; one that changed twice counts once.")
    values: list[CurrencyAmount] = read(steps.values, "What it adds or takes away, by currency.", rows=2)
    leads: Connection[StepLead] = connection(steps.leads, "The leads behind it, change by change, oldest first.")


@strawberry.type(
    description="How the open leads of a pipeline changed between two moments: in each currency, `start` and all "
    "`steps` add up to `end`, exactly."
)
class PipelineChange:
    from_cursor: str = read(pipeline_change.from_cursor, "The cursor of the first moment.")
    to_cursor: str = read(pipeline_change.to_cursor, "The cursor of the second moment.")
    start: OpenLeadsTotals = read(pipeline_change.start, "The open leads at the first moment.")
    end: OpenLeadsTotals = read(pipeline_change.end, "The open leads at the second moment.")
    steps: list[PipelineStep] = read(steps.steps, "What happened in between, each kind once, if it happened.", rows=6)
