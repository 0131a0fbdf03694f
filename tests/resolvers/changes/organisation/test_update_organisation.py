"""updateOrganisation: its name, its own currency, and the calendar by which months and years are counted."""

import json

from tests.support.world import World

SHOW = "organisation { name currency timeZone fiscalYearStart }"


async def test_changes_what_is_given_and_keeps_the_rest(world: World) -> None:
    """One event holds each setting before and after, and who changed it; `viewer` shows the same as the payload."""
    head = await world.head()
    made = await world.change("updateOrganisation", {"timeZone": "Asia/Tokyo", "fiscalYearStart": 4}, SHOW)
    expected = {"name": "demo", "currency": "USD", "timeZone": "Asia/Tokyo", "fiscalYearStart": 4}
    assert made["organisation"] == expected
    assert (await world.ask(f"{{ viewer {{ {SHOW} }} }}"))["viewer"]["organisation"] == expected
    [event] = await world.events(head)
    assert (event["type"], event["mutation"]) == ("organisation.updated", "update_organisation")
    assert json.loads(event["data"]) == {"changes": {"timeZone": ["UTC", "Asia/Tokyo"], "fiscalYearStart": [1, 4]}}


async def test_what_changes_nothing_leaves_no_trace(world: World) -> None:
    """The same settings, or none, are no event."""
    head = await world.head()
    for given in ({}, {"currency": "USD", "timeZone": "UTC", "fiscalYearStart": 1}):
        await world.change("updateOrganisation", given)
    assert await world.head() == head


async def test_a_new_currency_is_that_of_new_amounts(world: World) -> None:
    """Amounts that are there keep their currency."""
    await world.change("updateOrganisation", {"currency": "CHF"})
    made = await world.change("createLead", {"title": "Gil", "value": "5"}, "lead { value currency }")
    assert made["lead"] == {"value": "5.00", "currency": "CHF"}
    assert await world.lead("Bob", "value currency") == {"value": "250.50", "currency": "USD"}


async def test_all_that_is_wrong_is_refused_at_once(world: World) -> None:
    """Each setting that no organisation can have has its own error, and nothing changes."""
    head = await world.head()
    given = {"name": " ", "currency": "EURO", "timeZone": "Europe/Atlantis", "fiscalYearStart": 13}
    body = await world.attempt("updateOrganisation", given)
    errors = body["data"]["result"]["userErrors"]
    assert [(error["code"], error["field"]) for error in errors] == [("INVALID", [name]) for name in given]
    assert errors[3]["message"] == "13 is out of range: send 1 to 12."
    assert await world.head() == head


async def test_days_of_conditions_are_those_of_the_organisation(world: World) -> None:
    """A condition that counts days from today counts them in the zone that was set: where the date is always a later
    one, the same day has not come yet."""
    east, west = "Pacific/Kiritimati", "Pacific/Midway"
    day = await world.database.pool.fetchval("SELECT CAST(now() AT TIME ZONE $1 AS date)", east)
    await world.change("updateLead", {"leadId": world["Ada"], "expectedCloseDate": day.isoformat()})
    query = "{ matchingLeads(condition: { expectedCloseDate: { withinLastDays: 1 } }) { nodes { title } } }"
    found = {}
    for zone in (east, west):
        await world.change("updateOrganisation", {"timeZone": zone})
        found[zone] = (await world.ask(query))["matchingLeads"]["nodes"]
    assert found == {east: [{"title": "Ada"}], west: []}
