"""`winRates`: won of won and lost, compared with what plain Python counts, lead by lead."""

import random
from collections import defaultdict
from datetime import date, timedelta
from fractions import Fraction
from typing import Any

import pytest

from models.rules.ids import parse_id
from resolvers.reads.sums import groups
from tests.support.analytics.wilson import wilson
from tests.support.forecasts.summing import rounded
from tests.support.reports.asking import refusals
from tests.support.reports.leads import (
    KEY,
    Money,
    Rows,
    about_now,
    local,
    month,
    order,
    percent,
    random_leads,
    shown_key,
)
from tests.support.world import World

RATES = f"""
query ($id: ID!, $by: CountedIn!, $in: DateRange!, $groupBy: [LeadReportBy!]!, $disqualified: Boolean!,
  $currency: String, $on: Date) {{
  winRates(pipelineId: $id, by: $by, in: $in, groupBy: $groupBy, countDisqualified: $disqualified, currency: $currency,
    ratesOn: $on) {{
    groups {{ {KEY} won lost disqualified converted undecided rate interval {{ low high }}
      values {{ currency won lost rate }} }}
    rates {{ currency rate validFrom }} unconverted {{ currency value count }} withoutValue }} }}
"""


def expected(rows: Rows, given: dict[str, Any]) -> Any:
    """The whole answer, counted lead by lead."""
    by = tuple(one for one in ("OWNER", "POOL", "SOURCE", "MONTH") if one in given["groupBy"])
    dated = {"CLOSED_IN": "closed_at", "CREATED_IN": "created_at"}[given["by"]]
    first, last = (date.fromisoformat(given["in"][end]) for end in ("from", "to"))
    lost = ("LOST", "DISQUALIFIED") if given["disqualified"] else ("LOST",)
    money = Money(rows, given["currency"], date.fromisoformat(given["on"]) if given["on"] else None)
    found: dict[tuple[Any, ...], list[Any]] = {} if by else {(): []}
    without = 0
    for lead in rows.leads:
        if lead["pipeline_id"] != parse_id("pipeline", given["id"]) or lead[dated] is None:
            continue
        if not first <= local(lead[dated]) <= last:
            continue
        is_won, is_lost = lead["outcome"] == "WON", lead["outcome"] in lost
        amount = money.convert(lead, local(lead["closed_at"])) if is_won or is_lost else None
        if is_won or is_lost:
            without += lead["value"] is None
            if amount is None and lead["value"] is not None:
                money.lose(lead)
        for key in rows.keys(lead, by, month(lead[dated])):
            found.setdefault(key, []).append((lead["outcome"], is_won, is_lost, amount))
    shown = []
    for key in sorted(found, key=order):
        leads = found[key]
        won, decided = sum(one[1] for one in leads), sum(one[1] or one[2] for one in leads)
        sums: dict[str, list[Fraction]] = defaultdict(lambda: [Fraction(0), Fraction(0)])
        for _, is_won, _, amount in leads:
            if amount is not None:
                sums[amount[0]][not is_won] += amount[1]
        values = [
            {"currency": code, "won": rounded(up, code), "lost": rounded(down, code), "rate": percent(up, up + down)}
            for code, (up, down) in sorted(sums.items())
        ]
        counts = {"won": won, "lost": decided - won}
        counts |= {name.lower(): sum(one[0] == name for one in leads) for name in ("DISQUALIFIED", "CONVERTED")}
        counts |= {"undecided": sum(one[0] is None for one in leads)}
        rates = {"rate": percent(won, decided), "interval": wilson(won, decided)}
        shown.append({"key": shown_key(by, key), **counts, **rates, "values": values})
    return {"groups": shown, "rates": money.rates(), "unconverted": money.unconverted(), "withoutValue": without}


GROUPS = ([], ["OWNER"], ["POOL"], ["SOURCE"], ["MONTH"], ["MONTH", "OWNER"], ["SOURCE", "POOL"])
CONVERTED = ((None, None), ("EUR", None), ("USD", None), ("KWD", None), ("JPY", "2030-04-15"), ("EUR", "1999-12-31"))


@pytest.mark.parametrize("seed", range(2))
async def test_every_lead_is_counted_once(world: World, seed: int) -> None:
    """In each way to count, group and convert: what plain Python counts, with exact fractions that are rounded once."""
    draw = random.Random(seed)
    await random_leads(world, draw)
    rows = await Rows.of(world)
    decided = lost = 0
    for by in GROUPS:
        for currency, on in CONVERTED:
            first, last = sorted(date(2030, 3, 1) + timedelta(days=draw.randrange(75)) for _ in range(2))
            given = {
                "id": world[draw.choice(["Sales", "Sales", "Renewals"])],
                "by": draw.choice(["CLOSED_IN", "CREATED_IN"]),
                "in": {"from": first.isoformat(), "to": last.isoformat()},
                "groupBy": by,
                "disqualified": draw.random() < 0.5,
                "currency": currency,
                "on": on,
            }
            found = (await world.ask(RATES, given))["winRates"]
            assert found == expected(rows, given), given
            decided += sum(group["won"] + group["lost"] for group in found["groups"])
            lost += len(found["unconverted"])
    assert decided > 200
    assert lost > 5


EVER = {"from": "2030-01-01", "to": "2031-01-01"}
GIVEN: dict[str, Any] = {
    "by": "CLOSED_IN",
    "in": EVER,
    "groupBy": [],
    "disqualified": True,
    "currency": None,
    "on": None,
}


