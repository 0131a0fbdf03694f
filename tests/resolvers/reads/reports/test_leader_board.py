"""`leaderBoard`: members ranked, compared with what plain Python ranks."""

import random
from collections import defaultdict
from datetime import date, timedelta
from decimal import Decimal
from fractions import Fraction
from typing import Any

import pytest

from models.rules.ids import public_id
from resolvers.reads.sums import groups
from tests.support.forecasts.summing import rounded
from tests.support.reports.asking import refusals
from tests.support.reports.leads import Money, Rows, about_now, local, random_activities, random_leads, stored
from tests.support.world import World

BOARD = """
query ($in: DateRange!, $measure: LeaderBoardMeasure!, $top: Int! = 10, $pipelineIds: [ID!], $currency: String,
  $on: Date) {
  leaderBoard(in: $in, measure: $measure, top: $top, pipelineIds: $pipelineIds, currency: $currency, ratesOn: $on) {
    ranks { rank member { id } currency value count } unowned
    rates { currency rate validFrom } unconverted { currency value count } } }
"""


async def expected(world: World, given: dict[str, Any]) -> Any:
    """The whole answer, counted one by one."""
    rows, activities = await Rows.of(world), await stored(world, "activity")
    first, last = (date.fromisoformat(given["in"][end]) for end in ("from", "to"))
    money = Money(rows, given["currency"], date.fromisoformat(given["on"]) if given["on"] else None)
    leads = {lead["id"]: lead for lead in rows.leads}
    unowned = 0
    counts: dict[tuple[str | None, Any], int] = defaultdict(int)
    sums: dict[tuple[str | None, Any], Fraction] = defaultdict(Fraction)

    def wanted(lead: Any, at: Any) -> bool:
        is_mine = given["pipelineIds"] is None or public_id("pipeline", lead["pipeline_id"]) in given["pipelineIds"]
        return is_mine and at is not None and first <= local(at) <= last

    if given["measure"] == "ACTIVITIES":
        for activity in activities:
            if wanted(leads[activity["lead_id"]], activity["occurred_at"]):
                unowned += activity["author_id"] is None
                counts[None, activity["author_id"]] += 1
    for lead in rows.leads if given["measure"] != "ACTIVITIES" else ():
        if lead["outcome"] != "WON" or not wanted(lead, lead["closed_at"]):
            continue
        unowned += lead["owner_id"] is None
        # What is converted is said of all that was won, whatever it is ranked by.
        amount = money.convert(lead, local(lead["closed_at"]))
        if amount is None and lead["value"] is not None:
            money.lose(lead)
        if given["measure"] == "WON_COUNT":
            counts[None, lead["owner_id"]] += 1
        elif amount is not None:
            counts[amount[0], lead["owner_id"]] += 1
            sums[amount[0], lead["owner_id"]] += amount[1]
    ranks = []
    for currency, owner in counts:
        if owner is None:
            continue
        value = rounded(sums[currency, owner], currency) if currency else None
        ranks.append({"member": {"id": public_id("member", owner)}, "currency": currency, "value": value})
        ranks[-1]["count"] = counts[currency, owner]
    for one in ranks:
        result = _result(one)
        one["rank"] = 1 + sum(_result(other) > result for other in ranks if other["currency"] == one["currency"])
    shown = [one for one in ranks if one["rank"] <= given["top"]]
    shown.sort(key=lambda one: (one["currency"] or "", one["rank"], one["member"]["id"]))
    return {"ranks": shown, "unowned": unowned, "rates": money.rates(), "unconverted": money.unconverted()}


def _result(rank: dict[str, Any]) -> Decimal:
    return Decimal(rank["value"] or rank["count"])


@pytest.mark.parametrize("seed", range(2))
async def test_ranks_are_those_of_plain_python(world: World, seed: int) -> None:
    """By each measure, in each currency and in one, of all pipelines and of some."""
    draw = random.Random(seed)
    await random_leads(world, draw)
    await world.sql("UPDATE lead SET value = 7, currency = 'JPY' WHERE title LIKE '%3'")
    await random_activities(world, draw, 60)
    seen = 0
    for measure in ("WON_VALUE", "WON_COUNT", "ACTIVITIES"):
        for currency, on in ((None, None), ("EUR", None), ("JPY", "2030-04-15"), ("USD", "1999-12-31")):
            first, last = sorted(date(2030, 3, 1) + timedelta(days=draw.randrange(75)) for _ in range(2))
            given = {
                "in": {"from": first.isoformat(), "to": last.isoformat()},
                "measure": measure,
                "top": draw.choice([1, 2, 1000]),
                "pipelineIds": draw.choice([None, None, [world["Sales"]]]),
                "currency": currency,
                "on": on,
            }
            found = (await world.ask(BOARD, given))["leaderBoard"]
            assert found == await expected(world, given), given
            seen += len(found["ranks"])
    assert seen > 10


async def test_ties_share_a_place(world: World) -> None:
    """Two won one each and share the first place; the third has the third. What nobody owns is counted apart."""
    for owner in ("rita", "mia"):
        for _ in range(2):
            await world.change("createLead", {"title": "x", "stageId": world["Won"], "ownerId": world[owner]})
    await world.change("createLead", {"title": "x", "stageId": world["Won"], "ownerId": world["tester"]})
    given = {"in": about_now(), "measure": "WON_COUNT"}
    found = (await world.ask(BOARD, given))["leaderBoard"]
    ranks = {one["member"]["id"]: (one["rank"], one["count"]) for one in found["ranks"]}
    assert ranks == {world["rita"]: (1, 2), world["mia"]: (1, 2), world["tester"]: (3, 1)}
    assert found["unowned"] == 1  # Eve
    found = (await world.ask(BOARD, {**given, "top": 2}))["leaderBoard"]
    assert [one["rank"] for one in found["ranks"]] == [1, 1]


async def test_what_cannot_be_ranked_is_refused(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """Places that are none, and more members than fit."""
    given = {"in": about_now(), "measure": "WON_COUNT"}
    for top in (0, -1, 1001):
        assert await refusals(world, BOARD, {**given, "top": top}) == [f"top: {top} is out of range: send 1 to 1,000."]
    for owner in ("rita", "mia"):
        await world.change("createLead", {"title": "x", "stageId": world["Won"], "ownerId": world[owner]})
    monkeypatch.setattr(groups, "MOST_GROUPS", 1)
    query = BOARD.replace("query (", "query crowded(")
    assert await refusals(world, query, given) == [
        "top: more than 1,000 members share these ranks. Ask for fewer ranks, days or pipelines."
    ]


async def test_what_strangers_win_is_theirs(world: World, strangers: World) -> None:
    """It counts nowhere, nor does it with the id of their pipeline."""
    await strangers.change("createLead", {"title": "x", "stageId": strangers["Won"], "ownerId": strangers["rita"]})
    for more in ({}, {"pipelineIds": [strangers["Sales"]]}):
        found = (await world.ask(BOARD, {"in": about_now(), "measure": "WON_COUNT", **more}))["leaderBoard"]
        assert found["ranks"] == []
