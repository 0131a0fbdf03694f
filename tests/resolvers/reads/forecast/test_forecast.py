"""forecast: what was won and what is expected in a period, deal by deal against plain Python."""

from datetime import date, timedelta
from decimal import Decimal
from random import Random
from typing import Any

import pytest

from engine.caller import Caller
from engine.errors import RequestError
from models import Role, organisation_id
from models.database import Database
from resolvers.reads.forecast import forecast as reads
from tests.support.forecasts.summing import forecast as expected
from tests.support.forecasts.summing import parse_period
from tests.support.reading.dataset import load
from tests.support.reading.records import World as Rows
from tests.support.recipes import pool
from tests.support.world import World

ROWS = """group currency deals quota closed commit bestCase pipeline weighted overdue overdueBefore attainment gap"""

FORECAST = f"""query ($period: String!, $by: [ForecastBy!]!, $in: String, $rateDate: RateDate, $ratesOn: Date) {{
    forecast(period: $period, by: $by, in: $in, rateDate: $rateDate, ratesOn: $ratesOn) {{
        cursor firstDay lastDay today withoutValue withoutDate
        rows {{ {ROWS} }} rates {{ currency rate validFrom }} unconverted {{ currency value count quota }}
    }}
}}"""


async def asked(world: World, period: str, *by: str, **more: Any) -> Any:
    """The forecast of a period."""
    return (await world.ask(FORECAST, {"period": period, "by": list(by), **more}))["forecast"]


async def here(world: World) -> date:
    """Today in UTC, as the database has it."""
    day: date = await world.database.pool.fetchval("SELECT CAST(now() AT TIME ZONE 'UTC' AS date)")
    return day


async def deal(world: World, title: str, day: date | None, value: str | None = "100", **given: Any) -> str:
    """An open deal in Talking, expected on a day."""
    given = {"stageId": world["Talking"], "currency": "EUR", **given}
    given |= {"value": value} if value else {}
    given |= {"expectedCloseDate": day.isoformat()} if day else {}
    world.ids[title] = (await world.change("createLead", {"title": title, **given}, "lead { id }"))["lead"]["id"]
    return world[title]


async def clear(world: World) -> None:
    """Remove the world's own cards."""
    await world.sql("DELETE FROM lead WHERE org_id = $1", organisation_id(world.organisation))


def month_of(day: date) -> str:
    """The period of a day's month."""
    return f"{day:%Y-%m}"


async def test_each_deal_counts_once(world: World) -> None:
    """By category while it is expected, as overdue when its day has passed, as closed when it is won; omitted, lost and
    converted deals nowhere."""
    await clear(world)
    day = await here(world)
    later = day + timedelta(days=400)  # a month of its own, in which nothing is overdue
    chosen = {"A": (None, "1"), "B": ("BEST_CASE", "10"), "C": ("COMMIT", "100"), "D": ("OMITTED", "7")}
    for title, (category, value) in chosen.items():
        await deal(world, title, later, value)
        await world.change("setForecastCategory", {"leadId": world[title], "category": category})
    await deal(world, "E", later, "9")
    await world.change("disqualifyLead", {"leadId": world["E"], "reason": "Price"})
    await deal(world, "F", later, "8")
    await world.change("moveLead", {"leadId": world["F"], "stageId": world["Lost"], "lostReason": "Price"})
    await deal(world, "G", later, "5", probability=100)
    await world.change("moveLead", {"leadId": world["G"], "stageId": world["Won"]})
    await deal(world, "H", day - timedelta(days=800), "3")
    [row] = (await asked(world, month_of(later)))["rows"]
    assert row == {
        "group": "all",
        "currency": "EUR",
        "deals": 4,
        "quota": None,
        "closed": "0.00",  # G was won today, whenever it was expected
        "commit": "100.00",
        "bestCase": "10.00",
        "pipeline": "1.00",
        "weighted": "33.30",  # three in ten, as the stage says
        "overdue": "0.00",
        "overdueBefore": "3.00",
        "attainment": None,
        "gap": None,
    }
    [row] = (await asked(world, month_of(day)))["rows"]
    assert (row["closed"], row["weighted"], row["overdueBefore"], row["deals"]) == ("5.00", "5.00", "3.00", 2)
    [row] = (await asked(world, month_of(day - timedelta(days=800))))["rows"]
    assert (row["overdue"], row["overdueBefore"], row["deals"]) == ("3.00", "0.00", 1)


