"""setExchangeRates: what one euro is worth, from a day on; and which rates hold on a day."""

import json
from typing import Any

import pytest

from tests.support.world import World

SHOW = "rates { currency rate validFrom source }"


def rate(currency: str, day: str, value: str | None) -> dict[str, Any]:
    """A rate to set."""
    return {"currency": currency, "validFrom": day, "rate": value}


async def held(world: World, on: str) -> list[tuple[str, str, str]]:
    """Currency, rate and first day of each rate that holds on a day."""
    query = "query($on: Date) { exchangeRates(on: $on) { currency rate validFrom } }"
    found = (await world.ask(query, {"on": on}))["exchangeRates"]
    return [(one["currency"], one["rate"], one["validFrom"]) for one in found]


async def test_a_rate_holds_from_its_day_to_the_next(world: World) -> None:
    """Of each currency the last rate until that day holds; before its first one, it has none."""
    rates = [rate("USD", "2026-01-01", "1.10"), rate("USD", "2026-02-01", "1.25"), rate("JPY", "2026-01-15", "170")]
    made = await world.change("setExchangeRates", {"rates": rates}, SHOW)
    assert made["rates"] == [{**one, "source": "MANUAL"} for one in rates]
    assert await held(world, "2025-12-31") == []
    assert await held(world, "2026-01-14") == [("USD", "1.10", "2026-01-01")]
    assert await held(world, "2026-01-31") == [("JPY", "170", "2026-01-15"), ("USD", "1.10", "2026-01-01")]
    assert await held(world, "2099-01-01") == [("JPY", "170", "2026-01-15"), ("USD", "1.25", "2026-02-01")]


async def test_a_rate_is_corrected_and_removed(world: World) -> None:
    """The event holds what was there and what is; what is sent again as it is leaves no trace."""
    first = [rate("USD", "2026-01-01", "1.1"), rate("CHF", "2026-01-01", "0.95")]
    await world.change("setExchangeRates", {"rates": first})
    head = await world.head()
    await world.change("setExchangeRates", {"rates": [rate("USD", "2026-01-01", "1.10")]})
    await world.change("setExchangeRates", {"rates": [rate("USD", "2026-01-02", None)]})
    assert await world.head() == head
    given = [rate("USD", "2026-01-01", "1.2"), {"currency": "CHF", "validFrom": "2026-01-01"}]
    made = await world.change("setExchangeRates", {"rates": given}, SHOW)
    assert [one["currency"] for one in made["rates"]] == ["USD"]
    assert await held(world, "2026-01-01") == [("USD", "1.2", "2026-01-01")]
    [event] = await world.events(head)
    assert (event["type"], event["mutation"]) == ("organisation.updated", "set_exchange_rates")
    assert json.loads(event["data"]) == {"changes": {"exchangeRates": [first, given[:1]]}}


async def test_rates_of_others_are_theirs(world: World, strangers: World) -> None:
    """Each organisation has its own rates."""
    await world.change("setExchangeRates", {"rates": [rate("USD", "2026-01-01", "1.1")]})
    await strangers.change("setExchangeRates", {"rates": [rate("USD", "2026-01-01", "9")]})
    assert await held(world, "2026-01-01") == [("USD", "1.1", "2026-01-01")]


async def test_all_that_is_wrong_is_refused_at_once(world: World) -> None:
    """Unknown currencies, the euro, no rate, days out of range and a day named twice: each has its path."""
    rates = [
        rate("DOGE", "2026-01-01", "1"),
        rate("EUR", "2026-01-01", "1"),
        rate("USD", "2026-01-01", "0"),
        rate("USD", "2026-01-02", "-1.1"),
        rate("USD", "2026-01-03", "1000000000"),
        rate("USD", "1812-01-01", "1.1"),
        rate("JPY", "2026-01-01", "170"),
        rate("JPY", "2026-01-01", "171"),
    ]
    body = await world.attempt("setExchangeRates", {"rates": rates})
    errors = body["data"]["result"]["userErrors"]
    assert [(error["code"], error["field"]) for error in errors] == [
        ("INVALID", ["rates", "0", "currency"]),
        ("INVALID", ["rates", "1", "currency"]),
        ("INVALID", ["rates", "2", "rate"]),
        ("INVALID", ["rates", "3", "rate"]),
        ("INVALID", ["rates", "4", "rate"]),
        ("INVALID", ["rates", "5", "validFrom"]),
        ("INVALID", ["rates", "7", "validFrom"]),
    ]
    assert errors[6]["message"] == "JPY is named twice for 2026-01-01. Leave one out."
    assert await held(world, "2026-01-01") == []


@pytest.mark.parametrize("value", ["NaN", "Infinity", "1e5", "0.0000001", "1_000", 1.1])
async def test_what_is_no_number_is_refused(world: World, value: Any) -> None:
    """Only exact numbers are taken."""
    body = await world.attempt("setExchangeRates", {"rates": [rate("USD", "2026-01-01", value)]})
    assert [error["extensions"]["code"] for error in body["errors"]] == ["BAD_USER_INPUT"]


@pytest.mark.parametrize("count", [0, 501])
async def test_there_is_a_bound(world: World, count: int) -> None:
    """At least one rate, and at most 500."""
    rates = [
        rate("USD", f"20{nth // 300 + 20}-{nth // 28 % 12 + 1:02}-{nth % 28 + 1:02}", "1.1") for nth in range(count)
    ]
    await world.refused("setExchangeRates", {"rates": rates}, "INVALID", "rates")
