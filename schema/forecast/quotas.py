"""Quotas and submissions: how they are read, set and submitted."""

import strawberry
from sqlalchemy import Text, Uuid

import models
from engine.publish.fields import change, column, items, optional, read, ref, to_one
from engine.publish.payload import ChangeInput, Payload
from engine.publish.scalars import DateTime, Decimal_
from models.rules.roles import Role
from resolvers.changes.forecast import quotas, submissions
from resolvers.reads.forecast import quotas as reads
from schema.forecast.arguments import PERIOD
from schema.types.member import Member
from schema.types.routing import Pool

MEMBER, POOL = "The member; null when it is a pool's.", "The pool; null when it is a member's."
CURRENCY = "The currency, as an ISO 4217 code. Without one, your organisation's."


@strawberry.type(
    description="What a member or a pool is to win in a month. That of a quarter or a year is the sum of its months."
)
class Quota:
    member: Member | None = to_one(models.Member, "member_id", MEMBER)
    pool: Pool | None = to_one(models.Pool, "pool_id", POOL)
    month: str = read(reads.month, "The month, such as `2026-11`.")
    currency: str = column("currency", "The currency, as an ISO 4217 code.")
    value: Decimal_ = column("value", "How much is to be won.")


@strawberry.type(
    description="What somebody said, at a time, that a member or a pool will win in a period. It is never changed: who "
    "thinks otherwise submits again."
)
class ForecastSubmission:
    id: strawberry.ID = read(reads.id, "The submission's id. `node` does not find it.")
    member: Member | None = to_one(models.Member, "member_id", MEMBER)
    pool: Pool | None = to_one(models.Pool, "pool_id", POOL)
    period: str = column("period", "The period, as it was named: `2026-11`, `FY2026-Q1` or `FY2026`.")
    currency: str = column("currency", "The currency, as an ISO 4217 code.")
    value: Decimal_ = column("value", "How much will be won, with what is won already.")
    note: str | None = column("note", "Why.")
    submitted_by: Member = to_one(models.Member, "submitted_by_id", "Who said it.")
    submitted_at: DateTime = column("submitted_at", "When it was said.")


@strawberry.input(description="What a member or a pool is to win in a month.")
class QuotaInput:
    member_id: strawberry.ID | None = optional("The member. Send this or `poolId`.", id="member")
    pool_id: strawberry.ID | None = optional("The pool. Send this or `memberId`.", id="pool")
    month: str = strawberry.field(description="The month, such as `2026-11`.")
    currency: str | None = optional(CURRENCY)
    value: Decimal_ | None = optional("How much is to be won. Null, or omitted, removes the quota.")


@strawberry.input(description="Quotas to set.")
class SetQuotasInput(ChangeInput):
    quotas: list[QuotaInput] = strawberry.field(
        description=f"The quotas, 1 to {quotas.MOST}; each member or pool, month and currency once. All others stay as "
        "they are."
    )


@strawberry.type(description="Result of `setQuotas`.")
class SetQuotasPayload(Payload):
    quotas: list[Quota] | None = items(
        {"member_id": Uuid(), "pool_id": Uuid(), "month": Text(), "currency": Text(), "value": Text()},
        "The quotas that were sent, as they are kept, without removed ones.",
        rows=20,
    )


@strawberry.input(description="What will be won in a period.")
class SubmitForecastInput(ChangeInput):
    member_id: strawberry.ID | None = optional(
        "The member who will win it. Without this and `poolId`, you. Only managers submit for others.", id="member"
    )
    pool_id: strawberry.ID | None = optional(
        "The pool that will win it. Only managers submit for pools that they are not in.", id="pool"
    )
    period: str = strawberry.field(description=PERIOD)
    currency: str | None = optional(CURRENCY)
    value: Decimal_ = strawberry.field(description="How much will be won, with what is won already.")
    note: str | None = optional("Why: up to 20,000 characters.")


@strawberry.type(description="Result of `submitForecast`.")
class SubmitForecastPayload(Payload):
    submission: ForecastSubmission | None = ref(models.ForecastSubmission, "What was said.")


@strawberry.type(description="The mutations of quotas and submissions.")
class QuotaMutations:
    set_quotas: SetQuotasPayload | None = change(
        quotas.set_quotas,
        SetQuotasInput,
        "Set what members and pools are to win, by month, or remove that.",
        role=Role.MANAGER,
        checks=quotas.tidy_quotas,
    )
    submit_forecast: SubmitForecastPayload | None = change(
        submissions.submit_forecast,
        SubmitForecastInput,
        "Say what you, another member or a pool will win in a period. Earlier submissions stay as they are.",
        role=Role.REP,
        checks=submissions.tidy_submission,
    )