async def test_what_is_in_no_amount_is_counted(world: World) -> None:
    """Deals without a value, and those without a day."""
    await clear(world)
    later = await here(world) + timedelta(days=400)
    await deal(world, "A", later, None)
    await deal(world, "B", None)
    found = await asked(world, month_of(later), "OWNER")
    assert (found["rows"], found["withoutValue"], found["withoutDate"]) == ([], 1, 1)


async def test_days_are_those_of_the_organisation(world: World) -> None:
    """A deal that is won on the last evening of a year there is won in that year, wherever the caller is."""
    await clear(world)
    await deal(world, "A", None)
    await world.change("moveLead", {"leadId": world["A"], "stageId": world["Won"]})
    await world.sql("UPDATE lead SET closed_at = '2025-12-31 20:00:00+00' WHERE title = 'A'")
    closed = {}
    for zone in ("America/New_York", "Asia/Tokyo"):
        await world.change("updateOrganisation", {"timeZone": zone})
        closed[zone] = [len((await asked(world, period))["rows"]) for period in ("FY2025", "FY2026")]
    assert closed == {"America/New_York": [1, 0], "Asia/Tokyo": [0, 1]}


@pytest.mark.parametrize(
    ("start", "period", "days"),
    [
        (1, "2024-02", ("2024-02-01", "2024-02-29")),
        (7, "2026-12", ("2026-12-01", "2026-12-31")),
        (1, "FY2026", ("2026-01-01", "2026-12-31")),
        (1, "FY2026-Q4", ("2026-10-01", "2026-12-31")),
        (4, "FY2026", ("2025-04-01", "2026-03-31")),
        (4, "FY2026-Q1", ("2025-04-01", "2025-06-30")),
        (4, "FY2026-Q4", ("2026-01-01", "2026-03-31")),
        (12, "FY2026-Q1", ("2025-12-01", "2026-02-28")),
        (2, "FY2024-Q1", ("2023-02-01", "2023-04-30")),
    ],
)
async def test_fiscal_years_are_called_by_their_end(
    world: World, start: int, period: str, days: tuple[str, str]
) -> None:
    """A month is one of the calendar; years and quarters begin with the organisation's month."""
    await world.change("updateOrganisation", {"fiscalYearStart": start})
    found = await asked(world, period)
    assert (found["firstDay"], found["lastDay"]) == days


async def test_the_months_of_a_quarter_add_up(world: World) -> None:
    """Amounts and quotas of a quarter are the sums of those of its months, and those of a year of its quarters."""
    await world.change("updateOrganisation", {"fiscalYearStart": 4})
    await random_deals(world)
    names = ("quota", "closed", "commit", "bestCase", "pipeline", "weighted", "overdue")

    async def sums(*periods: str) -> dict[tuple[str, str, str], Decimal]:
        found: dict[tuple[str, str, str], Decimal] = {}
        for period in periods:
            for row in (await asked(world, period, "OWNER"))["rows"]:
                for name in names:
                    key = (row["group"], row["currency"], name)
                    found[key] = found.get(key, Decimal(0)) + Decimal(row[name] or 0)
        return {key: value for key, value in found.items() if value}

    quarters = [f"FY2027-Q{nth}" for nth in (1, 2, 3, 4)]
    months = [f"2026-{nth:02}" for nth in range(4, 13)] + [f"2027-{nth:02}" for nth in (1, 2, 3)]
    whole = await sums("FY2027")
    assert whole
    assert rounded(await sums(*months)) == rounded(await sums(*quarters)) == rounded(whole)


def rounded(sums: dict[tuple[str, str, str], Decimal]) -> dict[tuple[str, str, str], Decimal]:
    """Without the weighted amounts, which are rounded in each period."""
    return {key: value for key, value in sums.items() if key[2] != "weighted"}


