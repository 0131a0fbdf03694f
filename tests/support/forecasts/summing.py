"""The forecast in plain Python: deal by deal, with exact fractions."""

import base64
import re
from collections import defaultdict
from collections.abc import Mapping
from datetime import date, datetime, timedelta
from decimal import ROUND_HALF_UP, Context, Decimal
from fractions import Fraction
from typing import Any
from zoneinfo import ZoneInfo

from models.rules.money import PRECISION
from tests.support.forecasts.reading import category, held
from tests.support.reading.pages import BadArgument, Page
from tests.support.reading.records import Record, World, public_id, shown

NAMES = {"CLOSED": "closed", "COMMIT": "commit", "BEST_CASE": "bestCase", "PIPELINE": "pipeline"}
AMOUNTS = (*NAMES.values(), "overdue", "overdueBefore")
KEYS = {"OWNER": ("owner", "member"), "POOL": ("pool", "pool"), "PIPELINE": ("pipeline", "pipeline")}

Part = tuple[tuple[Any, ...], str, date, dict[str, Fraction]]
"""The key, the currency, the day and the amounts of a deal or a quota."""


def parse_period(name: str) -> tuple[int, int, int, bool]:
    """Year, first month from 0, months, and whether it is of the fiscal year."""
    month, fiscal = re.fullmatch(r"(\d{4})-(0[1-9]|1[0-2])", name), re.fullmatch(r"FY(\d{4})(-Q([1-4]))?", name)
    if not name.isascii() or not (month or fiscal):
        raise BadArgument(name)
    if month:
        found = int(month[1]), int(month[2]) - 1, 1, False
    else:
        assert fiscal
        found = int(fiscal[1]), 3 * (int(fiscal[3] or 1) - 1), 3 if fiscal[3] else 12, True
    if not 1900 <= found[0] <= 2200:
        raise BadArgument(name)
    return found


def own(world: World) -> Mapping[str, Any]:
    """The organisation's settings."""
    rows = world.tables["organisation"]
    return rows[0].row if rows else {"time_zone": "UTC", "fiscal_year_start": 1}


