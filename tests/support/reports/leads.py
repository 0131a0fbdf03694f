"""Leads of all kinds, straight into the tables, for reports to be counted again in plain Python."""

import random
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from fractions import Fraction
from typing import Any
from zoneinfo import ZoneInfo

from models import organisation_id
from models.rules.ids import parse_id, public_id
from tests.support.forecasts.summing import rounded
from tests.support.recipes import pool
from tests.support.world import World

ZONE = ZoneInfo("Pacific/Auckland")
"""Where days begin half a day before those of UTC."""

SOURCES = (None, "Fair", "fair", "Ärger & Söhne", "", "Web", "Zoo", "\U0001f3aa")
REASONS = (None, "Price", "Timing")
TYPES = ("CALL", "EMAIL", "MEETING", "NOTE")
CURRENCIES = (("EUR", 2), ("USD", 2), ("JPY", 0), ("KWD", 3), ("CHF", 2))

Row = Mapping[str, Any]


async def stored(world: World, table: str) -> list[Row]:
    """The rows of a table, of one organisation."""
    found = await world.database.pool.fetch(
        f"SELECT * FROM {table} WHERE org_id = $1", organisation_id(world.organisation)
    )
    return [dict(row) for row in found]


async def random_leads(world: World, draw: random.Random, count: int = 120) -> None:
    """Leads that were created and closed in March and April 2030, in two pipelines, with pools and exchange rates."""
    org_id = organisation_id(world.organisation)
    await world.sql("UPDATE organisation SET time_zone = $2 WHERE id = $1", org_id, ZONE.key)
    await pool(world, "rita", "mia", name="Both")
    await pool(world, "mia", name="One")
    stages = [one for one in await stored(world, "stage") if public_id("pipeline", one["pipeline_id"]) in here(world)]
    members = [None, *(row["id"] for row in await stored(world, "member"))]
    for nth in range(count):
        await world.change("createLead", {"title": f"Lead {nth}", "stageId": world["New"]})
    for lead in await stored(world, "lead"):
        stage = draw.choice(stages)
        currency, digits = draw.choice(CURRENCIES)
        value = Decimal(draw.randrange(10**6)).scaleb(-digits) if draw.random() < 0.85 else None
        created = datetime(2030, 3, 1, tzinfo=UTC) + timedelta(hours=draw.randrange(24 * 50))
        closed = created + timedelta(hours=draw.randrange(24 * 20))
        ending = draw.choice(("open", "open", "disqualified", "converted", "lost")) if stage["kind"] != "WON" else "won"
        disqualified = ending == "disqualified"
        converted = ending == "converted" and stage["kind"] == "OPEN"
        over = stage["kind"] != "OPEN" or disqualified or converted
        await world.sql(
            "UPDATE lead SET stage_id = $2, pipeline_id = $3, owner_id = $4, value = $5, currency = $6, source = $7,"
            " created_at = $8, closed_at = $9, disqualified_at = $10, converted_at = $11, lost_reason = $12,"
            " qualified_at = $13, probability = $14, external_id = NULL WHERE id = $1",
            *(lead["id"], stage["id"], stage["pipeline_id"], draw.choice(members), value, currency),
            *(draw.choice(SOURCES), created, closed if over else None, closed if disqualified else None),
            *(closed if converted else None, draw.choice(REASONS) if disqualified or stage["kind"] == "LOST" else None),
            *(created if draw.random() < 0.4 else None, draw.choice((None, None, draw.randrange(101)))),
        )
    rates = [
        {"currency": code, "validFrom": day, "rate": rate}
        for code, rate, day in (
            *(("USD", "1.1172", "2030-01-01"), ("USD", "1.0833", "2030-03-20"), ("JPY", "175.68", "2030-04-01")),
            *(("CHF", "0.9194", "2030-03-10"),),
        )
    ]
    await world.change("setExchangeRates", {"rates": rates})


def here(world: World) -> tuple[str, str]:
    """The pipelines that have leads."""
    return world["Sales"], world["Renewals"]


def outcome(lead: Row, stage: Row) -> str | None:
    """How a lead has ended."""
    if stage["kind"] == "WON":
        return "WON"
    if lead["converted_at"] is not None:
        return "CONVERTED"
    if lead["disqualified_at"] is not None:
        return "DISQUALIFIED"
    return "LOST" if stage["kind"] == "LOST" else None


