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


def category(world: World, lead: Record, given: Mapping[str, Any]) -> str:
    """CLOSED when won, OMITTED when closed otherwise; else the lead's own, or its stage's."""
    stage = world.one("stage", lead.row["stage_id"])
    assert stage is not None
    if stage.row["kind"] == "WON":
        return "CLOSED"
    if lead.row["closed_at"] is not None:
        return "OMITTED"
    return str(lead.row["forecast_category"] or stage.row["forecast_category"])


def category_of_stage(world: World, stage: Record, given: Mapping[str, Any]) -> str:
    return {"WON": "CLOSED", "LOST": "OMITTED"}.get(stage.row["kind"]) or str(stage.row["forecast_category"])


MONEY_RULES: Mapping[tuple[str, str], Callable[[World, Any, Mapping[str, Any]], Any]] = {
    ("Query", "exchangeRates"): exchange_rates,
    ("Lead", "forecastCategory"): category,
    ("Lead", "ownForecastCategory"): lambda world, lead, given: lead.row["forecast_category"],
    ("Stage", "forecastCategory"): category_of_stage,
}