def bounds(world: World, period: tuple[int, int, int, bool]) -> tuple[date, date]:
    """The first day of a period, and the day after its last one."""
    year, month, months, fiscal = period
    starts = own(world)["fiscal_year_start"]
    at = 12 * year + month + (starts - 1 - (12 if starts > 1 else 0) if fiscal else 0)
    first, end = (date(one // 12, one % 12 + 1, 1) for one in (at, at + months))
    return first, end


def today(world: World) -> date:
    """Today where the organisation is."""
    return datetime.now(ZoneInfo(own(world)["time_zone"])).date()


def chance(world: World, lead: Record) -> int:
    """The chance of an open deal."""
    stage = world.one("stage", lead.row["stage_id"])
    assert stage is not None
    return int(stage["probability"] if lead.row["probability"] is None else lead.row["probability"])


def bucket(world: World, lead: Record, first: date, end: date) -> tuple[str, date] | None:
    """What a deal counts as, and its day; None if it does not count."""
    row, kind = lead.row, category(world, lead, {})
    if kind == "CLOSED":
        if row["closed_at"] is None:
            return None
        day = row["closed_at"].astimezone(ZoneInfo(own(world)["time_zone"])).date()
        return ("closed", day) if first <= day < end else None
    day, stage = row["expected_close_date"], world.one("stage", row["stage_id"])
    assert stage is not None
    if kind == "OMITTED" or stage.row["kind"] != "OPEN" or row["closed_at"] is not None or day is None or day >= end:
        return None
    if day < first:
        return ("overdueBefore", day) if day < today(world) else None
    return ("overdue" if day < today(world) else NAMES[kind]), day


def head(world: World) -> str:
    """The cursor of the last event."""
    number = sum(record["head"] for record in world.tables["event_log"])
    return base64.b64encode(world.caller.org_id.bytes + number.to_bytes(8)).decode()


def quotas(world: World, source: Any, given: Mapping[str, Any]) -> list[Record]:
    """The quotas of the months of a period."""
    first, end = bounds(world, given["period"])
    found = [quota for quota in world.tables["quota"] if first <= quota["month"] < end]
    return sorted(found, key=lambda quota: (quota["month"], quota["holder_id"], quota["currency"]))


def submissions(world: World, source: Any, given: Mapping[str, Any]) -> Page:
    """Submissions, of a member or a pool, for a period."""
    wanted = {f"{noun}_id": given[f"{noun}Id"] for noun in ("member", "pool") if f"{noun}Id" in given}
    if "period" in given:
        wanted["period"] = given["period"]
    return Page(world.all("forecast_submission", **wanted), given)


class Converting:
    """Exact conversion by the rates of a day, and what was used of them."""

    def __init__(self, world: World, given: Mapping[str, Any], last: date) -> None:
        self.world, self.to = world, given.get("in")
        self.on = given.get("ratesOn")
        self.by_day = given.get("rateDate") == "CLOSE_DATE"
        self.last = last
        self.used: set[tuple[str, date, str]] = set()

    def rates(self, currency: str, day: date) -> list[Record | None] | None:
        """The rates of both currencies, none for the euro; None if one has no rate."""
        assert self.to is not None
        day = self.on or (day if self.by_day else self.last)
        known = held(self.world, day)
        if any(code != "EUR" and code not in known for code in (currency, self.to)):
            return None
        return [known.get(code) if code != "EUR" else None for code in (currency, self.to)]

    def factor(self, currency: str, day: date) -> Fraction | None:
        """What an amount is multiplied by; None if there is no rate."""
        if self.to is None or currency == self.to:
            return Fraction(1)
        rates = self.rates(currency, day)
        if rates is None:
            return None
        self.used |= {(one["currency"], one["valid_from"], shown(one["rate"])) for one in rates if one is not None}
        return Fraction(rates[1]["rate"] if rates[1] else 1) / Fraction(rates[0]["rate"] if rates[0] else 1)


def rounded(amount: Fraction, currency: str) -> str:
    """An amount at the precision of its currency, half away from zero."""
    places = PRECISION[currency]
    doubled = abs(amount) * 10**places * 2
    whole = (doubled.numerator // doubled.denominator + 1) // 2
    sign = "-" if amount < 0 and whole else ""
    return sign + format(Decimal(whole).scaleb(-places, Context(prec=60)), "f")


def forecast(world: World, source: Any, given: Mapping[str, Any]) -> dict[str, Any]:
    """The whole answer."""
    first, end = bounds(world, given["period"])
    by = [one for one in KEYS if one in given["by"]]
    last = end - timedelta(days=1)
    converting = Converting(world, given, last)
    sums: dict[tuple[Any, ...], dict[str, Any]] = {}
    lost: dict[str, dict[str, Any]] = {}
    valueless = 0

    def add(keys: list[tuple[Any, ...]], currency: str, day: date, **amounts: Fraction) -> None:
        factor = converting.factor(currency, day)
        deal = "quota" not in amounts
        if factor is None:
            found = lost.setdefault(currency, {"value": Fraction(0), "count": 0, "quota": None})
            found["count"] += deal
            name = "value" if deal else "quota"
            found[name] = (found[name] or 0) + sum(value for key, value in amounts.items() if key != "weighted")
            return
        for key in keys:
            row = sums.setdefault((*key, converting.to or currency), {"deals": 0, "quota": None})
            row["deals"] += deal
            for name, value in amounts.items():
                row[name] = (row.get(name) or 0) + value * factor

    for lead in world.tables["lead"]:
        found = bucket(world, lead, first, end)
        if found is None:
            continue
        name, day = found
        if lead.row["value"] is None:
            valueless += 1
            continue
        value, owner = Fraction(lead.row["value"]), lead.row["owner_id"]
        pools = [place["pool_id"] for place in world.tables["pool_member"] if place["member_id"] == owner] or [None]
        keys = [
            tuple({"OWNER": owner, "POOL": pool, "PIPELINE": lead.row["pipeline_id"]}[one] for one in by)
            for pool in (pools if "POOL" in by else [None])
        ]
        odds = 100 if name == "closed" else 0 if name.startswith("overdue") else chance(world, lead)
        add(keys, lead["currency"], day, **{name: value, "weighted": value * odds / 100})
    for quota in world.tables["quota"]:
        holder = {("OWNER",): quota["member_id"], ("POOL",): quota["pool_id"]}.get(tuple(by))
        if holder is not None and first <= quota["month"] < end:
            day = (quota["month"] + timedelta(days=31)).replace(day=1) - timedelta(days=1)
            add([(holder,)], quota["currency"], day, quota=Fraction(quota["value"]))
    return {
        "cursor": head(world),
        "firstDay": first.isoformat(),
        "lastDay": last.isoformat(),
        "today": today(world).isoformat(),
        "rows": [row_of(world, by, key, sums[key]) for key in sorted(sums, key=order)],
        "rates": [
            {"currency": code, "validFrom": day.isoformat(), "rate": rate}
            for code, day, rate in sorted(converting.used)
        ],
        "unconverted": [
            {
                "currency": code,
                "value": rounded(found["value"], code),
                "count": found["count"],
                "quota": None if found["quota"] is None else rounded(found["quota"], code),
            }
            for code, found in sorted(lost.items())
        ],
        "withoutValue": valueless,
        "withoutDate": sum(
            lead.row["closed_at"] is None and lead.row["expected_close_date"] is None for lead in world.tables["lead"]
        ),
    }


def order(key: tuple[Any, ...]) -> Any:
    """By ids, nobody last, and then by currency."""
    return [(one is None, str(one)) for one in key]


def row_of(world: World, by: list[str], key: tuple[Any, ...], row: Mapping[str, Any]) -> dict[str, Any]:
    """A row as it is returned."""
    *ids, currency = key
    named = dict(zip(by, ids, strict=True))
    groups = [f"no_{KEYS[one][1]}" if id is None else public_id(KEYS[one][1], id) for one, id in named.items()]
    amounts = defaultdict(Fraction, {name: value for name, value in row.items() if value is not None})
    shown_amounts = {name: rounded(amounts[name], currency) for name in (*AMOUNTS, "weighted")}
    quota = None if row["quota"] is None else rounded(row["quota"], currency)
    percent = None
    if quota is not None and Decimal(quota) != 0:
        percent = Decimal(shown_amounts["closed"]) * 100 / Decimal(quota)
    return {
        "group": "/".join(groups) or "all",
        "key": {name: world.one(table, named.get(one)) for one, (name, table) in KEYS.items()},
        "currency": currency,
        "deals": row["deals"],
        "quota": quota,
        **shown_amounts,
        "attainment": None if percent is None else format(percent.quantize(Decimal("0.01"), ROUND_HALF_UP), "f"),
        "gap": None if quota is None else format(Decimal(quota) - Decimal(shown_amounts["closed"]), "f"),
    }


def checked(field: str, given: Mapping[str, Any]) -> dict[str, Any]:
    """The arguments of these fields, parsed. Raises `BadArgument`."""
    parsed: dict[str, Any] = {}
    if "period" in given:
        found = parse_period(given["period"])
        parsed["period"] = given["period"] if field == "forecastSubmissions" else found
    if "in" in given and given["in"] not in PRECISION:
        raise BadArgument("no currency")
    return parsed


def goals(by: str) -> Any:
    """The rows of one member or pool."""

    def rule(world: World, holder: Record, given: Mapping[str, Any]) -> list[dict[str, Any]]:
        table = KEYS[by][1]
        rows = forecast(world, None, {**given, "by": [by]})["rows"]
        return [row for row in rows if row["group"] == public_id(table, holder.row["id"])]

    return rule


FORECAST_RULES: Mapping[tuple[str, str], Any] = {
    ("Query", "forecast"): forecast,
    ("Query", "quotas"): quotas,
    ("Query", "forecastSubmissions"): submissions,
    ("ForecastSubmission", "id"): lambda world, said, given: f"submission_{said.row['id']}",
    ("Member", "goals"): goals("OWNER"),
    ("Pool", "goals"): goals("POOL"),
    ("Quota", "month"): lambda world, quota, given: f"{quota['month']:%Y-%m}",
    **{
        (type_, noun): lambda world, record, given, noun=noun: world.one(noun, record.row[f"{noun}_id"])
        for type_ in ("Quota", "ForecastSubmission")
        for noun in ("member", "pool")
    },
    ("ForecastSubmission", "submittedBy"): lambda world, said, given: world.one("member", said.row["submitted_by_id"]),
}
