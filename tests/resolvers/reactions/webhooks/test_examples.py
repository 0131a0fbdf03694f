"""The receivers in examples/ take what a server sends to them, once each, and nothing that is not signed."""

import asyncio
import json
import os
import socket
import subprocess
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import httpx2
import pytest

from resolvers.reactions.webhooks.delivering import WebhookDeliveries
from tests.support.servers.webhooks import CHANGES, renamed
from tests.support.world import World

ROOT = Path(__file__).parents[4]
COMMANDS = {
    "Python": [sys.executable, "examples/python/receive.py"],
    "TypeScript": ["node", "examples/typescript/dist/receive.js"],
}


@pytest.fixture(scope="module", autouse=True)
def built() -> None:
    """The TypeScript receiver, compiled, which checks its types too."""
    made = subprocess.run(["make", "--silent", "examples"], cwd=ROOT, capture_output=True, text=True, check=False)
    if made.returncode:
        pytest.fail(f"`make examples` fails: {made.stdout}{made.stderr}", pytrace=False)


def free_port() -> int:
    """A port that nobody listens on."""
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        port: int = found.getsockname()[1]
    return port


@asynccontextmanager
async def running(name: str, port: int, secret: str) -> AsyncIterator[asyncio.StreamReader]:
    """A receiver, once it listens; yields what it prints."""
    process = await asyncio.create_subprocess_exec(
        *COMMANDS[name],
        str(port),
        cwd=ROOT,
        env={**os.environ, "WEBHOOK_SECRET": secret},
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.DEVNULL,
    )
    try:
        async with asyncio.timeout(60):
            while True:
                try:
                    _, writer = await asyncio.open_connection("127.0.0.1", port)
                    writer.close()
                    break
                except OSError:
                    """It has not begun to listen."""
        assert process.stdout is not None
        yield process.stdout
    finally:
        process.kill()
        await process.wait()


@pytest.mark.parametrize("name", COMMANDS)
async def test_a_receiver_of_ten_lines(world: World, deliveries: WebhookDeliveries, name: str) -> None:
    """It prints each event once, also when a replay sends it again; a request without a signature is refused."""
    port = free_port()
    url = f"http://127.0.0.1:{port}/hook"
    made = await world.change("createWebhook", {"url": url, **CHANGES}, "webhook { id position } secret")
    async with running(name, port, made["secret"]) as lines, asyncio.timeout(60):
        forged = {"webhook-id": "event_1", "webhook-timestamp": "1", "webhook-signature": "v1,AAAA"}
        async with httpx2.AsyncClient() as client:
            assert (await client.post(url, content=b"{}", headers=forged)).status_code == 401
        await renamed(world, "one")
        first = json.loads(await lines.readline())
        webhook = made["webhook"]
        await world.change("replayWebhook", {"webhookId": webhook["id"], "fromCursor": webhook["position"]})
        await renamed(world, "two")
        second = json.loads(await lines.readline())
    assert [one["data"] for one in (first, second)] == [
        {"changes": [{"after": "one"}]},
        {"changes": [{"after": "two"}]},
    ]
    assert first["type"] == "lead.updated"
    assert first["id"] != second["id"]
