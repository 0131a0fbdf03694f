"""forecastChanged: a forecast and the changes after its cursor are the forecast at the last cursor."""

import asyncio
from collections.abc import Mapping
from contextlib import aclosing
from datetime import timedelta
from random import Random
from typing import Any

import orjson
import pytest

from engine.caller import Caller
from engine.engine import Engine
from models import Role
from resolvers.reads.forecast import forecast as forecast_reads
from tests.support.recipes import pool
from tests.support.world import World

ROW = """{ group key { owner { id } pool { id } pipeline { id } } currency deals quota closed commit bestCase pipeline
    weighted overdue overdueBefore attainment gap }"""

FORECAST = f"""query ($period: String!, $by: [ForecastBy!]!) {{
    forecast(period: $period, by: $by) {{ cursor rows {ROW} }}
}}"""

CHANGED = f"""subscription ($period: String!, $by: [ForecastBy!]!, $after: String) {{
    forecastChanged(period: $period, by: $by, after: $after) {{ cursor everything groups tooMany rows {ROW} }}
}}"""

BY = (["OWNER"], ["POOL"], ["PIPELINE"], [], ["OWNER", "POOL", "PIPELINE"])


def folded(rows: Mapping[tuple[str, str], Any], event: Mapping[str, Any]) -> dict[tuple[str, str], Any]:
    """The rows after an event."""
    kept = {key: row for key, row in rows.items() if not event["everything"] and key[0] not in event["groups"]}
    return {**kept, **keyed(event["rows"])}


def keyed(rows: list[Any]) -> dict[tuple[str, str], Any]:
    """Rows by what they are about."""
    return {(row["group"], row["currency"]): row for row in rows}


async def read(
    engine: Engine, world: World, given: Mapping[str, Any], until: str, document: str = CHANGED
) -> list[Any]:
    """The changes after a cursor, up to another one."""
    caller = Caller(world.organisation, "tester", Role.VIEWER)
    found = []
    async with aclosing(engine.subscribe(engine.documents.prepare(document), dict(given), caller)) as stream:
        async for frame in stream:
            body = orjson.loads(frame.body)
            assert "errors" not in body, body
            found.append(body["data"]["forecastChanged"])
            if found[-1]["cursor"] == until:
                return found
    raise AssertionError("the stream has ended")


async def live(world: World, random: Random, period: str, steps: int) -> None:
    """Changes of all kinds that a forecast depends on, and some that it does not."""
    year, month = period.split("-")
    pools = [await pool(world, "rita", "mia", name="Both"), await pool(world, "mia", name="One")]
    names = ["Ada", "Bob", "Cleo", "Dan", "Fay"]
    stages = ["New", "Talking", "Offer", "Won", "Due", "Done"]

    def drawn(**more: Any) -> dict[str, Any]:
        return {"leadId": world[random.choice(names)], **more}

    for nth in range(steps):
        change = random.choice(list(CHANGES))
        given = CHANGES[change](
            world, random, drawn, f"{year}-{month}-{random.randrange(1, 29):02}", stages, pools, nth
        )
        mutation = change.partition(" ")[0]
        body = await world.attempt(mutation, given, "lead { id }" if mutation == "createLead" else "")
        if mutation == "createLead":
            world.ids[f"Lead {nth}"] = body["data"]["result"]["lead"]["id"]
            names.append(f"Lead {nth}")


