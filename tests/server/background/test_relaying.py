"""The relay of real processes: workers and NATS are killed at random, and the stream equals the event log."""

import asyncio
import os
import random
import signal
from pathlib import Path

import pytest

from models import organisation_id
from models.database import Database
from models.rules.ids import public_id
from server.settings import Settings, WrongSettings, load_settings
from tests.support.consuming import add_events, add_organisation
from tests.support.servers.nats import Nats, serving_nats
from tests.support.servers.worker_processes import killed_worker

ORGANISATIONS = ("acme", "globex", "initech")


async def differs(database: Database, nats: Nats) -> bool:
    """Whether the stream is not yet the event log of each organisation, in order."""
    rows = await database.pool.fetch("SELECT org_id, number, id FROM event ORDER BY number")
    published = await nats.published()
    for org_id in map(organisation_id, ORGANISATIONS):
        logged = [(row["number"], public_id("event", row["id"])) for row in rows if row["org_id"] == org_id]
        if [(number, id) for number, id, _, body in published if body["organisationId"] == str(org_id)] != logged:
            return True
    assert len(published) == len(rows)
    return False


async def test_workers_and_nats_are_killed(database: Database, postgres_url: str, tmp_path: Path) -> None:
    """While events are appended, whatever has the relay dies again and again, and so do NATS and every backend."""
    draw = random.Random(7)
    for key in ORGANISATIONS:
        await add_organisation(database, key, organisation_id(key), "1 minute")
    with serving_nats(tmp_path / "nats") as nats:
        environment = {
            **os.environ,
            "DEALBOARD_DATABASE_URL": postgres_url,
            "DEALBOARD_DATA_DIR": str(tmp_path),
            "DEALBOARD_JWT_SECRET": "s" * 40,
            "DEALBOARD_RELAY_URL": nats.url,
        }
        for turn in range(3):
            with killed_worker(environment) as one, killed_worker(environment) as other:
                before = await nats.count()
                for _ in range(20):
                    await add_events(database, organisation_id(draw.choice(ORGANISATIONS)), draw.randrange(1, 60))
                async with asyncio.timeout(60):
                    while await nats.count() < before + 100:
                        pass
                if turn % 2:
                    nats.kill()
                    nats.start()
                else:
                    await database.pool.execute(
                        "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
                        " WHERE application_name = 'dealboard' AND pid <> pg_backend_pid() AND query LIKE '%consumer%'"
                    )
                draw.choice((one, other)).send_signal(signal.SIGKILL)
        with killed_worker(environment):
            async with asyncio.timeout(60):
                while await nats.count() < await database.pool.fetchval("SELECT count(*) FROM event"):
                    pass
        assert not await differs(database, nats)


@pytest.mark.parametrize(
    ("url", "used"),
    [
        ("nats://a:4222", "nats://a:4222"),
        ("tls://me:secret@a:4222, nats://b", "tls://me:secret@a:4222,nats://b"),
        ("", None),
    ],
)
def test_the_broker_is_a_setting(monkeypatch: pytest.MonkeyPatch, url: str, used: str | None) -> None:
    """One server or several."""
    assert Settings(demo=True, relay_url=url).relay_url == used


@pytest.mark.parametrize("url", ["kafka://a:9092", "nats://", "a:4222", "nats://a, redis://b"])
def test_another_broker_is_refused(monkeypatch: pytest.MonkeyPatch, url: str) -> None:
    """The message names the setting and says what it must look like."""
    monkeypatch.setenv("DEALBOARD_RELAY_URL", url)
    monkeypatch.setenv("DEALBOARD_DEMO", "true")
    with pytest.raises(WrongSettings, match="DEALBOARD_RELAY_URL: must look like nats://host:4222 or tls://"):
        load_settings()
