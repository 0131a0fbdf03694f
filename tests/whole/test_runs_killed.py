"""A server is killed within a batch of a run: other servers take over, and each record is changed exactly once."""

import asyncio
import signal
from pathlib import Path

from models.database import Database
from models.rules.ids import parse_id
from resolvers.changes.imports.import_leads import import_deals
from resolvers.changes.imports.options import Import
from resolvers.changes.imports.rows import IN_LINES, Deal
from tests.support.consistency import RULES, breaches
from tests.support.servers.served import serving
from tests.support.world import World

SECRET = "a secret that only this test knows, 40+"
LEADS = 2_000
HOLDING = ("totals are", "the log has no gap", "a lead stands where", "leads stand in stages", "the stages of a")


async def until(database: Database, query: str) -> None:
    """Wait until the query finds something."""
    async with asyncio.timeout(120):
        while not await database.pool.fetchval(query):
            pass


async def test_another_server_takes_over(world: World, database: Database, postgres_url: str, tmp_path: Path) -> None:
    """Killed while a batch waits for a lead that somebody holds; two others finish, and a move gets through before."""
    deals = [Deal(line, "Offer", dict.fromkeys(IN_LINES) | {"title": f"Deal {line}"}) for line in range(LEADS)]
    await import_deals(database, Import(world.organisation, "Sales"), deals)
    given = {"stageId": world["Offer"], "moveLeadsTo": world["Talking"]}
    run = (await world.change("deleteStage", given, "run { id total }"))["run"]
    assert run["total"] == LEADS
    environment = {"DEALBOARD_DATABASE_URL": postgres_url, "DEALBOARD_JWT_SECRET": SECRET}
    async with database.acquire() as blocker:
        await blocker.execute("BEGIN")
        await blocker.execute(f"SELECT FROM lead WHERE title = 'Deal {LEADS - 1}' FOR UPDATE")
        with serving(tmp_path, **environment) as killed:
            await until(database, "SELECT done = 1500 FROM run")
            await until(database, "SELECT count(*) FROM pg_stat_activity WHERE wait_event_type = 'Lock'")
            await world.change("moveLead", {"leadId": world["Ada"], "stageId": world["Talking"]})
            killed.process.send_signal(signal.SIGKILL)
            killed.process.wait(60)
        await blocker.execute("COMMIT")
    assert await database.pool.fetchrow("SELECT state, done FROM run") == ("RUNNING", 1500)
    with serving(tmp_path, **environment), serving(tmp_path, **environment):
        await until(database, "SELECT state = 'FINISHED' FROM run")
    offer, talking = parse_id("stage", world["Offer"]), parse_id("stage", world["Talking"])
    steps = """
        SELECT count(*) AS steps, count(DISTINCT lead_id) AS leads FROM stage_change
        WHERE from_stage_id = $1 AND to_stage_id = $2
    """
    assert await database.pool.fetchrow(steps, offer, talking) == (LEADS, LEADS)
    events = "SELECT count(*), count(DISTINCT lead_id) FROM event WHERE from_stage_id = $1 AND stage_id = $2"
    assert await database.pool.fetchrow(events, offer, talking) == (LEADS, LEADS)
    assert await database.pool.fetchval("SELECT count(*) FROM event WHERE type = 'run.ended'") == 1
    assert await database.pool.fetchval("SELECT done FROM run") == LEADS
    assert (await world.cards("Talking"))[1] == "Dan"
    for name, rule in RULES.items():
        if name.startswith(HOLDING):
            assert await breaches(database, rule) == [], name
