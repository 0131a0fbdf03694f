"""importExchangeRates: the rates that the European Central Bank has published, as the server carries them."""

import json
from datetime import date
from decimal import Decimal

import pytest

from resolvers.changes.organisation import exchange_rates, published_rates
from tests.support.world import World

SHOW = "imported currencies firstDay lastDay"


async def stored(world: World) -> dict[tuple[str, date], tuple[Decimal, str]]:
    """The rate and its source, by currency and day."""
    found = await world.database.pool.fetch("SELECT * FROM exchange_rate")
    return {(row["currency"], row["valid_from"]): (row["rate"], row["source"]) for row in found}


async def test_rates_are_those_that_were_published(world: World) -> None:
    """Days without rates are left to the day before; the day before the first one is imported with it."""
    given = {"from": "2014-03-29", "to": "2014-04-01", "currencies": ["USD", "JPY"]}
    made = await world.change("importExchangeRates", given, SHOW)
    assert made == {
        "imported": 6,
        "currencies": ["JPY", "USD"],
        "firstDay": "2014-03-28",  # a Friday, whose rates held on the weekend
        "lastDay": "2014-04-01",
        "userErrors": [],
    }
    found = await stored(world)
    assert {day for _, day in found} == {date(2014, 3, 28), date(2014, 3, 31), date(2014, 4, 1)}
    assert found["USD", date(2014, 3, 28)] == (Decimal("1.3759"), "ECB")
    assert found["JPY", date(2014, 3, 28)] == (Decimal("140.9"), "ECB")


async def test_it_is_recorded_once(world: World) -> None:
    """The event says what was imported; importing it again writes nothing, and is no event."""
    given = {"from": "2026-01-05", "to": "2026-01-06", "currencies": ["USD"]}
    head = await world.head()
    await world.change("importExchangeRates", given)
    [event] = await world.events(head)
    assert (event["type"], event["mutation"]) == ("organisation.updated", "import_exchange_rates")
    after = {"source": "ECB", "currencies": ["USD"], "from": "2026-01-05", "to": "2026-01-06", "rates": 2}
    assert json.loads(event["data"]) == {"changes": {"exchangeRates": [None, after]}}
    made = await world.change("importExchangeRates", given, SHOW)
    assert made["imported"] == 0
    assert await world.head() == event["number"]


async def test_a_rate_that_was_set_stays(world: World) -> None:
    """What somebody decided is not overwritten by what was published."""
    mine = {"currency": "USD", "validFrom": "2026-01-05", "rate": "2"}
    await world.change("setExchangeRates", {"rates": [mine]})
    given = {"from": "2026-01-05", "to": "2026-01-06", "currencies": ["USD"]}
    assert (await world.change("importExchangeRates", given, SHOW))["imported"] == 1
    found = await stored(world)
    assert found["USD", date(2026, 1, 5)] == (2, "MANUAL")
    assert found["USD", date(2026, 1, 6)][1] == "ECB"


async def test_without_currencies_those_that_are_used(world: World) -> None:
    """The organisation's own and those of its leads; the euro has no rates."""
    await world.change("updateLead", {"leadId": world["Dan"], "value": "80", "currency": "CHF"})
    made = await world.change("importExchangeRates", {"from": "2026-01-05", "to": "2026-01-05"}, SHOW)
    assert (made["imported"], made["currencies"]) == (2, ["CHF", "USD"])


@pytest.mark.parametrize(
    ("given", "field"),
    [
        ({"from": "1998-12-31"}, ["from"]),
        ({"from": "2199-01-01"}, ["from"]),
        ({"from": "2026-01-05", "to": "2026-01-04"}, ["to"]),
        ({"from": "2026-01-05", "currencies": ["USD", "DOGE"]}, ["currencies", "1"]),
        ({"from": "2026-01-05", "currencies": ["EUR"]}, ["currencies", "0"]),
        ({"from": "2026-01-05", "currencies": ["KWD"]}, ["currencies", "0"]),
        ({"from": "2026-01-05", "currencies": []}, ["currencies"]),
    ],
)
async def test_what_was_not_published_is_refused(world: World, given: dict[str, object], field: list[str]) -> None:
    """Days before the first and after the last rates, and currencies without any."""
    await world.refused("importExchangeRates", given, "INVALID", *field)


async def test_there_is_a_bound(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """Too many rates are refused before any is written, with how many they are."""
    monkeypatch.setattr(exchange_rates, "MOST_IMPORTED", 3)
    given = {"from": "2026-01-05", "to": "2026-01-06", "currencies": ["USD", "CHF"]}
    payload = await world.refused("importExchangeRates", given, "INVALID", "from")
    assert payload["userErrors"][0]["message"].startswith("These are 4 rates. Import up to 3 at once")


def test_all_years_of_all_currencies_are_read() -> None:
    """Each rate is above zero, and the pivot has none."""
    first, last = published_rates.bounds()
    found = published_rates.rates(published_rates.published(), first, last)
    assert "EUR" not in found
    assert min(rate for by_day in found.values() for rate in by_day.values()) > 0
    assert sum(map(len, found.values())) > 150_000