CHANGES: Mapping[str, Any] = {
    "createLead": lambda w, r, d, day, stages, pools, nth: {
        "title": "One", "stageId": w[r.choice(stages)], "value": str(nth), "expectedCloseDate": day,
        "ownerId": r.choice([w["rita"], w["mia"], None]),
    },
    "updateLead value": lambda w, r, d, day, *_: d(value=r.choice(["10", "20.50", None])),
    "updateLead date": lambda w, r, d, day, *_: d(expectedCloseDate=r.choice([day, "2020-01-01", None])),
    "updateLead odds": lambda w, r, d, day, *_: d(probability=r.choice([None, 10, 90])),
    "updateLead owner": lambda w, r, d, day, *_: d(ownerId=r.choice([w["rita"], w["mia"], None])),
    "updateLead currency": lambda w, r, d, day, *_: d(currency=r.choice(["EUR", "USD"])),
    "updateLead title": lambda w, r, d, day, *_: d(title="Another"),
    "setForecastCategory": lambda w, r, d, *_: d(category=r.choice(["COMMIT", "BEST_CASE", "OMITTED", None])),
    "assignLead": lambda w, r, d, *_: d(memberId=r.choice([w["rita"], w["mia"], None])),
    "moveLead": lambda w, r, d, day, stages, *_: d(stageId=w[r.choice(stages)]),
    "disqualifyLead": lambda w, r, d, *_: d(reason="Price"),
    "reopenLead": lambda w, r, d, *_: d(),
    "deleteLead": lambda w, r, d, *_: d(),
    "mergeLeads": lambda w, r, d, *_: {"winnerId": d()["leadId"], "loserId": d()["leadId"]},
    "updateStage": lambda w, r, d, *_: {
        "stageId": w["Talking"], "probability": r.randrange(100), "forecastCategory": r.choice(["COMMIT", "PIPELINE"]),
    },
    "updatePool": lambda w, r, d, day, stages, pools, nth: {
        "poolId": r.choice(pools), "memberIds": r.sample([w["rita"], w["mia"]], r.randrange(3)),
    },
    "setQuotas": lambda w, r, d, day, stages, pools, nth: {
        "quotas": [{**r.choice([{"memberId": w["mia"]}, {"poolId": pools[0]}]), "month": day[:7],
                    "value": r.choice(["500", None])}],
    },
    "updateOrganisation": lambda w, r, d, *_: {"timeZone": r.choice(["UTC", "Asia/Tokyo"])},
}  # fmt: skip


@pytest.mark.parametrize("seed", range(3))
async def test_folded_it_is_the_forecast_at_the_last_cursor(world: World, engine: Engine, seed: int) -> None:
    """However the rows are divided, after changes of all kinds."""
    day = await world.database.pool.fetchval("SELECT CAST(now() AS date)") + timedelta(days=200)
    period = f"{day:%Y-%m}"
    asked = [{"period": period, "by": by} for by in BY]
    starts = [(await world.ask(FORECAST, given))["forecast"] for given in asked]
    await live(world, Random(seed), period, 60)
    ends = [(await world.ask(FORECAST, given))["forecast"] for given in asked]
    await world.change("setQuotas", {"quotas": [{"memberId": world["rita"], "month": "2199-01", "value": "1"}]})
    until = (await world.ask("{ cursor }"))["cursor"]
    streams = [
        read(engine, world, {**given, "after": start["cursor"]}, until)
        for given, start in zip(asked, starts, strict=True)
    ]
    async with asyncio.timeout(60):
        for start, end, events in zip(starts, ends, await asyncio.gather(*streams), strict=True):
            rows = keyed(start["rows"])
            for event in events:
                rows = folded(rows, event)
            assert rows == keyed(end["rows"])
            assert [event["everything"] for event in events].count(False) > 10


async def test_what_touches_no_forecast_is_no_change(world: World, engine: Engine) -> None:
    """A new title is not delivered; a value is, with the groups that it may have changed and no others."""
    after = (await world.ask("{ cursor }"))["cursor"]
    await world.change("updateLead", {"leadId": world["Bob"], "title": "Robert"})
    made = await world.change("updateLead", {"leadId": world["Bob"], "value": "7"}, "cursor")
    given = {"period": "2026-11", "by": ["OWNER"], "after": after}
    async with asyncio.timeout(60):
        [event] = await read(engine, world, given, made["cursor"])
    assert (event["everything"], event["groups"], event["rows"]) == (False, [world["rita"]], [])


async def test_more_groups_than_a_forecast_may_have(
    engine: Engine, world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Where `forecast` refuses them, an event says that something has changed, and has no rows. The name of the
    operation is its own, so that it is compiled anew."""
    after = (await world.ask("{ cursor }"))["cursor"]
    monkeypatch.setattr(forecast_reads, "MOST_GROUPS", 1)
    for name, owner in (("Ada", "mia"), ("Bob", "rita")):
        given = {"leadId": world[name], "expectedCloseDate": "2031-01-31", "ownerId": world[owner]}
        until = (await world.change("updateLead", given, "cursor"))["cursor"]
    for by, shown in ((["OWNER"], (True, set())), (["PIPELINE"], (False, {"EUR", "USD"}))):
        async with asyncio.timeout(60):
            given = {"period": "2031-01", "by": by, "after": after}
            *_, event = await read(engine, world, given, until, CHANGED.replace("subscription", "subscription limited"))
        assert (event["tooMany"], {row["currency"] for row in event["rows"]}) == shown
