"""Exchange rates of the organisation: set by hand, or imported from what the European Central Bank has published."""

import asyncio
from collections.abc import Mapping, Sequence
from datetime import date
from decimal import Decimal
from typing import Any, NamedTuple

from sqlalchemy import text

from engine.change.fields import between
from engine.change.records import inserted
from engine.change.transaction import Change
from engine.read.rows import ORG
from models.database import Row, Statement
from models.event_types import Changed, EventType
from models.rules.money import PIVOT, as_rate, precision
from models.rules.numbers import FIRST_DAY, LAST_DAY, within
from models.rules.refusal import Checks, Refusal, Refused
from models.tables.event import NewEvent
from models.tables.forecast.exchange_rate import ExchangeRate, RateSource
from resolvers.changes.locks import LOCK_ORGANISATION
from resolvers.changes.organisation import published_rates

MOST = 500
"""Rates that can be set at once."""

MOST_IMPORTED = 50_000
"""Rates that can be imported at once: four years of all currencies, twenty of six."""

A_DAY = between(FIRST_DAY, LAST_DAY)

_given = "unnest(CAST(:currencies AS text[]), CAST(:days AS date[])) AS given (currency, valid_from)"

BEFORE = Statement(
    text(
        f"""
        SELECT rate.currency, rate.valid_from, rate.rate, rate.source FROM exchange_rate AS rate
        JOIN {_given} ON given.currency = rate.currency AND given.valid_from = rate.valid_from
        WHERE rate.org_id = :org_id
        """
    ).bindparams(ORG)
)
"""What is there already for some currencies and days."""

REMOVE = Statement(
    text(
        f"""
        DELETE FROM exchange_rate USING {_given}
        WHERE exchange_rate.org_id = :org_id AND exchange_rate.currency = given.currency
            AND exchange_rate.valid_from = given.valid_from
        """
    ).bindparams(ORG)
)

NEW_RATES = inserted(
    ExchangeRate,
    {
        "org_id": "CAST(:org_id AS uuid)",
        "currency": "given.currency",
        "valid_from": "given.valid_from",
        "rate": "given.rate",
        "source": "CAST(:source AS text)",
    },
)

KEEP_BY_HAND = "WHERE exchange_rate.source = excluded.source AND exchange_rate.rate <> excluded.rate"

_put = f"""
    INSERT INTO exchange_rate ({NEW_RATES.columns}) SELECT {NEW_RATES.values}
    FROM unnest(
        CAST(:currencies AS text[]), CAST(:days AS date[]), CAST(:rates AS numeric[])
    ) AS given (currency, valid_from, rate)
    ON CONFLICT (org_id, currency, valid_from) DO UPDATE SET rate = excluded.rate, source = excluded.source
"""

PUT = Statement(text(_put).bindparams(ORG))

IMPORT = Statement(
    text(
        f"WITH put AS ({_put} {KEEP_BY_HAND} RETURNING 1) SELECT count(*) FROM put",
    ).bindparams(ORG)
)
"""Rates that were set by hand stay, and those that are there already are not written again."""

USED = Statement(
    text(
        """
        SELECT currency FROM organisation WHERE id = :org_id
        UNION SELECT currency FROM stage_total WHERE org_id = :org_id AND leads > 0 AND currency <> ''
        """
    ).bindparams(ORG)
)
"""The organisation's own currency, and those of the values of its leads."""


class NewRate(NamedTuple):
    """A rate to set, or to remove where there is none: how many units of the currency one euro is worth."""

    currency: str
    valid_from: date
    rate: Decimal | None


async def set_exchange_rates(change: Change, rates: Sequence[Mapping[str, Any]]) -> Mapping[str, Any]:
    """Set rates, each from a day on; null removes the one that begins on that day.

    Raises `Refused` INVALID for too many, for an unknown currency and the euro, for a rate that is none, for a day out
    of range, and for a currency and day that are named twice.
    """
    wanted = tidy_rates({"rates": rates})
    await change.run(LOCK_ORGANISATION)
    named = _columns(wanted)
    before = {(row["currency"], row["valid_from"]): row for row in await change.all(BEFORE, **named)}
    changed = [rate for rate in wanted if _differs(before.get(rate[:2]), rate)]
    removed = [rate for rate in changed if rate.rate is None]
    put = [rate for rate in changed if rate.rate is not None]
    if removed:
        await change.run(REMOVE, **_columns(removed))
    if put:
        await change.run(PUT, **_columns(put), rates=[rate.rate for rate in put], source=RateSource.MANUAL.value)
    if changed:
        were = [_described(NewRate(*key, before[key]["rate"])) for rate in changed if (key := rate[:2]) in before]
        _record(change, were, [_described(rate) for rate in put])
    kept = [rate for rate in wanted if rate.rate is not None]
    manual = RateSource.MANUAL.value
    return {"rates": [{**rate._asdict(), "rate": str(rate.rate), "source": manual} for rate in kept]}


