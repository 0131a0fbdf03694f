"""Boards as they were at a moment of the past."""

import strawberry

import models
from engine.publish.connection import Connection
from engine.publish.enums import publish
from engine.publish.fields import column, connection, read, to_one
from engine.publish.scalars import Date, Decimal_
from models.rules.stage_kind import StageKind
from models.tables.analytics.spans import LeadOutcome
from resolvers.reads.analytics import boards
from schema.types.lead import Lead
from schema.types.member import Member
from schema.types.stage import CurrencyTotal, Stage

publish(
    LeadOutcome,
    "How a closed lead ended.",
    WON="It was won.",
    LOST="It was lost, or disqualified.",
    CONVERTED="It was converted into an opportunity, which goes on in its place.",
)


@strawberry.type(description="A lead as it was at a moment of the past.")
class LeadAsOf:
    lead_id: strawberry.ID = read(boards.lead_id, "The id of the lead.")
    lead: Lead | None = to_one(
        models.Lead, "lead_id", "The lead as it is today; null when it was deleted or merged into another since."
    )
    exists: bool = read(boards.exists, "Whether the lead is still there today.")
    title: str = column("title", "Its title of then.")
    owner: Member | None = to_one(models.Member, "owner_id", "The member who worked on it; null when nobody did.")
    value: Decimal_ | None = column("value", "Its value of then, in `currency`.")
    currency: str | None = column("currency", "The currency of `value`, as an ISO 4217 code.")
    probability: int = read(boards.probability, "The chance, in percent, of winning it: its own, or else its stage's.")
    weighted_value: Decimal_ | None = read(
        boards.weighted_value,
        "Value times probability while open, the value when won, 0 when lost; null without a value.",
    )
    expected_close_date: Date | None = column("expected_close_date", "The day on which the sale was expected.")
    closed: bool = read(boards.closed, "Whether it was closed.")
    outcome: LeadOutcome | None = column("outcome", "How it had ended; null while it was open.")


@strawberry.type(description="The number and value of the leads that were in a stage.")
class StageAsOfTotals:
    count: int = read(boards.count, "The number of leads.")
    values: list[CurrencyTotal] = read(boards.values, "Their value, by currency.", rows=2)


@strawberry.type(description="A column of a board as it was at a moment of the past.")
class StageAsOf:
    stage: Stage = to_one(models.Stage, "stage_id", "The stage as it is today; it may have been deleted since.")
    name: str = column("name", "Its name of then.")
    kind: StageKind = column("kind", "Whether deals in it were in progress, won or lost.")
    probability: int = column("probability", "The chance, in percent, that a deal in it would be won.")
    position: int = column("position", "Its position among the stages of the pipeline, from 0.")
    totals: StageAsOfTotals = read(boards.totals, "How many leads were in it and what they were worth.")
    leads: Connection[LeadAsOf] = connection(
        boards.in_stage, "The leads that were in it, deleted ones included, in the order in which they were created."
    )


@strawberry.type(
    description="A board as it was at a moment of the past: its columns, their names and their order, and the leads "
    "with their titles, values and owners of then."
)
class BoardAsOf:
    cursor: str = read(boards.cursor, "The cursor of the moment: ask for it again to get exactly the same.")
    stages: list[StageAsOf] = read(boards.stages, "The columns of the board, from left to right.", rows=8)
