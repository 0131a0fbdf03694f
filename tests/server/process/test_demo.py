"""The demo organisation is complete and consistent, and is created once."""

import asyncio
import json
import re
from pathlib import Path
from typing import Any

from graphql import OperationDefinitionNode, parse, print_ast

from models import organisation_id
from models.database import Database
from server import pages
from server.process.demo import load_demo

ORG = organisation_id("demo")

ROOT = Path(__file__).parents[3]
README = "\n".join((ROOT / name).read_text() for name in ("README.md", "docs/routing.md"))
PRINTED: dict[str, tuple[str, str]] = {
    node.name.value: (print_ast(node), after)
    for block, after in re.findall(r"```graphql\n(.*?)```(.*?)(?=```graphql|\Z)", README, re.DOTALL)
    for node in parse(block).definitions
    if isinstance(node, OperationDefinitionNode) and node.name
}
"""Each operation of the README and of the page on routing, with the text up to the next one."""


def answer_of(name: str) -> Any:
    """The answer that the README prints for an operation."""
    found = re.search(r"```json\n(.*?)```", PRINTED[name][1], re.DOTALL)
    assert found is not None, name
    return json.loads(found[1])


async def counts(database: Database) -> dict[str, int]:
    """Rows of the demo organisation, by table."""
    tables = ("pipeline", "stage", "member", "lead", "contact", "customer", "task", "stage_change", "event")
    return {
        table: await database.pool.fetchval(f"SELECT count(*) FROM {table} WHERE org_id = $1", ORG) for table in tables
    }


async def test_the_demo_is_made_once(database: Database) -> None:
    """Two servers that start at once create one organisation, and a later start adds nothing."""
    await asyncio.gather(load_demo(database), load_demo(database))
    made = await counts(database)
    assert (made["pipeline"], made["stage"], made["member"], made["lead"]) == (2, 10, 8, 310)
    await load_demo(database)
    assert await counts(database) == made


async def test_the_log_has_no_gaps_and_the_history_agrees_with_it(database: Database) -> None:
    """Numbers run from 1 to the head, and each step of the history is an event."""
    await load_demo(database)
    numbers = await database.pool.fetch("SELECT number FROM event WHERE org_id = $1 ORDER BY number", ORG)
    head = await database.pool.fetchval("SELECT head FROM event_log WHERE org_id = $1", ORG)
    assert [row["number"] for row in numbers] == list(range(1, head + 1))
    unequal = await database.pool.fetchval(
        "SELECT count(*) FROM event FULL JOIN stage_change USING (org_id, id)"
        " WHERE event.stage_id IS DISTINCT FROM to_stage_id OR event.from_stage_id IS DISTINCT FROM"
        " stage_change.from_stage_id OR event.lead_id IS DISTINCT FROM stage_change.lead_id"
    )
    assert unequal == 0


async def test_every_lead_stands_where_its_history_ends(database: Database) -> None:
    """The last step of each lead is its stage, and only leads in a closing stage are closed."""
    await load_demo(database)
    astray = await database.pool.fetchval(
        "SELECT count(*) FROM lead JOIN stage ON stage.org_id = lead.org_id AND stage.id = lead.stage_id"
        " WHERE (lead.closed_at IS NULL) <> (stage.kind = 'OPEN') OR stage.id IS DISTINCT FROM (SELECT to_stage_id"
        " FROM stage_change WHERE lead_id = lead.id ORDER BY occurred_at DESC, id DESC LIMIT 1)"
    )
    assert astray == 0


async def test_the_demo_admin_sees_the_board(api: Any, database: Database) -> None:
    """The board's totals count every lead, and the caller of the demo token is a member."""
    await load_demo(database)
    body = await api("{ viewer { member { name } } pipelines { stages { totals { count } } } }", subject="demo-admin")
    assert body["data"]["viewer"]["member"] == {"name": "Ada Winter"}
    stages = [stage for pipeline in body["data"]["pipelines"] for stage in pipeline["stages"]]
    assert sum(stage["totals"]["count"] for stage in stages) == 310


async def test_the_demo_has_leads_to_route(api: Any, database: Database) -> None:
    """Some leads have no owner; the rules assign each of them, some to the manager, most to the pool."""
    await load_demo(database)
    query = "{ pipelines(type: LEAD) { id routingRules { name condition member { name } pool { name } } } }"
    (pipeline,) = (await api(query, subject="demo-admin"))["data"]["pipelines"]
    assert [rule["pool"] for rule in pipeline["routingRules"]] == [None, {"name": "Inbound"}]
    route = (
        "mutation($id: ID!) { routeUnassigned(input: { pipelineId: $id }) { routedCount unroutedCount"
        " routed { owner { name } rule { name } } userErrors { code } } }"
    )
    done = (await api(route, {"id": pipeline["id"]}, subject="demo-manager"))["data"]["routeUnassigned"]
    assert done["userErrors"] == []
    assert (done["routedCount"] > 10, done["unroutedCount"]) == (True, 0)
    assert {one["rule"]["name"] for one in done["routed"]} == {rule["name"] for rule in pipeline["routingRules"]}
    assert len({one["owner"]["name"] for one in done["routed"]}) == 6


async def test_what_the_readme_finds(api: Any, database: Database) -> None:
    """The search has the answer that the README prints, on any day; the example tab asks for the same leads."""
    await load_demo(database)
    (tab,) = (query for query in pages.examples() if "query Find" in query)
    printed = answer_of("Find")
    for query in (PRINTED["Find"][0], tab):
        leads = (await api(query, subject="demo-admin"))["data"]["leads"]
        found = [{key: node[key] for key in printed["nodes"][0]} for node in leads["nodes"]]
        assert (leads["totalCount"], found) == (printed["totalCount"], printed["nodes"])


async def test_what_the_readme_routes(api: Any, database: Database) -> None:
    """With the printed rules, two leads of a new demo would be routed, and the printed one would not."""
    await load_demo(database)

    async def answered(query: str, **variables: Any) -> Any:
        body = await api(query, variables, subject="demo-admin")
        assert "errors" not in body, body
        return body["data"]

    (viewer,) = (query for query in pages.examples() if "query Viewer" in query)
    members = [member["id"] for member in (await answered(viewer))["members"]["nodes"] if member["role"] == "REP"]
    (pipeline,) = (await answered("{ pipelines(type: LEAD) { id } }"))["pipelines"]
    pool = (await answered(PRINTED["Pool"][0], members=members))["createPool"]["pool"]["id"]
    given = {"pipelineId": pipeline["id"], "poolId": pool, "memberId": members[0]}
    assert (await answered(PRINTED["Rules"][0], **given))["setRoutingRules"]["userErrors"] == []
    assert (await answered(PRINTED["Who"][0]))["matchingLeads"]["totalCount"] > 0
    tried = (await answered(PRINTED["Try"][0], pipelineId=pipeline["id"]))["routeUnassigned"]
    assert (tried["routedCount"], tried["unrouted"][0]) == (2, answer_of("Try"))
