"""`velocity`: open leads times win rate times average value by cycle days, compared with plain Python."""

import random
from datetime import UTC, date, datetime, time, timedelta
from fractions import Fraction
from typing import Any

import pytest

from models.rules.ids import parse_id
from tests.support.forecasts.summing import rounded
from tests.support.reports.asking import refusals
from tests.support.reports.leads import ZONE, Money, Row, Rows, about_now, local, percent, random_leads
from tests.support.world import World

VELOCITY = """
query ($id: ID!, $in: DateRange!, $disqualified: Boolean!, $currency: String, $on: Date) {
  velocity(pipelineId: $id, in: $in, countDisqualified: $disqualified, currency: $currency, ratesOn: $on) {
    open won lost winRate cycleDays closed values { currency open openValue averageValue perDay }
    rates { currency rate validFrom } unconverted { currency value count } withoutValue } }
"""


def median(leads: list[Row], starts: datetime, ends: datetime) -> int | None:
    """The age at which half of the leads are closed, by a product limit in fractions whose sample changes: at each age
    those that were open at that age on the days."""
    lives = []
    for lead in leads:
        closed = lead["closed_at"] is not None and lead["closed_at"] < ends
        last = lead["closed_at"] if closed else ends
        came = max(0, int((starts - lead["created_at"]).total_seconds()))
        lives.append((came, int((last - lead["created_at"]).total_seconds()), closed))
    survival = Fraction(1)
    for age in sorted({went for _, went, closed in lives if closed}):
        at_risk = sum(came <= age <= went for came, went, _ in lives)
        survival *= 1 - Fraction(sum(closed and went == age for _, went, closed in lives), at_risk)
        if survival <= Fraction(1, 2):
            return age
    return None


def expected(rows: Rows, given: dict[str, Any]) -> Any:
    """The whole answer, counted lead by lead."""
    first, last = (date.fromisoformat(given["in"][end]) for end in ("from", "to"))
    starts = datetime.combine(first, time(), ZONE)
    ends = min(datetime.combine(last + timedelta(days=1), time(), ZONE), datetime.now(UTC))
    lost = ("LOST", "DISQUALIFIED") if given["disqualified"] else ("LOST",)
    money = Money(rows, given["currency"], date.fromisoformat(given["on"]) if given["on"] else None)
    seen = [
        lead
        for lead in rows.leads
        if lead["pipeline_id"] == parse_id("pipeline", given["id"])
        and lead["created_at"] < ends
        and (lead["closed_at"] is None or lead["closed_at"] >= starts)
    ]
    lived = [lead for lead in seen if lead["closed_at"] is None or lead["closed_at"] > lead["created_at"]]
    seconds = median(lived, starts, ends)
    closed = [lead for lead in seen if lead["closed_at"] is not None and lead["closed_at"] < ends]
    still = [lead for lead in seen if lead not in closed]
    won = [lead for lead in closed if lead["outcome"] == "WON"]
    losers = [lead for lead in closed if lead["outcome"] in lost]
    sums: dict[str, dict[str, list[Fraction]]] = {}
    for name, leads in (("won", won), ("open", still)):
        for lead in leads:
            amount = money.convert(lead, local(lead["closed_at"]) if name == "won" else last)
            if amount is not None:
                sums.setdefault(amount[0], {"won": [], "open": []})[name].append(amount[1])
            elif lead["value"] is not None:
                money.lose(lead)
    values = []
    for code, parts in sorted(sums.items()):
        average = sum(parts["won"], Fraction(0)) / len(parts["won"]) if parts["won"] else None
        per_day = None
        if average is not None and seconds:
            rate = Fraction(len(won), len(won) + len(losers))
            per_day = rounded(len(parts["open"]) * rate * average * 86400 / seconds, code)
        shown = None if average is None else rounded(average, code)
        value = rounded(sum(parts["open"], Fraction(0)), code)
        of_open = {"open": len(parts["open"]), "openValue": value}
        values.append({"currency": code, **of_open, "averageValue": shown, "perDay": per_day})
    return {
        "open": len(still),
        "won": len(won),
        "lost": len(losers),
        "winRate": percent(len(won), len(won) + len(losers)),
        "cycleDays": None if seconds is None else rounded(Fraction(seconds, 86400), "EUR"),
        "closed": sum(lead in lived for lead in closed),
        "values": values,
        "rates": money.rates(),
        "unconverted": money.unconverted(),
        "withoutValue": sum(lead["value"] is None for lead in (*won, *still)),
    }