async def of_this_month(world: World, **given: Any) -> Any:
    """The groups of what was closed, or created, about now."""
    return (await world.ask(RATES, {**GIVEN, "id": world["Sales"], "in": about_now(), **given}))["winRates"]["groups"]


async def test_disqualified_leads_count_as_lost_or_not(world: World) -> None:
    """Eve was won, Cleo is lost and Bob disqualified; who is disqualified is reported in both ways."""
    await world.change("moveLead", {"leadId": world["Cleo"], "stageId": world["Lost"], "lostReason": "Price"})
    await world.change("disqualifyLead", {"leadId": world["Bob"], "reason": "Price"})
    names = ("won", "lost", "disqualified", "undecided", "rate")
    [group] = await of_this_month(world)
    assert [group[name] for name in names] == [1, 2, 1, 0, "33.33"]
    [group] = await of_this_month(world, disqualified=False, by="CREATED_IN")
    assert [group[name] for name in names] == [1, 1, 1, 2, "50.00"]


async def test_a_reopened_lead_is_undecided(world: World) -> None:
    """What was lost and is open again is neither."""
    await world.change("moveLead", {"leadId": world["Cleo"], "stageId": world["Lost"], "lostReason": "Price"})
    await world.change("reopenLead", {"leadId": world["Cleo"]})
    [group] = await of_this_month(world, by="CREATED_IN")
    assert (group["won"], group["lost"], group["undecided"]) == (1, 0, 4)


async def test_nothing_is_known_of_no_leads(world: World) -> None:
    """Without `groupBy` there is one group, with no rate; with it, none."""
    asked = {**GIVEN, "id": world["Empty"]}
    [group] = (await world.ask(RATES, asked))["winRates"]["groups"]
    assert (group["won"], group["lost"], group["rate"], group["values"]) == (0, 0, None, [])
    assert group["interval"] == {"low": "0.00", "high": "100.00"}
    assert (await world.ask(RATES, {**asked, "groupBy": ["OWNER"]}))["winRates"]["groups"] == []


async def refused(world: World, **given: Any) -> list[str]:
    """The messages of a report that is refused."""
    return await refusals(world, RATES, {**GIVEN, "id": world["Sales"], **given})


async def test_what_cannot_be_reported_is_refused(world: World) -> None:
    """With a message that says what to send."""
    assert await refused(world, groupBy=["OWNER", "POOL", "MONTH"]) == [
        "groupBy: a report is grouped by up to 2 of these, not 3. Send fewer."
    ]
    assert await refused(world, **{"in": {"to": "2030-01-01"}}) == [
        "in.from: send the first day; it may be up to ten years before the last one."
    ]
    assert await refused(world, **{"in": {"from": "2030-01-02", "to": "2030-01-01"}}) == [
        "in.from: this day is after the last one. Send the earlier day as `from`."
    ]
    for day in ("0001-01-01", "9999-12-31"):
        assert await refused(world, **{"in": {"from": day, "to": day}}) == [
            f"in.from: {day} is out of range: send 1900-01-01 to 2200-12-31.",
            f"in.to: {day} is out of range: send 1900-01-01 to 2200-12-31.",
        ]
    assert await refused(world, currency="EURO") == [
        "currency: 'EURO' is not a currency. Send its ISO 4217 code, such as 'EUR'."
    ]
    assert await refused(world, currency="\ud800") == [
        "currency: '\\ud800' is not a currency. Send its ISO 4217 code, such as 'EUR'."
    ]
    assert await refused(world, id=world["Ada"]) == [
        f"pipelineId: {world['Ada']!r} is the id of a Lead; send the id of a Pipeline, 'pipeline_…'."
    ]


async def test_too_many_groups_are_an_error(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """A report with more says so, and how to go on; as many are answered."""
    for nth in range(3):
        given = {"title": "x", "stageId": world["Won"], "source": f"Source {nth}"}
        await world.change("createLead", given)
    days = f'in: {{from: "{date.today() - timedelta(days=3)}"}}'
    for most in (4, 3):
        monkeypatch.setattr(groups, "MOST_GROUPS", most)
        query = f"""query most{most}($id: ID!) {{ winRates(pipelineId: $id, {days}, groupBy: SOURCE) {{
            groups {{ won }} }} }}"""
        if most == 4:
            assert len((await world.ask(query, {"id": world["Sales"]}))["winRates"]["groups"]) == 4
            continue
        assert await refusals(world, query, {"id": world["Sales"]}) == [
            "groupBy: this report has more than 1,000 groups. Group it by less, or report on fewer days."
        ]


async def test_strangers_see_nothing(world: World, strangers: World) -> None:
    """A pipeline of strangers is as none; their leads count nowhere."""
    assert await world.ask(RATES, {**GIVEN, "id": strangers["Sales"]}) == {"winRates": None}
    [before] = await of_this_month(world)
    await strangers.change("moveLead", {"leadId": strangers["Ada"], "stageId": strangers["Won"]})
    assert await of_this_month(world) == [before]


async def test_a_deleted_pipeline_has_no_report(world: World) -> None:
    """As if it had never been."""
    await world.change("deletePipeline", {"pipelineId": world["Empty"]})
    assert await world.ask(RATES, {**GIVEN, "id": world["Empty"]}) == {"winRates": None}
