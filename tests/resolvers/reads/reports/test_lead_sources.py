"""`leadSources`: what became of leads, by where they came from, compared with what plain Python counts."""

import random
from datetime import date, timedelta
from fractions import Fraction
from typing import Any

import pytest

from models.rules.ids import public_id
from resolvers.reads.sums import groups
from tests.support.forecasts.summing import rounded
from tests.support.reports.asking import refusals
from tests.support.reports.leads import Money, Rows, about_now, local, order, percent, random_leads
from tests.support.world import World

SOURCES = """
query ($in: DateRange!, $pipelineIds: [ID!], $currency: String, $on: Date) {
  leadSources(in: $in, pipelineIds: $pipelineIds, currency: $currency, ratesOn: $on) {
    sources { source leads qualified converted won lost open winRate values { currency value won } }
    rates { currency rate validFrom } unconverted { currency value count } withoutValue } }
"""


def expected(rows: Rows, given: dict[str, Any]) -> Any:
    """The whole answer, counted lead by lead."""
    first, last = (date.fromisoformat(given["in"][end]) for end in ("from", "to"))
    money = Money(rows, given["currency"], date.fromisoformat(given["on"]) if given["on"] else None)
    by_id = {lead["id"]: lead for lead in rows.leads}
    found: dict[str | None, list[Any]] = {}
    without = 0
    for lead in rows.leads:
        is_mine = given["pipelineIds"] is None or public_id("pipeline", lead["pipeline_id"]) in given["pipelineIds"]
        if not is_mine or lead["converted_from_id"] is not None or not first <= local(lead["created_at"]) <= last:
            continue
        deal = by_id.get(lead["converted_to_id"], lead)
        amount = money.convert(deal, local(deal["closed_at"]) if deal["closed_at"] else last)
        without += deal["value"] is None
        if amount is None and deal["value"] is not None:
            money.lose(deal)
        found.setdefault(lead["source"], []).append((lead, deal, amount))
    shown = []
    for source in sorted(found, key=lambda source: order((source,))):
        leads = found[source]
        won, lost = (
            sum(deal["outcome"] in outcomes for _, deal, _ in leads)
            for outcomes in (("WON",), ("LOST", "DISQUALIFIED"))
        )
        sums: dict[str, list[Fraction]] = {}
        for _, deal, amount in leads:
            if amount is not None:
                both = sums.setdefault(amount[0], [Fraction(0), Fraction(0)])
                both[0] += amount[1]
                both[1] += amount[1] if deal["outcome"] == "WON" else 0
        shown.append(
            {
                "source": source,
                "leads": len(leads),
                "qualified": sum(lead["qualified_at"] is not None for lead, _, _ in leads),
                "converted": sum(lead["converted_at"] is not None for lead, _, _ in leads),
                "won": won,
                "lost": lost,
                "open": sum(deal["outcome"] is None for _, deal, _ in leads),
                "winRate": percent(won, won + lost),
                "values": [
                    {"currency": code, "value": rounded(every, code), "won": rounded(up, code)}
                    for code, (every, up) in sorted(sums.items())
                ],
            }
        )
    rest = {"rates": money.rates(), "unconverted": money.unconverted(), "withoutValue": without}
    return {"sources": shown, **rest}


async def linked(world: World, draw: random.Random) -> None:
    """Some leads become those that others were converted into."""
    rows = await Rows.of(world)
    free = [lead["id"] for lead in rows.leads if lead["converted_at"] is None]
    draw.shuffle(free)
    for lead in rows.leads:
        if lead["converted_at"] is not None and draw.random() < 0.8:
            deal = free.pop()
            await world.sql("UPDATE lead SET converted_to_id = $2 WHERE id = $1", lead["id"], deal)
            await world.sql("UPDATE lead SET converted_from_id = $2 WHERE id = $1", deal, lead["id"])


