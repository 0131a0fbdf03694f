"""A server is killed in a stream of changes: each change is whole or absent, and can be sent again."""

import asyncio
import signal
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from random import Random
from typing import Any
from uuid import uuid4

import httpx2
import jwt
import pytest

from models.database import Database
from tests.support.consistency import expect_consistent, writers
from tests.support.mutations import PERSONAL, mutation_of
from tests.support.recipes import RECIPES, opportunities
from tests.support.servers.receivers import SENDING
from tests.support.servers.served import Served, serving
from tests.support.world import Api, World, build, document, tables

SECRET = "a secret that only this test knows, 40+"
CHANGES = 80
"""The number of changes that are answered before the server is killed."""

ALONE = {f"DEALBOARD_{work}_INTERVAL": "0" for work in ("CONSUMER", "OVERDUE", "RUN", "WEBHOOK")}
"""The settings of a server that does nothing beside requests, so that nothing else writes."""

BETWEEN_KILLS = 12
"""The number of mutations that are answered between two kills, when all are tried."""

Request = tuple[str, Mapping[str, Any]]


def drawn(world: World, random: Random, leads: list[str]) -> Request:
    """A change of a random lead, with a key of its own."""
    lead = {"leadId": random.choice(leads)}
    key = str(uuid4())
    mutation, given = random.choice(
        [
            ("createLead", {"title": key, "stageId": world["New"], "value": "10"}),
            ("moveLead", {**lead, "stageId": world[random.choice(["New", "Talking", "Won", "Due"])]}),
            ("qualifyLead", lead),
            ("disqualifyLead", {**lead, "reason": "No budget"}),
            ("reopenLead", lead),
            ("convertLead", {**lead, "createCustomer": {"name": key}}),
            ("assignLead", {**lead, "memberId": world[random.choice(["rita", "mia"])]}),
            ("scheduleFollowUp", {**lead, "title": key, "dueOn": "2031-01-01"}),
            ("updateLead", {**lead, "value": str(random.randrange(1000))}),
        ]
    )
    return mutation, {**given, "idempotencyKey": key}


async def post(client: httpx2.AsyncClient, url: str, organisation: str, request: Request) -> Any:
    """Send a change as an admin of an organisation; returns its user errors."""
    mutation, given = request
    claims = {"sub": "tester", "org_id": organisation, "role": "admin", "exp": 4_000_000_000}
    headers = {"Authorization": f"Bearer {jwt.encode(claims, SECRET, 'HS256')}", "orgid": organisation}
    asked = {"query": document(mutation, "__typename"), "variables": {"input": given}}
    body = (await client.post(url, json=asked, headers=headers, timeout=60)).json()
    assert "errors" not in body, body
    return body["data"]["result"]["userErrors"]


async def idle(database: Database) -> None:
    """Wait until no other transaction is open: what a killed server had sent may still be committed."""
    under_way = """
        SELECT count(*) FROM pg_stat_activity
        WHERE datname = current_database() AND pid <> pg_backend_pid() AND xact_start IS NOT NULL
    """
    async with asyncio.timeout(20):
        while await database.pool.fetchval(under_way):
            pass


