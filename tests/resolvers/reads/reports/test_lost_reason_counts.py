"""`lostReasonCounts`: why leads were lost, compared with what plain Python counts, lead by lead."""

import random
from collections import defaultdict
from datetime import date, timedelta
from fractions import Fraction
from typing import Any

import pytest

from models.rules.ids import parse_id
from tests.support.forecasts.summing import rounded
from tests.support.reports.asking import refusals
from tests.support.reports.leads import Money, Rows, about_now, local, month, order, percent, random_leads, shown_key
from tests.support.world import World

REASONS = """
query ($id: ID!, $in: DateRange!, $groupBy: [LeadReportBy!]!, $disqualified: Boolean!, $currency: String, $on: Date) {
  lostReasonCounts(pipelineId: $id, in: $in, groupBy: $groupBy, countDisqualified: $disqualified, currency: $currency,
    ratesOn: $on) {
    groups { key { owner { id } pool { id } source month lostReason } count share disqualified
      values { currency value } }
    rates { currency rate validFrom } unconverted { currency value count } withoutValue } }
"""

FIELDS = ("owner", "pool", "source", "month", "lostReason")


def expected(rows: Rows, given: dict[str, Any]) -> Any:
    """The whole answer, counted lead by lead."""
    by = (*given["groupBy"], "LOST_REASON")
    first, last = (date.fromisoformat(given["in"][end]) for end in ("from", "to"))
    lost = ("LOST", "DISQUALIFIED") if given["disqualified"] else ("LOST",)
    money = Money(rows, given["currency"], date.fromisoformat(given["on"]) if given["on"] else None)
    found: dict[tuple[Any, ...], list[Any]] = defaultdict(list)
    leads = [
        lead
        for lead in rows.leads
        if lead["pipeline_id"] == parse_id("pipeline", given["id"])
        and lead["outcome"] in lost
        and first <= local(lead["closed_at"]) <= last
    ]
    for lead in leads:
        amount = money.convert(lead, local(lead["closed_at"]))
        if amount is None and lead["value"] is not None:
            money.lose(lead)
        for key in rows.keys(lead, by, month(lead["closed_at"])):
            found[key].append((lead["outcome"], amount))
    shown = []
    for key in sorted(found, key=lambda key: (order(key[:-1]), -len(found[key]), order(key[-1:]))):
        sums: dict[str, Fraction] = defaultdict(Fraction)
        for _, amount in found[key]:
            if amount is not None:
                sums[amount[0]] += amount[1]
        count = len(found[key])
        shown.append(
            {
                "key": shown_key(by, key, *FIELDS),
                "count": count,
                "share": percent(count, len(leads)),
                "disqualified": sum(one == "DISQUALIFIED" for one, _ in found[key]),
                "values": [{"currency": code, "value": rounded(sum_, code)} for code, sum_ in sorted(sums.items())],
            }
        )
    return {
        "groups": shown,
        "rates": money.rates(),
        "unconverted": money.unconverted(),
        "withoutValue": sum(lead["value"] is None for lead in leads),
    }


@pytest.mark.parametrize("seed", range(2))
async def test_every_lost_lead_is_counted_once(world: World, seed: int) -> None:
    """In each way to group and convert."""
    draw = random.Random(seed)
    await random_leads(world, draw)
    rows = await Rows.of(world)
    counted = 0
    for by in ([], ["OWNER"], ["POOL"], ["SOURCE"], ["MONTH"]):
        for currency, on in ((None, None), ("EUR", None), ("JPY", "2030-04-15"), ("USD", "1999-12-31")):
            first, last = sorted(date(2030, 3, 1) + timedelta(days=draw.randrange(75)) for _ in range(2))
            given = {
                "id": world["Sales"],
                "in": {"from": first.isoformat(), "to": last.isoformat()},
                "groupBy": by,
                "disqualified": draw.random() < 0.5,
                "currency": currency,
                "on": on,
            }
            found = (await world.ask(REASONS, given))["lostReasonCounts"]
            assert found == expected(rows, given), given
            counted += len(found["groups"])
    assert counted > 40


async def test_the_most_frequent_comes_first(world: World) -> None:
    """Two were lost for their price, one for the time; who was disqualified is there if wanted."""
    for name, reason in (("Bob", "Timing"), ("Cleo", "Price"), ("Ada", "Price")):
        await world.change("moveLead", {"leadId": world[name], "stageId": world["Lost"], "lostReason": reason})
    await world.change("disqualifyLead", {"leadId": world["Dan"], "reason": "Timing"})
    days = about_now()
    shown = {}
    for disqualified in (True, False):
        given = {"id": world["Sales"], "in": days, "groupBy": [], "disqualified": disqualified}
        found = (await world.ask(REASONS, given))["lostReasonCounts"]["groups"]
        shown[disqualified] = [
            (one["key"]["lostReason"], one["count"], one["share"], one["disqualified"]) for one in found
        ]
    assert shown == {
        True: [("Price", 2, "50.00", 0), ("Timing", 2, "50.00", 1)],
        False: [("Price", 2, "66.67", 0), ("Timing", 1, "33.33", 0)],
    }


async def test_what_cannot_be_reported_is_refused(world: World, strangers: World) -> None:
    """The reason and one more thing are all that it is grouped by; a pipeline of strangers is as none."""
    given = {"id": world["Sales"], "in": {"from": "2030-01-01"}, "groupBy": [], "disqualified": True}
    assert await refusals(world, REASONS, {**given, "groupBy": ["OWNER", "MONTH"]}) == [
        "groupBy: a report is grouped by up to 1 of these, not 2. Send fewer."
    ]
    days = {"from": "2000-01-01", "to": "2030-01-01"}
    assert await refusals(world, REASONS, {**given, "in": days}) == [
        "in.from: these are more than ten years. Ask for up to 3,653 days at once."
    ]
    given["in"]["to"] = "2030-01-02"  # type: ignore[index]
    assert await world.ask(REASONS, {**given, "id": strangers["Sales"]}) == {"lostReasonCounts": None}