def tidy_rates(given: Mapping[str, Any]) -> list[NewRate]:
    """The rates as they are stored. Raises `Refused` INVALID."""
    listed: Sequence[Mapping[str, Any]] = given["rates"]
    if not 1 <= len(listed) <= MOST:
        raise Refused(Refusal.INVALID, f"Set 1 to {MOST} rates at once, not {len(listed):,}.", "rates")
    seen: set[tuple[str, date]] = set()
    with Checks() as check:
        return [check(_tidy, item, seen, "rates", str(at)) for at, item in enumerate(listed)]


def _tidy(item: Mapping[str, Any], seen: set[tuple[str, date]], *path: str) -> NewRate:
    code, day, rate = item["currency"], item["valid_from"], item.get("rate")
    with Checks() as check:
        check(_convertible, code, *path, "currency")
        check(A_DAY, day, *path, "validFrom")
        tidied = None if rate is None else check(as_rate, rate, *path, "rate")
        check(_expect_new, (code, day), seen, *path, "validFrom")
    return NewRate(code, day, tidied)


def _convertible(code: str, *field: str) -> None:
    if code == PIVOT:
        raise Refused(Refusal.INVALID, f"The rate of {PIVOT} is always 1. Leave it out.", *field)
    precision(code, *field)


def _expect_new(named: tuple[str, date], seen: set[tuple[str, date]], *field: str) -> None:
    if named in seen:
        raise Refused(Refusal.INVALID, f"{named[0]} is named twice for {named[1]}. Leave one out.", *field)
    seen.add(named)


def _differs(before: Row | None, rate: NewRate) -> bool:
    if before is None:
        return rate.rate is not None
    return (before["rate"], before["source"]) != (rate.rate, RateSource.MANUAL)


async def import_exchange_rates(
    change: Change, from_: date, to: date | None = None, currencies: Sequence[str] | None = None
) -> Mapping[str, Any]:
    """Import the rates that the European Central Bank has published from one day to another, or to the last that is
    known; of these currencies, or else of those that the organisation uses.

    Raises `Refused` INVALID for days without rates, for a currency without any, and for too many rates.
    """
    await asyncio.to_thread(published_rates.published)  # reads the file, once in a process
    check_import({"from_": from_, "to": to, "currencies": currencies})
    if currencies is None:
        used = {row["currency"] for row in await change.all(USED)}
        currencies = sorted(used & published_rates.published())
    found = published_rates.rates(set(currencies), from_, to or LAST_DAY)
    rates = [NewRate(code, day, rate) for code, by_day in sorted(found.items()) for day, rate in by_day.items()]
    if len(rates) > MOST_IMPORTED:
        raise Refused(
            Refusal.INVALID,
            f"These are {len(rates):,} rates. Import up to {MOST_IMPORTED:,} at once: fewer days, or fewer currencies.",
            "from",
        )
    await change.run(LOCK_ORGANISATION)
    source = RateSource.ECB.value
    imported = await IMPORT.value(
        change.connection,
        org_id=change.org_id,
        **_columns(rates),
        rates=[rate.rate for rate in rates],
        source=source,
    )
    days = sorted({rate.valid_from for rate in rates})
    span = {"from": days[0].isoformat(), "to": days[-1].isoformat()} if days else {}
    if imported:
        _record(change, None, {"source": source, "currencies": sorted(found), **span, "rates": imported})
    return {
        "imported": imported,
        "currencies": sorted(code for code, by_day in found.items() if by_day),
        "first_day": days[0] if days else None,
        "last_day": days[-1] if days else None,
    }


def check_import(given: Mapping[str, Any]) -> None:
    """Check which rates are to be imported. Raises `Refused` INVALID."""
    first, last = published_rates.bounds()
    with Checks() as check:
        from_ = check(within, given["from_"], first, last, "from")
        if given.get("to") is not None and from_ is not None:
            check(within, given["to"], from_, LAST_DAY, "to")
        if given.get("currencies") == []:
            check(_expect_any)
        for at, code in enumerate(given.get("currencies") or ()):
            check(_expect_published, code, "currencies", str(at))


def _expect_published(code: str, *field: str) -> None:
    _convertible(code, *field)
    if code not in published_rates.published():
        raise Refused(
            Refusal.INVALID,
            f"The European Central Bank publishes no rates of {code}. Leave it out, and set its rates yourself.",
            *field,
        )


def _expect_any() -> None:
    raise Refused(Refusal.INVALID, "Name at least one currency, or leave this out for those you use.", "currencies")


def _columns(rates: Sequence[NewRate]) -> dict[str, list[Any]]:
    return {"currencies": [rate.currency for rate in rates], "days": [rate.valid_from for rate in rates]}


def _described(rate: NewRate) -> dict[str, Any]:
    return {"currency": rate.currency, "validFrom": rate.valid_from.isoformat(), "rate": str(rate.rate)}


def _record(change: Change, before: Any, after: Any) -> None:
    updated = Changed(EventType.ORGANISATION_UPDATED, {"exchangeRates": [before, after]})
    change.emit(NewEvent(updated, record_id=change.org_id))
