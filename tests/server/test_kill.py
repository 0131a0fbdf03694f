"""A server that is killed in the middle of a stream of changes: each is whole or absent, and can be sent again."""

import asyncio
import signal
from collections.abc import Mapping
from pathlib import Path
from random import Random
from typing import Any
from uuid import uuid4

import httpx2
import jwt
import pytest

from models.database import Database
from tests.changes.consistency import expect_consistent
from tests.changes.recipes import opportunities
from tests.changes.world import World, document

from .served import serving

SECRET = "a secret that only this test knows, 40+"
CHANGES = 80
"""Changes that are answered before the server is killed."""

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


async def idle(database: Database) -> None:
    """Wait until nobody else has a transaction under way: what a killed server had sent may still be committed."""
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
    """Records, history, events and totals agree after SIGKILL; what was answered is there; sent again, it is once."""
    random = Random(seed)
    await opportunities(world)
    leads = [
        (await world.change("createLead", {"title": f"No {nth}", "stageId": world["New"]}, "lead { id }"))["lead"]["id"]
        for nth in range(20)
    ]
    environment = {"DEALBOARD_DATABASE_URL": postgres_url, "DEALBOARD_JWT_SECRET": SECRET}
    claims = {"sub": "tester", "org_id": "demo", "role": "admin", "exp": 4_000_000_000}
    headers = {"Authorization": f"Bearer {jwt.encode(claims, SECRET, 'HS256')}", "orgid": "demo"}
    sent: list[Request] = []
    answered: dict[str, Any] = {}

    async def send(client: httpx2.AsyncClient, url: str, request: Request) -> None:
        mutation, given = request
        asked = {"query": document(mutation, "__typename"), "variables": {"input": given}}
        response = await client.post(url, json=asked, headers=headers)
        assert "errors" not in response.json()
        answered[given["idempotencyKey"]] = response.json()["data"]["result"]["userErrors"]

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
        killed.process.wait(10)
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
