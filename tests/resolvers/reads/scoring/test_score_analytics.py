"""scoreAnalytics: how the leads of each band ended."""

from datetime import date, timedelta
from decimal import Decimal
from math import sqrt
from typing import Any

from tests.support.scoring.rules import bands, group, publish, react, rule
from tests.support.world import World

QUERY = """query ($pipelineId: ID!, $in: DateRange!) {
    scoreAnalytics(pipelineId: $pipelineId, in: $in) { bands { band count won lost winRate interval { low high } } }
}"""


async def analytics(world: World, pipeline: str = "Sales", **days: str) -> Any:
    """The report on leads that were created on these days; up to tomorrow, unless others are given."""
    first, last = (date.today() + timedelta(days=days) for days in (-2, 2))
    given = {"in": {"from": first.isoformat(), "to": last.isoformat(), **days}, "pipelineId": world[pipeline]}
    return (await world.ask(QUERY, given))["scoreAnalytics"]


def wilson(won: int, closed: int) -> dict[str, str]:
    """The interval by its textbook form, which divides by n first."""
    z, share = 1.959963984540054, won / closed
    middle, half = share + z * z / (2 * closed), z * sqrt(share * (1 - share) / closed + z * z / (4 * closed**2))
    low, high = (100 * (middle + sign * half) / (1 + z * z / closed) for sign in (-1, 1))
    return {"low": f"{low:.2f}", "high": f"{high:.2f}"}


async def test_bands_are_compared_by_how_their_leads_ended(world: World) -> None:
    """Each lead counts in the band that it had when it was closed; one that was never scored, in none."""
    web = rule("Web", 60, condition={"source": {"equals": "web"}})
    for name in ("Ada", "Bob", "Cleo"):
        await world.change("updateLead", {"leadId": world[name], "source": "web"})
    await publish(world, group("Fit", web), bands=bands(("Hot", 50, 50)))
    await world.change("moveLead", {"leadId": world["Ada"], "stageId": world["Won"]})
    await world.change("disqualifyLead", {"leadId": world["Bob"], "reason": "No budget"})
    await world.change("updateLead", {"leadId": world["Cleo"], "source": "mail"})
    await react(world)
    found = (await analytics(world))["bands"]
    none, hot = found
    assert (none["band"], none["lost"]) == (None, 0)
    assert none["count"] + hot["count"] == 5
    assert (hot["count"], hot["won"], hot["lost"], Decimal(hot["winRate"])) == (2, 1, 1, Decimal(50))
    assert (hot["band"], hot["interval"]) == ("Hot", wilson(1, 2))


async def test_no_leads_and_no_pipeline(world: World, strangers: World) -> None:
    """Days without leads have no bands; another organisation's pipeline is not there; days must be in order."""
    long_ago = {"from": "2001-01-01", "to": "2001-12-31"}
    assert await analytics(world, **long_ago) == {"bands": []}
    given = {"pipelineId": strangers["Sales"], "in": long_ago}
    assert (await world.ask(QUERY, given))["scoreAnalytics"] is None