async def random_deals(world: World, seed: int = 5) -> None:
    """Deals of all kinds around today, in several currencies, pools, quotas and rates, straight into the tables."""
    random, day = Random(seed), await here(world)
    org_id = organisation_id(world.organisation)
    await pool(world, "rita", "mia", name="Both")
    await pool(world, "mia", name="One")
    stages = await world.database.pool.fetch("SELECT id, pipeline_id, kind FROM stage WHERE org_id = $1", org_id)
    members = [None, *(row["id"] for row in await world.database.pool.fetch("SELECT id FROM member"))]
    for nth in range(150):
        await deal(world, f"Deal {nth}", None, None)
        stage = random.choice(stages)
        currency, digits = random.choice((("EUR", 2), ("USD", 2), ("JPY", 0), ("KWD", 3), ("CHF", 2)))
        value = Decimal(random.randrange(10**7)).scaleb(-digits) if random.random() < 0.95 else None
        expected = day + timedelta(days=random.randrange(-250, 250)) if random.random() < 0.95 else None
        closed = stage["kind"] != "OPEN" or random.random() < 0.1
        await world.sql(
            "UPDATE lead SET stage_id = $2, pipeline_id = $3, owner_id = $4, value = $5, currency = $6,"
            " expected_close_date = $7, probability = $8, forecast_category = $9,"
            " closed_at = CASE WHEN $10 THEN now() - make_interval(hours => $11) END WHERE id = $1",
            *(world_id(world[f"Deal {nth}"]), stage["id"], stage["pipeline_id"], random.choice(members)),
            *(value, currency, expected, random.choice((None, random.randrange(101)))),
            random.choice((None, None, "OMITTED", "PIPELINE", "BEST_CASE", "COMMIT")),
            *(closed, random.randrange(9000)),
        )
    pools = [row["id"] for row in (await world.ask("{ pools { id } }"))["pools"]]
    holders = [{"memberId": world["mia"]}, {"memberId": world["rita"]}, *({"poolId": id} for id in pools)]
    quotas = [
        {**random.choice(holders), "month": month, "value": str(1000 + nth), "currency": code}
        for nth, month in enumerate(f"{year}-{month:02}" for year in (2026, 2027) for month in range(1, 13))
        for code in ("USD", "JPY", "KWD")
    ]
    await world.change("setQuotas", {"quotas": quotas})
    rates = [
        {"currency": code, "validFrom": (day + timedelta(days=at)).isoformat(), "rate": rate}
        for code, rate, at in (
            *(("USD", "1.1172", -400), ("USD", "1.0833", -30), ("USD", "1.2", 300)),
            *(("JPY", "175.68", -100), ("CHF", "0.9194", -10)),
        )
    ]
    await world.change("setExchangeRates", {"rates": rates})


def world_id(public: str) -> Any:
    """The id of a record without its prefix."""
    return public.partition("_")[2]


BY = [[], ["OWNER"], ["POOL"], ["PIPELINE"], ["PIPELINE", "OWNER"], ["POOL", "PIPELINE"], ["OWNER", "POOL", "PIPELINE"]]

CONVERTED: list[dict[str, Any]] = [
    {},
    *({"in": code} for code in ("EUR", "USD", "JPY", "KWD")),
    {"in": "EUR", "rateDate": "CLOSE_DATE"},
    {"in": "CHF", "rateDate": "CLOSE_DATE"},
    {"in": "USD", "ratesOn": "2026-01-31"},
    {"in": "EUR", "ratesOn": "1999-01-01"},
]


@pytest.mark.parametrize("zone", ["UTC", "Pacific/Kiritimati", "America/Los_Angeles"])
async def test_all_numbers_are_those_of_plain_python(world: World, database: Database, zone: str) -> None:
    """Every row, rate and rest of every way to divide and to convert, with exact fractions that are rounded once."""
    await random_deals(world, seed=len(zone))
    await world.change("updateOrganisation", {"timeZone": zone, "fiscalYearStart": 7})
    rows = Rows(await load(database), Caller(world.organisation, "tester", Role.VIEWER))
    random, seen = Random(1), 0
    for by in BY:
        for more in CONVERTED:
            period = random.choice(("FY2026", "FY2027", "FY2027-Q2", "2026-11", "2027-01", "2025-12"))
            found = await asked(world, period, *by, **more)
            on = {"ratesOn": date.fromisoformat(more["ratesOn"])} if "ratesOn" in more else {}
            wanted = expected(rows, None, {"period": parse_period(period), "by": by, **more, **on})
            for row in wanted["rows"]:
                del row["key"]
            assert found == wanted or found["today"] != wanted["today"], (period, by, more)
            seen += len(found["rows"])
    assert seen > 100


