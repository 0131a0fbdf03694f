"""Nobody can stop another: an organisation works on while each attack is made by another one, on a served process.

`python -m bench.neighbours` measures how long its work takes meanwhile.
"""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from urllib.parse import urlsplit, urlunsplit
from uuid import uuid4

import asyncpg
import httpx2
import pytest

from bench.attacking.attacker import Attacker
from bench.attacking.house import describe, serving
from bench.attacking.victim import Victim
from bench.attacks import ATTACKS, Attack
from bench.data import Place, place
from models.migrate import migrate
from tests.support.figures import figure

RUNNING = """
SELECT query FROM pg_stat_activity
WHERE datname = current_database() AND state <> 'idle' AND pid <> pg_backend_pid()
"""
FAILURES = {"INTERNAL_SERVER_ERROR", "SERVICE_UNAVAILABLE", "NO ANSWER"}
SCALE = 0.02


@pytest.fixture(scope="module")
async def database_url(postgres_url: str) -> AsyncIterator[str]:
    """A migrated database of its own, which a server process is given."""
    name = f"neighbours_{uuid4().hex}"
    connection = await asyncpg.connect(postgres_url)
    await connection.execute(f"CREATE DATABASE {name}")
    try:
        url = urlunsplit(urlsplit(postgres_url)._replace(path=f"/{name}"))
        await migrate(url)
        yield url
    finally:
        await connection.execute(f"DROP DATABASE {name} WITH (FORCE)")
        await connection.close()


class House:
    """A server process, the organisation that works, and the two that attack."""

    def __init__(self, port: int, url: str, places: list[Place]) -> None:
        self.port = port
        self.url = url
        self.victim, self.attacker, self.few = places


@pytest.fixture(scope="module")
async def house(database_url: str) -> AsyncIterator[House]:
    """The server, on a database with a few thousand leads."""
    sizes = {"victim": 300, "attacker": 2_000, "few": 8}
    places = [await place(database_url, key, leads) for key, leads in sizes.items()]
    await describe(database_url, places[1], 100)
    # A busy machine may hold the victim up for seconds, and a socket is closed after two unanswered pings.
    with serving(database_url, DEALBOARD_SOCKET_PING_INTERVAL="5") as (port, _):
        yield House(port, database_url, places)


@asynccontextmanager
async def observing(url: str) -> AsyncIterator[asyncpg.Connection]:
    """A connection beside the server's."""
    connection = await asyncpg.connect(url)
    try:
        yield connection
    finally:
        await connection.close()


async def used(house: House) -> float | None:
    """The connections of the server's pool that are in use."""
    async with httpx2.AsyncClient(timeout=60) as client:
        metrics = (await client.get(f"http://127.0.0.1:{house.port}/metrics")).text
    return figure(metrics, "dealboard_pool_connections", state="used")


@pytest.mark.parametrize("attack", ATTACKS, ids=lambda attack: attack.row)
async def test_an_organisation_works_on_while_another_one_attacks(house: House, attack: Attack) -> None:
    """Nothing is refused to it; afterwards no statement runs on, and the pool is whole again."""
    attacker = Attacker(house.port, house.attacker, house.few, scale=SCALE)
    victim = Victim(house.port, house.victim)
    attacking = asyncio.create_task(attack.run(attacker))
    begun = asyncio.create_task(attacker.begun.wait())
    await asyncio.wait((attacking, begun), return_when=asyncio.FIRST_COMPLETED)
    await victim.work(lambda: not attacking.done())
    await attacking
    assert (victim.refused, [name for name, taken in victim.taken.items() if not taken]) == ([], [])
    assert not FAILURES & set(attacker.got)
    # On a busy machine the limit of time is met before that of size.
    assert not attack.bounded or (attack.bounded | {"TIMED_OUT"}) & set(attacker.got), attacker.got
    async with asyncio.timeout(60), observing(house.url) as connection:
        while (await connection.fetch(RUNNING)) or await used(house):  # noqa: ASYNC110 (PostgreSQL is asked)
            await asyncio.sleep(0.05)
