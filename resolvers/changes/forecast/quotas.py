"""Quotas: what members and pools are to win, by month."""

from collections.abc import Mapping, Sequence
from datetime import date
from decimal import Decimal
from typing import Any, NamedTuple

from sqlalchemy import text

from engine.change.records import inserted
from engine.change.transaction import Change
from engine.read.rows import ORG
from models.database import Statement
from models.event_types import Changed, EventType
from models.rules.money import PRECISION, as_money, in_range, precision
from models.rules.refusal import Checks, Refusal, Refused
from models.rules.time_zone import first_of_month
from models.tables.event import NewEvent
from models.tables.forecast.quota import Quota
from resolvers.changes.forecast.holders import Holder, holder_of, keep_holders
from resolvers.changes.leads.fields import CURRENCY
from resolvers.changes.locks import LOCK_ORGANISATION

MOST = 500
"""Quotas that can be set at once."""

_named = """
    unnest(CAST(:months AS date[]), CAST(:holders AS uuid[]), CAST(:currencies AS text[]))
        AS given (month, holder_id, currency)
"""

BEFORE = Statement(
    text(
        f"""
        SELECT quota.month, quota.holder_id, quota.currency, quota.value FROM quota
        JOIN {_named} ON given.month = quota.month AND given.holder_id = quota.holder_id
            AND given.currency = quota.currency
        WHERE quota.org_id = :org_id
        """
    ).bindparams(ORG)
)

REMOVE = Statement(
    text(
        f"""
        DELETE FROM quota USING {_named}
        WHERE quota.org_id = :org_id AND quota.month = given.month AND quota.holder_id = given.holder_id
            AND quota.currency = given.currency
        """
    ).bindparams(ORG)
)

NEW_QUOTAS = inserted(
    Quota,
    {
        "org_id": "CAST(:org_id AS uuid)",
        **{name: f"given.{name}" for name in ("month", "holder_id", "currency", "member_id", "pool_id", "value")},
    },
)

PUT = Statement(
    text(
        f"""
        INSERT INTO quota ({NEW_QUOTAS.columns}) SELECT {NEW_QUOTAS.values}
        FROM unnest(
            CAST(:months AS date[]), CAST(:holders AS uuid[]), CAST(:currencies AS text[]), CAST(:members AS uuid[]),
            CAST(:pools AS uuid[]), CAST(:amounts AS numeric[])
        ) AS given (month, holder_id, currency, member_id, pool_id, value)
        ON CONFLICT (org_id, month, holder_id, currency) DO UPDATE SET value = excluded.value
        """
    ).bindparams(ORG)
)


class NewQuota(NamedTuple):
    """A quota to set, or to remove where there is no value."""

    holder: Holder
    month: date
    currency: str | None
    value: Decimal | None

    @property
    def key(self) -> tuple[Any, ...]:
        """What no two of them share."""
        return self.month, self.holder.id, self.currency

    def public(self, value: Decimal) -> dict[str, Any]:
        """It as events hold it, with this value."""
        month = f"{self.month:%Y-%m}"
        return {**self.holder.public, "month": month, "currency": self.currency, "value": str(value)}


async def set_quotas(change: Change, quotas: Sequence[Mapping[str, Any]]) -> Mapping[str, Any]:
    """Set what members and pools are to win in months; a value of null removes it. All others stay as they are.

    Raises `Refused`: NOT_FOUND; INVALID for too many, for one that names no or two holders, for what is no month, no
    currency or no amount, and for one that is named twice.
    """
    own = (await CURRENCY.value(change.connection, org_id=change.org_id)) or "USD"
    wanted = tidy_quotas({"quotas": quotas}, own)
    await change.run(LOCK_ORGANISATION)
    await keep_holders(change, [quota.holder for quota in wanted], *(("quotas", str(at)) for at in range(len(wanted))))
    before = {
        (row["month"], row["holder_id"], row["currency"]): row["value"]
        for row in await change.all(BEFORE, **_columns(wanted))
    }
    changed = [quota for quota in wanted if before.get(quota.key) != quota.value]
    removed, put = ([quota for quota in changed if (quota.value is None) == gone] for gone in (True, False))
    if removed:
        await change.run(REMOVE, **_columns(removed))
    if put:
        ids = [quota.holder.columns for quota in put]
        await change.run(
            PUT,
            **_columns(put),
            members=[holder["member_id"] for holder in ids],
            pools=[holder["pool_id"] for holder in ids],
            amounts=[quota.value for quota in put],
        )
    if changed:
        were = [quota.public(before[quota.key]) for quota in changed if quota.key in before]
        are = [quota.public(quota.value) for quota in put if quota.value is not None]
        updated = Changed(EventType.ORGANISATION_UPDATED, {"quotas": [were, are]})
        change.emit(NewEvent(updated, record_id=change.org_id))
    return {"quotas": [_shown(quota) for quota in wanted if quota.value is not None]}


def tidy_quotas(given: Mapping[str, Any], own: str | None = None) -> list[NewQuota]:
    """The quotas as they are stored; one that names no currency is in the `own` one. Raises `Refused` INVALID."""
    listed: Sequence[Mapping[str, Any]] = given["quotas"]
    if not 1 <= len(listed) <= MOST:
        raise Refused(Refusal.INVALID, f"Set 1 to {MOST} quotas at once, not {len(listed):,}.", "quotas")
    seen: set[tuple[Any, ...]] = set()
    with Checks() as check:
        return [check(_tidy, item, own, seen, "quotas", str(at)) for at, item in enumerate(listed)]


def _tidy(item: Mapping[str, Any], own: str | None, seen: set[tuple[Any, ...]], *path: str) -> NewQuota:
    currency, value = item.get("currency") or own, item.get("value")
    with Checks() as check:
        holder = check(holder_of, item, *path)
        month = check(as_month, item["month"], *path, "month")
        if currency is not None:
            check(precision, currency, *path, "currency")
        if value is not None:
            value = check(priced, value, currency, *path)
    quota = NewQuota(holder, month, currency, value)
    if quota.key in seen:
        raise Refused(Refusal.INVALID, "This quota is named twice. Leave one out.", *path)
    seen.add(quota.key)
    return quota


def priced(value: Decimal, currency: str | None, *path: str) -> Decimal:
    """The amount at its currency's precision, where that is known. Raises `Refused` INVALID."""
    field = (*path, "value")
    return as_money(value, currency, *field) if currency in PRECISION else in_range(value, *field)


def as_month(name: str, *field: str) -> date:
    """The first day of a month. Raises `Refused` INVALID for what is no month."""
    try:
        return first_of_month(name)
    except ValueError as wrong:
        raise Refused(Refusal.INVALID, str(wrong), *field) from wrong


def _columns(quotas: Sequence[NewQuota]) -> dict[str, list[Any]]:
    return {
        "months": [quota.month for quota in quotas],
        "holders": [quota.holder.id for quota in quotas],
        "currencies": [quota.currency for quota in quotas],
    }


def _shown(quota: NewQuota) -> dict[str, Any]:
    shown = {"month": quota.month.isoformat(), "currency": quota.currency, "value": str(quota.value)}
    return {**quota.holder.columns, **shown}