@pytest.mark.parametrize("seed", range(3))
async def test_each_factor_is_that_of_plain_python(world: World, seed: int) -> None:
    """For days of the past, of which the end is known."""
    draw = random.Random(seed)
    await random_leads(world, draw)
    # Backwards in time: the random leads are of a year to come.
    await world.sql(
        "UPDATE lead SET created_at = created_at - interval '3653 days', closed_at = closed_at - interval '3653 days'"
    )
    await world.sql("UPDATE exchange_rate SET valid_from = valid_from - 3653")
    await world.sql("UPDATE lead SET closed_at = created_at WHERE closed_at IS NOT NULL AND title LIKE '%7'")
    rows = await Rows.of(world)
    known = 0
    for nth in range(16):
        first, last = sorted(date(2020, 2, 20) + timedelta(days=draw.randrange(80)) for _ in range(2))
        currency, on = draw.choice([(None, None), ("EUR", None), ("USD", None), ("KWD", "2020-04-15")])
        given = {
            "id": world[("Sales", "Sales", "Renewals", "Empty")[nth % 4]],
            "in": {"from": first.isoformat(), "to": last.isoformat()},
            "disqualified": draw.random() < 0.5,
            "currency": currency,
            "on": on,
        }
        found = (await world.ask(VELOCITY, given))["velocity"]
        assert found == expected(rows, given), given
        known += sum(value["perDay"] is not None for value in found["values"])
    assert known > 10


GIVEN = {"disqualified": True, "currency": None, "on": None}


async def aged(world: World, title: str, days: float, open_for: float | None) -> None:
    """A lead that was created so many days ago, and closed after so many."""
    await world.sql(
        "UPDATE lead SET created_at = now() - make_interval(secs => $2), closed_at = CASE WHEN closed_at IS NOT NULL"
        " THEN now() - make_interval(secs => $2) + make_interval(secs => $3) END WHERE title = $1",
        *(title, days * 86400, (open_for or 0) * 86400),
    )


async def test_what_is_open_counts_as_taking_longer(world: World) -> None:
    """Eve was won after 10 days and Dan lost after 20; three are open for 100: half of all are not closed yet."""
    await world.change("moveLead", {"leadId": world["Dan"], "stageId": world["Lost"], "lostReason": "Price"})
    for name, days, closed in (("Eve", 90, 10.0), ("Dan", 90, 20.0), ("Ada", 100, None), ("Bob", 100, None)):
        await aged(world, name, days, closed)
    await aged(world, "Cleo", 100, None)
    days = {"from": (date.today() - timedelta(days=400)).isoformat(), "to": date.today().isoformat()}
    given = {**GIVEN, "id": world["Sales"], "in": days}
    found = (await world.ask(VELOCITY, given))["velocity"]
    assert (found["open"], found["won"], found["lost"], found["winRate"], found["closed"]) == (3, 1, 1, "50.00", 2)
    assert found["cycleDays"] is None
    await world.change("disqualifyLead", {"leadId": world["Cleo"], "reason": "Price"})
    await aged(world, "Cleo", 100, 30.0)
    found = (await world.ask(VELOCITY, given))["velocity"]
    assert (found["cycleDays"], found["winRate"]) == ("30.00", "33.33")
    assert found["values"] == [
        {"currency": "EUR", "open": 1, "openValue": "1000.00", "averageValue": None, "perDay": None},
        # 1 open lead, a third of 500, in 30 days
        {"currency": "USD", "open": 1, "openValue": "250.50", "averageValue": "500.00", "perDay": "5.56"},
    ]


async def test_nothing_is_known_of_no_leads(world: World) -> None:
    """An empty pipeline has no rate and no cycle."""
    assert (await world.ask(VELOCITY, {**GIVEN, "id": world["Empty"], "in": about_now()}))["velocity"] == {
        "open": 0,
        "won": 0,
        "lost": 0,
        "winRate": None,
        "cycleDays": None,
        "closed": 0,
        "values": [],
        "rates": [],
        "unconverted": [],
        "withoutValue": 0,
    }


async def test_days_to_come_end_now(world: World) -> None:
    """Leads that are open now are open at the end of days that are not over."""
    given = {**GIVEN, "id": world["Sales"]}
    for days in (about_now(), {"from": "2100-01-01", "to": "2100-01-31"}):
        assert (await world.ask(VELOCITY, {**given, "in": days}))["velocity"]["open"] == 4
    found = (await world.ask(VELOCITY, {**given, "in": days}))["velocity"]
    assert (found["cycleDays"], found["closed"], found["won"]) == (None, 0, 0)


async def test_what_cannot_be_reported_is_refused(world: World, strangers: World) -> None:
    """Days the wrong way round; a pipeline of strangers is as none."""
    wrong = {"from": "2030-01-02", "to": "2030-01-01"}
    assert await refusals(world, VELOCITY, {**GIVEN, "id": world["Sales"], "in": wrong}) == [
        "in.from: this day is after the last one. Send the earlier day as `from`."
    ]
    assert await world.ask(VELOCITY, {**GIVEN, "id": strangers["Sales"], "in": about_now()}) == {"velocity": None}
