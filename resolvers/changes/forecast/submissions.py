"""Submissions: what members say, at a time, that they or their pools will win in a period. None is ever changed."""

from collections.abc import Mapping
from decimal import Decimal
from typing import Any
from uuid import UUID

from sqlalchemy import text

from engine.change.records import inserted
from engine.change.transaction import Change
from engine.read.rows import ORG
from models.database import Statement
from models.event_types import ForecastSubmitted
from models.rules.ids import public_id
from models.rules.money import precision
from models.rules.refusal import Checks, Refusal, Refused
from models.rules.roles import Role
from models.rules.text import prose
from models.tables.base import new_id
from models.tables.event import NewEvent
from models.tables.forecast.quota import ForecastSubmission
from resolvers.changes.forecast.holders import Holder, holder_of, keep_holders
from resolvers.changes.forecast.quotas import priced
from resolvers.changes.leads.fields import CURRENCY
from resolvers.reads.forecast.period import parse_period

NEW_SUBMISSION = inserted(
    ForecastSubmission,
    {
        "org_id": ":org_id",
        "id": ":id",
        **{name: f":{name}" for name in ("member_id", "pool_id", "period", "currency", "value", "note")},
        "submitted_by_id": ":submitted_by_id",
    },
    default=("submitted_at",),
)

SUBMIT = Statement(
    text(f"INSERT INTO forecast_submission ({NEW_SUBMISSION.columns}) VALUES ({NEW_SUBMISSION.values})").bindparams(ORG)
)

IN_POOL = Statement(
    text(
        "SELECT position FROM pool_member WHERE org_id = :org_id AND pool_id = :id AND member_id = :member_id"
    ).bindparams(ORG)
)


async def submit_forecast(
    change: Change,
    period: str,
    value: Decimal,
    member_id: UUID | None = None,
    pool_id: UUID | None = None,
    currency: str | None = None,
    note: str | None = None,
) -> Mapping[str, Any]:
    """Say what a member or a pool will win in a period; without either, the caller.

    Raises `Refused`: NOT_FOUND; FORBIDDEN for a rep who speaks for others; INVALID.
    """
    currency = currency or (await CURRENCY.value(change.connection, org_id=change.org_id)) or "USD"
    given = {"member_id": member_id, "pool_id": pool_id, "currency": currency, "note": note}
    tidied = tidy_submission({**given, "period": period, "value": value})
    holder = tidied.pop("holder") or Holder("member", change.actor_id)
    await keep_holders(change, [holder], ())
    await _expect_may_speak(change, holder)
    id = new_id()
    row = {**holder.columns, **tidied}
    await change.run(SUBMIT, id=id, submitted_by_id=change.actor_id, **row)
    submitted = ForecastSubmitted(
        member_id=public_id("member", holder.id) if holder.noun == "member" else None,
        pool_id=public_id("pool", holder.id) if holder.noun == "pool" else None,
        **{**tidied, "value": str(tidied["value"])},
    )
    change.emit(NewEvent(submitted, record_id=id))
    return {"submission": id}


def tidy_submission(given: Mapping[str, Any]) -> dict[str, Any]:
    """The fields of a submission as they are stored, and its holder if it names one. Raises `Refused` INVALID."""
    currency = given.get("currency")
    with Checks() as check:
        named = given.get("member_id") is not None or given.get("pool_id") is not None
        holder = check(holder_of, given) if named else None
        period = check(_period, given["period"], "period")
        if currency is not None:
            check(precision, currency, "currency")
        value = check(priced, given["value"], currency)
        note = check(prose, given.get("note"), "note")
    return {"holder": holder, "period": period, "currency": currency, "value": value, "note": note}


def _period(name: str, *field: str) -> str:
    try:
        return parse_period(name).name
    except ValueError as wrong:
        raise Refused(Refusal.INVALID, str(wrong), *field) from wrong


async def _expect_may_speak(change: Change, holder: Holder) -> None:
    """Refuse a rep who submits for another member, or for a pool that the rep is not in."""
    if change.caller.role.includes(Role.MANAGER) or holder.id == change.actor_id:
        return
    if holder.noun == "pool":
        if await change.first(IN_POOL, id=holder.id, member_id=change.actor_id) is not None:
            return
        message = "Only a manager submits for a pool of others. Submit for yourself, or ask a manager."
    else:
        message = "Only a manager submits for other members. Leave memberId out to submit for yourself."
    raise Refused(Refusal.FORBIDDEN, message, f"{holder.noun}Id")