@pytest.mark.parametrize("seed", [1, 2])
async def test_every_change_is_whole_or_absent(
    world: World, database: Database, postgres_url: str, tmp_path: Path, seed: int
) -> None:
    """Records, history, events and totals agree after SIGKILL; answered changes are there; sent again, each is there
    once."""
    random = Random(seed)
    await opportunities(world)
    leads = [
        (await world.change("createLead", {"title": f"No {nth}", "stageId": world["New"]}, "lead { id }"))["lead"]["id"]
        for nth in range(20)
    ]
    environment = {"DEALBOARD_DATABASE_URL": postgres_url, "DEALBOARD_JWT_SECRET": SECRET}
    sent: list[Request] = []
    answered: dict[str, Any] = {}

    async def send(client: httpx2.AsyncClient, url: str, request: Request) -> None:
        answered[request[1]["idempotencyKey"]] = await post(client, url, "demo", request)

    with serving(tmp_path, **environment) as killed:

        async def work(client: httpx2.AsyncClient) -> None:
            while True:
                sent.append(drawn(world, random, leads))
                try:
                    await send(client, killed.url, sent[-1])
                except httpx2.TransportError:
                    return
                if len(answered) == CHANGES:
                    killed.process.send_signal(signal.SIGKILL)

        async with httpx2.AsyncClient() as client:
            await asyncio.gather(*(work(client) for _ in range(8)))
        killed.process.wait(60)
    await idle(database)
    await expect_consistent(database)
    kept = {row["key"] for row in await database.pool.fetch("SELECT key FROM outcome WHERE result <> '{}'")}
    assert {key for key, refused in answered.items() if not refused} <= kept
    assert len(sent) > len(answered)

    with serving(tmp_path, **environment) as next_one:
        async with httpx2.AsyncClient() as client:
            for request in sent:
                await send(client, next_one.url, request)
    await expect_consistent(database)
    made = [given["idempotencyKey"] for mutation, given in sent if mutation == "createLead"]
    found = await database.pool.fetch("SELECT title FROM lead WHERE title = ANY($1)", made)
    assert sorted(row["title"] for row in found) == sorted(made)


@dataclass
class Case:
    """A mutation in an organisation of its own: the request, and the transactions there before it was sent."""

    world: World
    request: Request
    before: Mapping[str, set[str]]
    answered: bool = False

    @classmethod
    async def of(cls, api: Api, database: Database, name: str) -> "Case":
        """Prepare the recipe of this name."""
        world = await build(api, database, name)
        request = (mutation_of(name), {**await RECIPES[name](world), "idempotencyKey": name})
        return cls(world, request, await writers(database, name))

    async def send(self, client: httpx2.AsyncClient, url: str) -> None:
        """Send it once more; it must not be refused."""
        assert await post(client, url, self.world.organisation, self.request) == []
        self.answered = True

    async def wrote(self) -> list[set[str]]:
        """The tables that each later transaction has written to."""
        after = await writers(self.world.database, self.world.organisation)
        return [written for key, written in after.items() if key not in self.before]


async def stream(served: Served, cases: Sequence[Case]) -> None:
    """Send these, eight at a time, until the server is killed, which is after some of the answers."""
    waiting = iter(cases)

    async def work(client: httpx2.AsyncClient) -> None:
        for case in waiting:
            try:
                await case.send(client, served.url)
            except httpx2.TransportError:
                return
            if sum(one.answered for one in cases) == BETWEEN_KILLS:
                served.process.send_signal(signal.SIGKILL)

    async with httpx2.AsyncClient() as client:
        await asyncio.gather(*(work(client) for _ in range(8)))


@pytest.mark.usefixtures("world")
async def test_every_mutation_is_whole_or_absent(
    api: Api, database: Database, postgres_url: str, tmp_path: Path
) -> None:
    """One server after the other is killed while it runs some of them: each is one transaction, with event and outcome,
    or nothing at all; answered ones are there; and in the end each has been done once."""
    cases = [await Case.of(api, database, name) for name in RECIPES]
    Random(1).shuffle(cases)
    environment = {
        "DEALBOARD_DATABASE_URL": postgres_url,
        "DEALBOARD_JWT_SECRET": SECRET,
        **SENDING,
        "DEALBOARD_OUTGOING_PORTS": "9",
        **ALONE,
    }
    while left := [case for case in cases if not case.answered]:
        with serving(tmp_path, **environment) as served:
            await stream(served, left)
            if len(left) >= BETWEEN_KILLS:
                served.process.wait(60)
        await idle(database)
        await expect_consistent(database)
        for case in cases:
            wrote = await case.wrote()
            assert len(wrote) == 1 or not (wrote or case.answered), case.request
            emitted = set() if case.request[0] in PERSONAL else {"event", "event_log"}
            assert all({"outcome", *emitted} <= written for written in wrote), case.request
    before = await tables(database)
    with serving(tmp_path, **environment) as last:
        async with httpx2.AsyncClient() as client:
            for case in cases:
                await case.send(client, last.url)
    assert await tables(database) == before
