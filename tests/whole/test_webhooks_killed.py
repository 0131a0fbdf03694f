"""A process is killed while it sends to a webhook: another one goes on, and every event arrives, in order, signed."""

import asyncio
import signal
import time
from pathlib import Path

import httpx2
import jwt

from models.database import Database
from tests.support.servers.receivers import SENDING, Delivered, receiver
from tests.support.servers.served import serving, working
from tests.support.servers.webhooks import CHANGES, renamed, settled, subscribed, titles, verifying
from tests.support.world import World

SECRET = "a secret that only this test knows, 40+"
CREATE = "mutation ($input: CreateWebhookInput!) { createWebhook(input: $input) { secret userErrors { message } } }"


async def test_another_server_goes_on(world: World, database: Database, postgres_url: str, tmp_path: Path) -> None:
    """What was not written yet is sent again with the same id; nothing is lost, and nothing overtakes."""
    names = ("Ada", "Bob", "Cleo")
    claims = {"sub": "tester", "org_id": world.organisation, "role": "admin", "exp": 2**33}
    async with receiver() as to:
        environment = {
            **SENDING,
            "DEALBOARD_JWT_SECRET": SECRET,
            "DEALBOARD_DATABASE_URL": postgres_url,
            "DEALBOARD_OUTGOING_PORTS": str(to.port),
        }

        killed_by_now = asyncio.Event()

        async def hang(request: Delivered) -> int:
            if len(to.requests) > 10:
                await killed_by_now.wait()
            return 204

        to.decide = hang
        with serving(tmp_path, **environment) as killed:
            headers = {"Authorization": f"Bearer {jwt.encode(claims, SECRET, 'HS256')}"}
            body = {"query": CREATE, "variables": {"input": {"url": to.url, **CHANGES}}}
            async with httpx2.AsyncClient(headers=headers, timeout=60) as client:
                made = (await client.post(killed.url, json=body)).json()["data"]["createWebhook"]
            assert made["userErrors"] == []
            to.verify = verifying(made["secret"])
            for nth in range(20):
                for name in names:
                    await world.change("updateLead", {"leadId": world[name], "title": f"{name} {nth}"})
            await to.got(13)
            killed.process.send_signal(signal.SIGKILL)
            killed.process.wait(60)
            killed_by_now.set()
        # The lease would end by itself, after thirty seconds.
        await database.pool.execute("UPDATE webhook_state SET lease_until = now()")
        with serving(tmp_path, **environment):
            await to.until(lambda receiver: len({one.id for one in receiver.requests}) == 60)
    assert to.unverified == []
    once = {one.id: one.body["data"]["changes"][0]["after"] for one in reversed(to.requests)}
    titles = [*reversed(once.values())]
    for name in names:
        assert [title for title in titles if title.startswith(name)] == [f"{name} {nth}" for nth in range(20)]
    assert len(to.requests) < 80


async def test_another_worker_goes_on(world: World, database: Database, postgres_url: str, tmp_path: Path) -> None:
    """The one that holds the delivery is killed: the other waits for the end of the lease, and sends the same again."""
    killed_by_now = asyncio.Event()

    async def hang(request: Delivered) -> int:
        await killed_by_now.wait()
        return 204

    async with receiver(hang) as to:
        environment = {
            **SENDING,
            "DEALBOARD_JWT_SECRET": SECRET,
            "DEALBOARD_DATABASE_URL": postgres_url,
            "DEALBOARD_OUTGOING_PORTS": str(to.port),
            "DEALBOARD_WEBHOOK_INTERVAL": "0",
        }
        webhook = await subscribed(world, to, **CHANGES)
        with working(tmp_path, **environment) as (killed, _):
            await renamed(world, "one")
            await to.got(1)
            with working(tmp_path, **environment):
                killed.send_signal(signal.SIGKILL)
                killed.wait(60)
                killed_by_now.set()
                await renamed(world, "two")
                # It would end after thirty seconds.
                ends = time.monotonic() + 2
                sooner = "UPDATE webhook_state SET lease_until = now() + interval '2 s' WHERE lease = 1 RETURNING lease"
                assert await database.pool.fetchval(sooner) == 1
                await to.got(3)
                await settled(world, webhook)
                assert await database.pool.fetchval("SELECT lease FROM webhook_state") == 2
    assert to.unverified == []
    assert titles(to) == ["one", "one", "two"]
    assert to.requests[0].id == to.requests[1].id
    assert to.requests[0].raw == to.requests[1].raw
    assert to.requests[1].at > ends
    assert await database.pool.fetchval("SELECT lease_until FROM webhook_state") is None