@pytest.mark.parametrize("seed", range(2))
async def test_every_lead_is_counted_once(world: World, seed: int) -> None:
    """With what became of its opportunity, in each currency and in one."""
    draw = random.Random(seed)
    await random_leads(world, draw)
    await linked(world, draw)
    rows = await Rows.of(world)
    counted = 0
    for currency, on in ((None, None), ("EUR", None), ("JPY", "2030-04-15"), ("USD", "1999-12-31"), ("CHF", None)):
        for pipelines in (None, [world["Sales"]], [world["Empty"]]):
            first, last = sorted(date(2030, 3, 1) + timedelta(days=draw.randrange(60)) for _ in range(2))
            days = {"from": first.isoformat(), "to": last.isoformat()}
            given = {"in": days, "pipelineIds": pipelines, "currency": currency, "on": on}
            found = (await world.ask(SOURCES, given))["leadSources"]
            assert found == expected(rows, given), given
            counted += sum(source["leads"] for source in found["sources"])
    assert counted > 100


async def test_a_converted_lead_is_won_with_its_opportunity(world: World) -> None:
    """It counts once, for its own source, with the value that the opportunity has by then."""
    given = {"name": "Inbound", "type": "LEAD", "stages": [{"name": "Raw"}, {"name": "Good"}]}
    made = await world.change("createPipeline", given, "pipeline { stages { id } }")
    given = {"name": "Deals", "type": "OPPORTUNITY", "stages": [{"name": "Open deal"}, {"name": "Done", "kind": "WON"}]}
    deals = (await world.change("createPipeline", given, "pipeline { id stages { id } }"))["pipeline"]
    lead = {"title": "x", "stageId": made["pipeline"]["stages"][0]["id"], "source": "Fair"}
    id = (await world.change("createLead", lead, "lead { id }"))["lead"]["id"]
    await world.change("qualifyLead", {"leadId": id})
    converted = await world.change("convertLead", {"leadId": id, "pipelineId": deals["id"]}, "opportunity { id }")
    asked = {"in": about_now()}
    names = ("source", "leads", "qualified", "converted", "won", "open")
    fair = (await world.ask(SOURCES, asked))["leadSources"]["sources"][0]
    assert [fair[name] for name in names] == ["Fair", 1, 1, 1, 0, 1]
    opportunity = converted["opportunity"]["id"]
    await world.change("updateLead", {"leadId": opportunity, "value": "70", "currency": "EUR"})
    await world.change("moveLead", {"leadId": opportunity, "stageId": deals["stages"][1]["id"]})
    fair = (await world.ask(SOURCES, asked))["leadSources"]["sources"][0]
    assert [fair[name] for name in names] == ["Fair", 1, 1, 1, 1, 0]
    assert fair["values"] == [{"currency": "EUR", "value": "70.00", "won": "70.00"}]


async def test_too_many_sources_are_an_error(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """The message says how to go on; strangers' leads are theirs."""
    for nth in range(2):
        await world.change("createLead", {"title": "x", "stageId": world["New"], "source": f"S{nth}"})
    monkeypatch.setattr(groups, "MOST_GROUPS", 2)
    query = SOURCES.replace("query (", "query crowded(")
    assert await refusals(world, query, {"in": about_now()}) == [
        "in: these leads came from more than 1,000 sources. Report on fewer days or pipelines."
    ]


async def test_leads_of_strangers_are_theirs(world: World, strangers: World) -> None:
    """They count nowhere, nor do they with the id of their pipeline."""
    await strangers.change("createLead", {"title": "x", "stageId": strangers["New"], "source": "Theirs"})
    found = (await world.ask(SOURCES, {"in": about_now()}))["leadSources"]
    assert [one["source"] for one in found["sources"]] == [None]
    asked = {"in": about_now(), "pipelineIds": [strangers["Sales"]]}
    assert (await world.ask(SOURCES, asked))["leadSources"]["sources"] == []
