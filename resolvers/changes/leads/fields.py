"""The fields of a lead that people fill in: what each may hold, and what they must agree on."""

from collections.abc import Mapping
from decimal import Decimal
from typing import Any
from uuid import UUID

from sqlalchemy import text

from engine.change.fields import Fields, as_given, between, required
from engine.change.transaction import Change
from engine.read.rows import ORG
from models.database import Statement
from models.rules.money import as_money, in_range, precision
from models.rules.numbers import FIRST_DAY, LAST_DAY
from models.rules.refusal import Checks, Refusal, Refused
from models.rules.roles import ASSIGNED_LEAD
from models.rules.text import line, optional_line, prose, spelled
from models.tables.lead import Lead
from resolvers.changes.locks import expect_found

CURRENCY = Statement(text("SELECT currency FROM organisation WHERE id = :org_id").bindparams(ORG))
"""The currency that amounts are in when none is named."""


def _currency(value: str | None, *field: str) -> str | None:
    if value is not None:
        precision(value, *field)
    return value


def _value(value: Decimal | None, *field: str) -> Decimal | None:
    return None if value is None else in_range(value, *field)


FIELDS = Fields(
    Lead,
    title=required(line),
    description=prose,
    contact_id=as_given,
    customer_id=as_given,
    owner_id=as_given,
    value=_value,
    currency=_currency,
    probability=between(0, 100),
    expected_close_date=between(FIRST_DAY, LAST_DAY),
    score=as_given,
    source=optional_line,
    external_id=optional_line,
)

EMPTY = FIELDS.empty


def tidy(given: Mapping[str, Any]) -> dict[str, Any]:
    """The given fields as they are stored, each by itself, and a value with its currency. Raises `Refused` INVALID."""
    value, currency = given.get("value"), given.get("currency")
    with Checks() as check:
        fields = check(FIELDS.tidy, given)
        if value is not None and currency is not None:
            check(as_money, value, currency, "value")
    return fields


def check_fields(given: Mapping[str, Any]) -> None:
    """Check the fields of a lead among the given values, and why a new one is lost. Raises as `tidy` does."""
    with Checks() as check:
        check(tidy, FIELDS.among(given))
        check(optional_line, given.get("lost_reason"), spelled("lost_reason"))


async def settle(change: Change, before: Mapping[str, Any], given: Mapping[str, Any]) -> dict[str, Any]:
    """The given fields, looked at together and with the records they name.

    Raises `Refused`: NOT_FOUND; OWNER_INACTIVE; FORBIDDEN for a rep who assigns to others; INVALID.
    """
    new = {name: id for name, id in given.items() if id is not None and id != before[name]}
    with Checks() as check:
        await check.later(expect_found(change, "contact", new.get("contact_id"), "contactId"))
        await check.later(expect_found(change, "customer", new.get("customer_id"), "customerId"))
        await check.later(expect_found(change, "member", new.get("owner_id"), "ownerId"))
        if "owner_id" in given and given["owner_id"] != before["owner_id"]:
            check(expect_may_assign, change, before["owner_id"], given["owner_id"], "ownerId")
        price = await check.later(priced(change, before, given))
    return {**given, **price}


def expect_may_assign(change: Change, from_id: UUID | None, to_id: UUID | None, field: str) -> None:
    """Refuse a rep who takes a lead from somebody else, or gives it to somebody else."""
    role, me = change.caller.role, change.actor_id
    if not all(ASSIGNED_LEAD.includes(role, me, {"owner_id": id}) for id in (from_id, to_id)):
        raise Refused(
            Refusal.FORBIDDEN,
            "Only a manager can assign leads to others or take them from others. Ask a manager.",
            field,
        )


async def priced(change: Change, before: Mapping[str, Any], given: Mapping[str, Any]) -> dict[str, Any]:
    """Value and currency, at the currency's precision. A value without a currency is in the organisation's own."""
    value, currency = given.get("value", before["value"]), given.get("currency", before["currency"])
    if value is None:
        return {}
    if currency is None and before["currency"] is not None:
        raise Refused(
            Refusal.INVALID, "A value needs a currency. Leave currency out, or send null for value, too.", "currency"
        )
    if currency is None:
        found = await change.first(CURRENCY)
        assert found is not None
        currency = found["currency"]
    return {"value": as_money(value, currency, "value"), "currency": currency}
