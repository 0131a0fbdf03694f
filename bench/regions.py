"""`python -m bench.regions <folder>`: the deals of a real sales team, routed again among its agents by region.

The folder holds `sales_pipeline.csv` and `sales_teams.csv` of "CRM Sales Opportunities" (Maven Analytics). Each deal
gets the regional office of its agent as its source; then the open deals lose their owners, and a rule for each region
assigns them to the pool of its agents.
"""

import asyncio
import csv
import os
import subprocess
import sys
import tempfile
import time
from collections import Counter
from pathlib import Path
from typing import Annotated, Any

import orjson
import typer
from rich.console import Console

from engine.caller import Caller
from engine.documents import Documents
from engine.engine import Engine
from engine.limits import Limits
from engine.live.feed import Feed
from models.database import Database
from models.rules.roles import Role
from resolvers.domain import CRM
from schema.api import graphql_schema
from server.process.postgres import embedded

ORG = "regions"
MAPPED = {
    "external_id": "opportunity_id", "owner": "sales_agent", "customer": "account", "stage": "deal_stage",
    "created_at": "engage_date", "closed_at": "close_date", "value": "close_value", "source": "region",
}  # fmt: skip
ROUTED = "routedCount unroutedCount routed { owner { name } rule { name } }"

console = Console()


def joined(folder: Path, file: Path) -> dict[str, list[str]]:
    """Write the deals with the region of each; returns the agents with deals, by region."""
    with (folder / "sales_teams.csv").open(encoding="utf-8-sig", newline="") as lines:
        region_of = {line["sales_agent"]: line["regional_office"] for line in csv.DictReader(lines)}
    with (folder / "sales_pipeline.csv").open(encoding="utf-8-sig", newline="") as lines:
        deals = [{**line, "region": region_of[line["sales_agent"]]} for line in csv.DictReader(lines)]
    with file.open("w", encoding="utf-8", newline="") as lines:
        writer = csv.DictWriter(lines, list(deals[0]))
        writer.writeheader()
        writer.writerows(deals)
    agents: dict[str, list[str]] = {}
    for name in sorted({deal["sales_agent"] for deal in deals}):
        agents.setdefault(region_of[name], []).append(name)
    return agents


def imported(file: Path, url: str) -> None:
    """Import the deals through the command line."""
    options = ["--org", ORG, "--pipeline", "Hardware", "--title", "{product} for {account}", "--create-missing"]
    options += ["--date-format", "%m/%d/%Y", "--stages", "Prospecting,Engaging,Won,Lost", "--won", "Won"]
    options += ["--lost", "Lost", *(part for pair in MAPPED.items() for part in ("--map", "=".join(pair)))]
    command = [sys.executable, "-m", "server", "import", str(file), *options]
    subprocess.run(command, check=True, env={**os.environ, "DEALBOARD_DATABASE_URL": url})


class Client:
    """Calls the API as an admin of the organisation."""

    def __init__(self, engine: Engine) -> None:
        self.engine = engine

    async def __call__(self, text: str, **variables: Any) -> Any:
        prepared = self.engine.documents.prepare(text)
        answer = await self.engine.execute(prepared, variables, Caller(ORG, "bench", Role.ADMIN))
        body = orjson.loads(answer.body)
        assert "errors" not in body, body
        return body["data"]

    async def change(self, mutation: str, show: str, **given: Any) -> Any:
        """Run a mutation, which must not be refused."""
        type_ = f"{mutation[0].upper()}{mutation[1:]}Input!"
        text = f"mutation($i: {type_}) {{ done: {mutation}(input: $i) {{ {show} userErrors {{ message }} }} }}"
        payload = (await self(text, i=given))["done"]
        assert payload["userErrors"] == [], payload
        return payload


async def route(url: str, agents: dict[str, list[str]]) -> None:
    """Remove the owners of the open deals, set the rules, route, and report the result."""
    async with Database.open(url) as database, Feed.open(database, CRM) as feed:
        call = Client(Engine(graphql_schema, database, Documents(graphql_schema, Limits()), feed))
        members = (await call("{ members(first: 100) { nodes { id name } } }"))["members"]["nodes"]
        ids = {member["name"]: member["id"] for member in members}
        (pipeline,) = (await call("{ pipelines { id } }"))["pipelines"]
        taken = [
            (await call.change("reassignAll", "leadCount", fromMemberId=ids[name]))["leadCount"]
            for names in agents.values()
            for name in names
        ]
        rules = []
        for region, names in agents.items():
            given = {"name": region, "memberIds": [ids[name] for name in names]}
            pool = (await call.change("createPool", "pool { id }", **given))["pool"]
            rules.append({"name": region, "condition": {"source": {"equals": region}}, "poolId": pool["id"]})
        await call.change("setRoutingRules", "", pipelineId=pipeline["id"], rules=rules)
        started = time.perf_counter()
        done = await call.change("routeUnassigned", ROUTED, pipelineId=pipeline["id"])
        took = time.perf_counter() - started
    console.print(f"{sum(taken):,} open deals taken; {done['routedCount']:,} routed, {done['unroutedCount']:,} left,")
    console.print(f"in {took:.2f} s, over {len({one['owner']['name'] for one in done['routed']})} agents:")
    for region, names in agents.items():
        shares = Counter(one["owner"]["name"] for one in done["routed"] if one["rule"]["name"] == region)
        assert set(shares) <= set(names)
        console.print(
            f"  {region}: {shares.total():,} deals, {min(shares.values())} to {max(shares.values())} for each of"
            f" {len(shares)} agents"
        )


def main(folder: Annotated[Path, typer.Argument(help="Where the CSV files are.")]) -> None:
    """Route the open deals of the data set among its agents by region."""
    with tempfile.TemporaryDirectory(prefix="dealboard-regions-", ignore_cleanup_errors=True) as place:
        file = Path(place) / "deals.csv"
        agents = joined(folder, file)
        with embedded(Path(place) / "data") as url:
            imported(file, url)
            asyncio.run(route(url, agents))


if __name__ == "__main__":
    typer.run(main)