@dataclass
class Rows:
    """The rows that reports are made of."""

    leads: list[Row]
    stages: Mapping[Any, Row]
    places: list[Row]
    rates: list[Row]

    @classmethod
    async def of(cls, world: World) -> "Rows":
        """Those of an organisation."""
        stages = {row["id"]: row for row in await stored(world, "stage")}
        leads = [{**row, "outcome": outcome(row, stages[row["stage_id"]])} for row in await stored(world, "lead")]
        return cls(leads, stages, await stored(world, "pool_member"), await stored(world, "exchange_rate"))

    def held(self, currency: str, day: date) -> Row | None:
        """The rate that holds on a day."""
        known = [one for one in self.rates if one["currency"] == currency and one["valid_from"] <= day]
        return max(known, key=lambda one: one["valid_from"], default=None)

    def keys(self, lead: Row, by: tuple[str, ...], month: str | None) -> list[tuple[Any, ...]]:
        """What a lead counts for: more than one key for an owner in several pools."""
        pools = [row["pool_id"] for row in self.places if row["member_id"] == lead["owner_id"]] or [None]
        found = {"OWNER": lead["owner_id"], "PIPELINE": lead["pipeline_id"], "STAGE": lead["stage_id"]}
        found |= {"SOURCE": lead["source"], "LOST_REASON": lead["lost_reason"], "MONTH": month}
        each = pools if "POOL" in by else [None]
        return [tuple({**found, "POOL": pool}[one] for one in by) for pool in each]


class Money:
    """Amounts by currency, or converted, with exact fractions; and what was used and lost."""

    def __init__(self, rows: Rows, into: str | None = None, on: date | None = None) -> None:
        self.rows, self.into, self.on = rows, into, on
        self.used: set[tuple[str, date, str]] = set()
        self.lost: dict[str, list[Fraction]] = {}

    def convert(self, lead: Row, day: date | None) -> tuple[str, Fraction] | None:
        """The value of a lead in the currency that it is shown in; None without a value or a rate."""
        if lead["value"] is None:
            return None
        value, currency = Fraction(lead["value"]), lead["currency"]
        if self.into in (None, currency):
            return currency, value
        at = self.on or day
        assert at is not None
        rates = {code: self.rows.held(code, at) for code in (currency, self.into) if code != "EUR"}
        if None in rates.values():
            return None
        for code, rate in rates.items():
            self.used.add((code, rate["valid_from"], f"{rate['rate'].normalize():f}"))  # type: ignore[index]
        factors = [Fraction(rates[code]["rate"]) if code in rates else 1 for code in (self.into, currency)]  # type: ignore[index]
        return str(self.into), value * factors[0] / factors[1]

    def lose(self, lead: Row) -> None:
        """Note a lead that could not be converted, once."""
        self.lost.setdefault(lead["currency"], []).append(Fraction(lead["value"]))

    def rates(self) -> list[dict[str, str]]:
        """The rates that were used, as they are shown."""
        return [{"currency": c, "validFrom": day.isoformat(), "rate": rate} for c, day, rate in sorted(self.used)]

    def unconverted(self) -> list[dict[str, Any]]:
        """What has no rate, as it is shown."""
        return [
            {"currency": code, "value": rounded(sum(values, Fraction(0)), code), "count": len(values)}
            for code, values in sorted(self.lost.items())
        ]


def local(instant: datetime) -> date:
    """The day of an instant in the organisation's time zone."""
    return instant.astimezone(ZONE).date()


def about_now() -> dict[str, str]:
    """A few days around today, in any time zone."""
    return {end: (date.today() + timedelta(days=days)).isoformat() for end, days in (("from", -3), ("to", 3))}


def month(instant: datetime | None) -> str | None:
    """The month of an instant in the organisation's time zone."""
    return None if instant is None else f"{instant.astimezone(ZONE):%Y-%m}"


def percent(part: Fraction | int, whole: Fraction | int) -> str | None:
    """A part of a whole in percent, half away from zero; None of nothing."""
    return rounded(Fraction(part) * 100 / Fraction(whole), "EUR") if whole else None


def order(key: tuple[Any, ...]) -> Any:
    """By ids and texts byte by byte, nothing last."""
    return [(one is None, one.encode() if isinstance(one, str) else str(one).encode()) for one in key]


NOUNS = {"OWNER": "member", "POOL": "pool", "PIPELINE": "pipeline", "STAGE": "stage"}
NAMES = {"LOST_REASON": "lostReason"}

KEY = "key { owner { id } pool { id } source month }"


def shown_key(by: tuple[str, ...], key: tuple[Any, ...], *fields: str) -> dict[str, Any]:
    """What a group is about, as it is shown."""
    shown: dict[str, Any] = dict.fromkeys(fields or ("owner", "pool", "source", "month"))
    for one, value in zip(by, key, strict=True):
        if one in NOUNS and value is not None:
            value = {"id": public_id(NOUNS[one], value)}
        shown[NAMES.get(one, one.lower())] = value
    return shown


async def random_activities(world: World, draw: random.Random, count: int) -> None:
    """Activities of the leads, in March and April 2030, of all types and of nobody in particular."""
    members = [None, *(row["id"] for row in await stored(world, "member"))]
    leads = sorted(row["id"] for row in await stored(world, "lead"))
    for nth in range(count):
        given = {"leadId": public_id("lead", draw.choice(leads)), "type": draw.choice(TYPES), "subject": f"A{nth}"}
        made = await world.change("logActivity", given, "activity { id }")
        at = datetime(2030, 3, 1, tzinfo=UTC) + timedelta(hours=draw.randrange(24 * 60))
        await world.sql(
            "UPDATE activity SET author_id = $2, occurred_at = $3 WHERE id = $1",
            *(parse_id("activity", made["activity"]["id"]), draw.choice(members), at),
        )
