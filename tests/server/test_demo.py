"""The demo organisation is complete, consistent, and made once."""

import asyncio
from typing import Any

from models import organisation_id
from models.database import Database
from server.demo import load_demo

ORG = organisation_id("demo")


async def counts(database: Database) -> dict[str, int]:
    """Rows of the demo organisation, by table."""
    tables = ("pipeline", "stage", "member", "lead", "contact", "customer", "task", "stage_change", "event")
    return {
        table: await database.pool.fetchval(f"SELECT count(*) FROM {table} WHERE org_id = $1", ORG) for table in tables
    }


async def test_the_demo_is_made_once(database: Database) -> None:
    """Two servers that start at once make one organisation, and a later start adds nothing."""
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
    """The last step of each lead is the stage it stands in, and only leads at an end are closed."""
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
    """Nobody works on some leads; its rules give each of them to somebody, some to the manager, most to the pool."""
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
