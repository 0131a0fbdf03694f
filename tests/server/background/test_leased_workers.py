"""Work of real processes of `dealboard work`: they are killed and stopped, and each piece of work is done once."""

import os
import signal
import time
from pathlib import Path

from models import organisation_id
from models.database import Database
from tests.support.consuming import add_organisation, until
from tests.support.servers.leased import HELD, asked, greeting, greetings

ACME = organisation_id("acme")
WAITING = "SELECT count(*) = $1 FROM pg_stat_activity WHERE wait_event = 'advisory'"
GREETED = "SELECT count(*) = $1 FROM greeted"


async def test_a_worker_is_killed(database: Database, postgres_url: str, tmp_path: Path) -> None:
    """Within its work: another one does it when the lease has ended, not before; nothing is done twice."""
    environment = {**os.environ, "DEALBOARD_DATA_DIR": str(tmp_path)}
    async with greetings(database):
        await add_organisation(database, "acme", ACME)
        async with database.acquire() as blocker:
            await blocker.execute("SELECT pg_advisory_lock($1)", HELD)
            with greeting(postgres_url, environment) as (killed, _):
                assert await asked(database, ACME, ["Ada"]) == 1
                await until(database, WAITING, 1)
                with greeting(postgres_url, environment, "greeting"):
                    killed.send_signal(signal.SIGKILL)
                    killed.wait(60)
                    await blocker.execute("SELECT pg_advisory_unlock($1)", HELD)
                    await asked(database, ACME, [f"name {nth}" for nth in range(5)])
                    await until(database, GREETED, 5)
                    ends = time.monotonic() + 1  # it would be after thirty seconds
                    await database.pool.execute("UPDATE run SET due_at = now() + '1 second' WHERE state = 'RUNNING'")
                    await database.pool.execute("UPDATE lane SET next_due = now() + '1 second', changes = changes + 1")
                    await until(database, GREETED, 6)
                    assert time.monotonic() > ends
        found = {row["name"]: row["attempt"] for row in await database.pool.fetch("SELECT name, attempt FROM greeted")}
        assert found == {"Ada": 2, **{f"name {nth}": 1 for nth in range(5)}}
        await until(database, "SELECT count(*) = 6 FROM run WHERE state = 'FINISHED'")


async def test_a_worker_is_stopped(database: Database, postgres_url: str, tmp_path: Path) -> None:
    """It finishes what it has in hand, takes nothing more, and ends with 0; nothing is leased any more."""
    environment = {**os.environ, "DEALBOARD_DATA_DIR": str(tmp_path), "DEALBOARD_RUN_INTERVAL": "0"}
    async with greetings(database):
        await add_organisation(database, "acme", ACME)
        async with database.acquire() as blocker:
            await blocker.execute("SELECT pg_advisory_lock($1)", HELD)
            with greeting(postgres_url, environment) as (stopped, _):
                await asked(database, ACME, ["Ada"])
                await until(database, WAITING, 1)
                stopped.send_signal(signal.SIGTERM)
                await asked(database, ACME, ["Bob"])
                await blocker.execute("SELECT pg_advisory_unlock($1)", HELD)
                assert stopped.wait(60) == 0
        assert await database.pool.fetchval("SELECT count(*) = 0 FROM run WHERE state = 'RUNNING'")
        assert "Ada" in [row["name"] for row in await database.pool.fetch("SELECT name FROM greeted")]
        with greeting(postgres_url, environment):
            await until(database, GREETED, 2)


async def test_an_unknown_kind_is_refused(database: Database, postgres_url: str, tmp_path: Path) -> None:
    """In one line that names those that there are."""
    environment = {**os.environ, "DEALBOARD_DATA_DIR": str(tmp_path)}
    message = ""
    try:
        with greeting(postgres_url, environment, "gretting"):
            pass
    except AssertionError as ended:
        message = str(ended)
    assert "--kinds: there is no kind of work 'gretting'. Name some of: greeting." in message
