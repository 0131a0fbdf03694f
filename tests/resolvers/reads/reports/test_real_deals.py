"""Reports on 8,800 real deals of 2017, quarter by quarter, counted again from their file."""

import asyncio
from collections import Counter
from datetime import UTC, date, datetime, timedelta
from fractions import Fraction
from typing import Any

import pytest
from typer.testing import CliRunner

from server.process.cli import app
from tests.support.api import Api
from tests.support.forecasts.summing import rounded
from tests.support.reports.leads import percent
from tests.support.reports.real_deals import MAPPING, REAL, STAGES, WHERE, deals

QUARTERS = [(date(2017, 3 * nth + 1, 1), date(2017 + (nth == 3), (3 * nth + 3) % 12 + 1, 1)) for nth in range(4)]

REPORTS = """
query ($id: ID!, $in: DateRange!) {
  winRates(pipelineId: $id, in: $in) { groups { won lost rate values { currency won lost rate } } }
  velocity(pipelineId: $id, in: $in) { open won lost winRate closed cycleDays values { averageValue } }
  leaderBoard(in: $in, measure: WON_VALUE, top: 3) { ranks { rank member { name } value count } } }
"""


def day(text: str) -> date | None:
    """A day of the file: month/day/year, or none."""
    return datetime.strptime(text, "%m/%d/%Y").replace(tzinfo=UTC).date() if text else None


def median(rows: list[Any], first: date, end: date) -> int | None:
    """The age in days at which half of the deals are closed, among those that were open at that age in the quarter."""
    lives = []
    for began, closed in rows:
        over = closed is not None and closed < end
        lives.append((max(0, (first - began).days), ((closed if over else end) - began).days, over))
    survival = Fraction(1)
    for age in sorted({went for _, went, over in lives if over}):
        at_risk = sum(came <= age <= went for came, went, _ in lives)
        survival *= 1 - Fraction(sum(over and went == age for _, went, over in lives), at_risk)
        if survival <= Fraction(1, 2):
            return age
    return None


@pytest.mark.skipif(not REAL.exists(), reason="the published data set is not beside this checkout")
async def test_every_quarter_of_real_deals(
    api: Api, postgres_url: str, database: object, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Win rates, velocity and leaders are those of the file."""
    monkeypatch.setenv("DEALBOARD_DATABASE_URL", postgres_url)
    monkeypatch.setenv("DEALBOARD_JWT_SECRET", "s" * 40)
    command = ["import", str(REAL), *WHERE, *MAPPING, *STAGES]
    result = await asyncio.to_thread(CliRunner().invoke, app, command)
    assert "8,800 imported, 0 unchanged, 0 rejected." in result.output
    [pipeline] = (await api("{ pipelines { id } }", organisation="acme"))["data"]["pipelines"]
    for first, end in QUARTERS:
        days = {"from": first.isoformat(), "to": (end - timedelta(days=1)).isoformat()}
        body = await api(REPORTS, {"id": pipeline["id"], "in": days}, organisation="acme")
        assert body["data"] == expected(first, end), days


def expected(first: date, end: date) -> Any:
    """The same from the file."""
    known = [(day(row["engage_date"]), day(row["close_date"]), row) for row in deals()]
    closed = [row for _, at, row in known if at is not None and first <= at < end]
    won = [row for row in closed if row["deal_stage"] == "Won"]
    lost = [row for row in closed if row["deal_stage"] == "Lost"]
    worth = sum(int(row["close_value"]) for row in won)
    seen = [(began, at) for began, at, _ in known if began is not None and began < end and (at is None or at >= first)]
    age = median(seen, first, end)
    sums: Counter[str] = Counter()
    for row in won:
        sums[row["sales_agent"]] += int(row["close_value"])
    rate = percent(len(won), len(won) + len(lost))
    ranks = [
        {
            "rank": 1 + sum(other > value for other in sums.values()),
            "member": {"name": name},
            "value": f"{value}.00",
            "count": sum(row["sales_agent"] == name for row in won),
        }
        for name, value in sums.most_common(3)
    ]
    values = [{"currency": "USD", "won": f"{worth}.00", "lost": "0.00", "rate": "100.00"}]
    group = {"won": len(won), "lost": len(lost), "rate": rate, "values": values}
    velocity = {
        "open": sum(at is None or at >= end for _, at in seen),
        "won": len(won),
        "lost": len(lost),
        "winRate": rate,
        "closed": len(closed),
        "cycleDays": None if age is None else f"{age}.00",
        "values": [{"averageValue": rounded(Fraction(worth, len(won)), "USD")}],
    }
    return {"winRates": {"groups": [group]}, "velocity": velocity, "leaderBoard": {"ranks": ranks}}
