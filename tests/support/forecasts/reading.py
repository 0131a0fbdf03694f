"""The rules of reading money: exchange rates."""

from collections.abc import Callable, Mapping
from datetime import UTC, date, datetime
from typing import Any

from tests.support.reading.records import Record, World


def held(world: World, day: date) -> dict[str, Record]:
    """The rate of each currency that holds on a day."""
    known = [rate for rate in world.tables["exchange_rate"] if rate["valid_from"] <= day]
    return {rate["currency"]: rate for rate in sorted(known, key=lambda rate: rate["valid_from"])}


def exchange_rates(world: World, source: Any, given: Mapping[str, Any]) -> list[Record]:
    return [rate for _, rate in sorted(held(world, given.get("on") or datetime.now(UTC).date()).items())]


MONEY_RULES: Mapping[tuple[str, str], Callable[[World, Any, Mapping[str, Any]], Any]] = {
    ("Query", "exchangeRates"): exchange_rates,
}