async def test_a_currency_without_a_rate_is_neither_one_nor_zero(world: World) -> None:
    """What has no rate is in no amount, and is listed with its value, whatever it is divided by."""
    await clear(world)
    later = await here(world) + timedelta(days=400)
    await world.change("setExchangeRates", {"rates": [{"currency": "USD", "validFrom": "2026-01-01", "rate": "1.25"}]})
    await pool(world, "rita", name="One")
    await pool(world, "rita", name="Two")
    await deal(world, "A", later, "100", currency="USD", ownerId=world["rita"])
    await deal(world, "B", later, "700", currency="CHF", ownerId=world["rita"])
    found = await asked(world, month_of(later), "POOL", **{"in": "EUR"})
    assert [row["pipeline"] for row in found["rows"]] == ["80.00", "80.00"]
    assert found["rates"] == [{"currency": "USD", "rate": "1.25", "validFrom": "2026-01-01"}]
    assert found["unconverted"] == [{"currency": "CHF", "value": "700.00", "count": 1, "quota": None}]
    found = await asked(world, month_of(later), **{"in": "CHF"})
    assert [row["pipeline"] for row in found["rows"]] == ["700.00"]
    assert (found["rates"], [lost["currency"] for lost in found["unconverted"]]) == ([], ["USD"])


async def test_attainment_and_gap_compare_with_the_quota(world: World) -> None:
    """In percent, and what is left; more than the quota leaves less than nothing, and one of 0 has no percentage."""
    await clear(world)
    day = await here(world)
    await deal(world, "A", None, "120.01", ownerId=world["rita"])
    await world.change("moveLead", {"leadId": world["A"], "stageId": world["Won"]})
    rita, month = {"memberId": world["rita"], "currency": "EUR"}, month_of(day)
    found = {}
    for quota in ("0", "90", "300"):
        await world.change("setQuotas", {"quotas": [{**rita, "month": month, "value": quota}]})
        [row] = (await asked(world, month, "OWNER"))["rows"]
        found[quota] = (row["quota"], row["attainment"], row["gap"])
    assert found == {
        "0": ("0.00", None, "-120.01"),
        "90": ("90.00", "133.34", "-30.01"),
        "300": ("300.00", "40.00", "179.99"),
    }
    [row] = (await asked(world, month, "OWNER", "PIPELINE"))["rows"]
    assert (row["quota"], row["gap"]) == (None, None)


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"period": "2026-13"}, "period: '2026-13' is not a period. Send a month such as '2026-11'"),
        ({"period": "FY26"}, "period: 'FY26' is not a period."),
        ({"period": ""}, "period: '' is not a period."),
        ({"in": "EURO"}, "in: 'EURO' is not a currency."),
    ],
)
async def test_what_is_no_period_or_currency_is_refused(world: World, given: dict[str, Any], message: str) -> None:
    """The message says what to send instead."""
    body = await refusal_of(world, FORECAST, {"period": "2026-11", "by": [], **given})
    assert body["message"].startswith(message)
    assert body["extensions"]["code"] == "BAD_USER_INPUT"


async def refusal_of(world: World, query: str, variables: dict[str, Any]) -> Any:
    """The error of a forecast that is refused as a whole."""
    with pytest.raises(RequestError) as refused:
        await world.api(query, variables, organisation=world.organisation)
    return refused.value.errors[0].formatted


async def test_too_many_groups_are_an_error(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """A forecast that would be divided by more says so, and how to go on; as many are answered."""
    later = await here(world) + timedelta(days=400)
    for owner in ("rita", "mia", "tester"):
        await deal(world, owner, later, ownerId=world[owner])
    monkeypatch.setattr(reads, "MOST_GROUPS", 3)
    assert len((await world.ask(*limited(month_of(later), "three")))["forecast"]["rows"]) == 3
    monkeypatch.setattr(reads, "MOST_GROUPS", 2)
    found = await refusal_of(world, *limited(month_of(later), "two"))
    assert found["message"] == (
        "by: this forecast has rows for more than 1,000 owners, pools and pipelines. Divide it by fewer of them."
    )
    assert found["extensions"] == {"code": "BAD_USER_INPUT", "argument": "by", "path": ["by"]}


def limited(period: str, name: str) -> tuple[str, dict[str, Any]]:
    """A forecast by owner under a name of its own, so that it is compiled anew."""
    return f"query {name}($p: String!) {{ forecast(period: $p, by: OWNER) {{ rows {{ group }} }} }}", {"p": period}


async def test_forecasts_of_others_are_theirs(world: World, strangers: World) -> None:
    """Deals, quotas and rates of another organisation count nowhere."""
    later = await here(world) + timedelta(days=400)
    await deal(strangers, "A", later)
    assert (await asked(world, month_of(later)))["rows"] == []
