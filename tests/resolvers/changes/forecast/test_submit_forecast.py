"""submitForecast: who said what will be won, and when; never changed."""

import json

import pytest

from models.database import Database
from tests.support.recipes import pool
from tests.support.world import MIA, RITA, World

SHOW = "member { name } pool { name } period currency value note submittedBy { name }"


async def submissions(world: World, **given: str) -> list[tuple[str, str, str]]:
    """Holder, value and who said it, newest first."""
    query = f"""query($memberId: ID, $poolId: ID, $period: String) {{
        forecastSubmissions(memberId: $memberId, poolId: $poolId, period: $period) {{ nodes {{ {SHOW} }} }}
    }}"""
    found = (await world.ask(query, given))["forecastSubmissions"]["nodes"]
    return [((one["member"] or one["pool"])["name"], one["value"], one["submittedBy"]["name"]) for one in found]


async def test_every_submission_is_kept(world: World) -> None:
    """Who thinks otherwise submits again; the list has all of them, newest first."""
    given = {"period": "FY2026-Q4", "currency": "EUR"}
    head = await world.head()
    made = await world.change(
        "submitForecast", {**given, "value": "700", "note": " Two "}, f"submission {{ {SHOW} }}", **RITA
    )
    assert made["submission"] == {
        **given,
        "member": {"name": "rita"},
        "pool": None,
        "value": "700.00",
        "note": "Two",
        "submittedBy": {"name": "rita"},
    }
    [event] = await world.events(head)
    assert (event["type"], f"member_{event['actor_id']}") == ("forecast.submitted", world["rita"])
    held = {**given, "memberId": world["rita"], "poolId": None, "value": "700.00", "note": "Two"}
    assert json.loads(event["data"]) == held
    await world.change("submitForecast", {**given, "value": "500"}, **RITA)
    await world.change("submitForecast", {**given, "value": "650", "memberId": world["rita"]}, **MIA)
    await world.change("submitForecast", {"period": "2026-11", "value": "9"}, **MIA)
    of_rita = [("rita", "650.00", "mia"), ("rita", "500.00", "rita"), ("rita", "700.00", "rita")]
    assert await submissions(world, memberId=world["rita"]) == of_rita
    assert await submissions(world, period="FY2026-Q4") == of_rita
    assert await submissions(world) == [("mia", "9.00", "mia"), *of_rita]


async def test_the_event_shows_what_was_said(world: World) -> None:
    """The change log has it, with the pool."""
    both = await pool(world)
    await world.change("submitForecast", {"poolId": both, "period": "2026-11", "value": "12.5"}, **RITA)
    fields = "... on ForecastSubmitted { member { name } pool { name } period currency value note }"
    found = await world.ask(f"{{ changeLog(first: 1) {{ nodes {{ type actor {{ name }} {fields} }} }} }}")
    assert found["changeLog"]["nodes"] == [
        {
            "type": "FORECAST_SUBMITTED",
            "actor": {"name": "rita"},
            "member": None,
            "pool": {"name": "Inbound"},
            "period": "2026-11",
            "currency": "USD",
            "value": "12.50",
            "note": None,
        }
    ]
    assert await submissions(world, poolId=both) == [("Inbound", "12.50", "rita")]


async def test_a_rep_speaks_for_no_others(world: World) -> None:
    """Neither for another member, nor for a pool that the rep is not in; a manager does."""
    theirs = await pool(world, "mia")
    given = {"period": "2026-11", "value": "1"}
    for holder in ({"memberId": world["mia"]}, {"poolId": theirs}):
        await world.refused("submitForecast", {**given, **holder}, "FORBIDDEN", *holder, **RITA)
        await world.change("submitForecast", {**given, **holder}, **MIA)


async def test_all_that_is_wrong_is_refused_at_once(world: World, database: Database) -> None:
    """Two holders, no period, no currency, no amount and too long a note; nothing is kept."""
    given = {
        "memberId": world["mia"],
        "poolId": await pool(world),
        "period": "Q4",
        "currency": "EURO",
        "value": "-1",
        "note": "x" * 20_001,
    }
    body = await world.attempt("submitForecast", given)
    errors = body["data"]["result"]["userErrors"]
    assert [(error["code"], error["field"]) for error in errors] == [
        ("INVALID", ["memberId"]),
        ("INVALID", ["period"]),
        ("INVALID", ["currency"]),
        ("INVALID", ["value"]),
        ("INVALID", ["note"]),
    ]
    assert await database.pool.fetchval("SELECT count(*) FROM forecast_submission") == 0


@pytest.mark.parametrize("noun", ["member", "pool"])
async def test_holders_of_others_are_not_found(world: World, strangers: World, noun: str) -> None:
    """Another organisation's member or pool is none here."""
    theirs = strangers["mia"] if noun == "member" else await pool(strangers)
    given = {f"{noun}Id": theirs, "period": "2026-11", "value": "1"}
    await world.refused("submitForecast", given, "NOT_FOUND", f"{noun}Id")
