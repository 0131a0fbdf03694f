"""setQuotas: what members and pools are to win, by month."""

import json
from typing import Any

import pytest

from tests.support.recipes import pool
from tests.support.world import World

SHOW = "quotas { member { name } pool { name } month currency value }"


async def quotas(world: World, period: str) -> list[tuple[str, str, str, str]]:
    """Holder, month, currency and value of each quota of a period."""
    query = f"query($period: String!) {{ quotas(period: $period) {{ {SHOW[9:-1]} }} }}"
    found = (await world.ask(query, {"period": period}))["quotas"]
    return [((one["member"] or one["pool"])["name"], one["month"], one["currency"], one["value"]) for one in found]


async def test_quotas_are_by_month(world: World) -> None:
    """Those of a quarter are those of its months; a currency that is not named is the organisation's."""
    mia, both = {"memberId": world["mia"]}, {"poolId": await pool(world)}
    given = [
        {**mia, "month": "2026-10", "value": "100"},
        {**mia, "month": "2026-11", "value": "200.5"},
        {**both, "month": "2026-11", "currency": "JPY", "value": "3000"},
        {**mia, "month": "2027-01", "value": "9"},
    ]
    made = await world.change("setQuotas", {"quotas": given}, SHOW)
    assert made["quotas"][1:3] == [
        {"member": {"name": "mia"}, "pool": None, "month": "2026-11", "currency": "USD", "value": "200.50"},
        {"member": None, "pool": {"name": "Inbound"}, "month": "2026-11", "currency": "JPY", "value": "3000"},
    ]
    assert sorted(await quotas(world, "FY2026-Q4")) == [
        ("Inbound", "2026-11", "JPY", "3000"),
        ("mia", "2026-10", "USD", "100.00"),
        ("mia", "2026-11", "USD", "200.50"),
    ]


async def test_a_quota_is_changed_and_removed(world: World) -> None:
    """Others stay; the event holds what was there and what is, and what changes nothing is no event."""
    mia = {"memberId": world["mia"], "currency": "EUR"}
    await world.change("setQuotas", {"quotas": [{**mia, "month": f"2026-0{nth}", "value": "10"} for nth in (1, 2, 3)]})
    head = await world.head()
    given = [{**mia, "month": "2026-01", "value": "10.00"}, {**mia, "month": "2026-04"}]
    await world.change("setQuotas", {"quotas": given})
    assert await world.head() == head
    given = [{**mia, "month": "2026-01", "value": None}, {**mia, "month": "2026-02", "value": "15"}]
    await world.change("setQuotas", {"quotas": given})
    assert [one[1:] for one in await quotas(world, "FY2026")] == [
        ("2026-02", "EUR", "15.00"),
        ("2026-03", "EUR", "10.00"),
    ]
    [event] = await world.events(head)
    assert (event["type"], event["mutation"]) == ("organisation.updated", "set_quotas")
    was = [{**mia, "month": f"2026-0{nth}", "value": "10.00"} for nth in (1, 2)]
    assert json.loads(event["data"]) == {"changes": {"quotas": [was, [{**mia, "month": "2026-02", "value": "15.00"}]]}}


async def test_all_that_is_wrong_is_refused_at_once(world: World) -> None:
    """No holder, two holders, no month, no currency, no amount, and what is named twice: each has its path."""
    mia = {"memberId": world["mia"], "month": "2026-11", "value": "1"}
    given: list[dict[str, Any]] = [
        {"month": "2026-11", "value": "1"},
        {**mia, "poolId": await pool(world)},
        {**mia, "month": "2026-13"},
        {**mia, "month": "November"},
        {**mia, "currency": "EURO"},
        {**mia, "value": "-1"},
        {**mia, "value": "0.005"},
        mia,
        {**mia, "value": "2"},
    ]
    body = await world.attempt("setQuotas", {"quotas": given})
    errors = body["data"]["result"]["userErrors"]
    assert [(error["code"], error["field"][1:]) for error in errors] == [
        ("INVALID", ["0", "memberId"]),
        ("INVALID", ["1", "memberId"]),
        ("INVALID", ["2", "month"]),
        ("INVALID", ["3", "month"]),
        ("INVALID", ["4", "currency"]),
        ("INVALID", ["5", "value"]),
        ("INVALID", ["6", "value"]),
        ("INVALID", ["8"]),
    ]
    assert errors[2]["message"] == "'2026-13' is not a month. Send year and month, such as '2026-11'."
    assert await quotas(world, "2026-11") == []


async def test_holders_of_others_are_not_found(world: World, strangers: World) -> None:
    """Each has its path."""
    given = [
        {"memberId": strangers["mia"], "month": "2026-11", "value": "1"},
        {"memberId": world["mia"], "month": "2026-11", "value": "1"},
        {"poolId": await pool(strangers), "month": "2026-11", "value": "1"},
    ]
    body = await world.attempt("setQuotas", {"quotas": given})
    errors = body["data"]["result"]["userErrors"]
    assert [(error["code"], error["field"]) for error in errors] == [
        ("NOT_FOUND", ["quotas", "0", "memberId"]),
        ("NOT_FOUND", ["quotas", "2", "poolId"]),
    ]


async def test_quotas_of_a_deleted_pool_are_deleted(world: World) -> None:
    """They go with it, and so do its submissions."""
    both = {"poolId": await pool(world)}
    await world.change("setQuotas", {"quotas": [{**both, "month": "2026-11", "value": "1"}]})
    await world.change("submitForecast", {**both, "period": "2026-11", "value": "1"})
    await world.change("deletePool", both)
    assert await quotas(world, "2026-11") == []


@pytest.mark.parametrize("count", [0, 501])
async def test_there_is_a_bound(world: World, count: int) -> None:
    """At least one quota, and at most 500."""
    given = [{"memberId": world["mia"], "month": f"{2000 + nth // 12}-01", "value": "1"} for nth in range(count)]
    await world.refused("setQuotas", {"quotas": given}, "INVALID", "quotas")
