"""Apollo Client, urql and Relay over a served board: pages, caches, persisted documents and a socket that is cut.

The programs are those in examples/clients, which docs/clients.md explains. None of them may write a warning.
"""

import asyncio
import os
import subprocess
import time
from collections.abc import AsyncIterator
from contextlib import ExitStack, asynccontextmanager
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import jwt
import orjson
import pytest

from models.database import Database
from tests.support.fixtures.live import Board
from tests.support.relay import Relay
from tests.support.servers.served import Served, serving

ROOT = Path(__file__).parents[2]
FOLDER = ROOT / "examples" / "clients"
SECRET = "a secret that only this test knows, 40+"
RENAME = "mutation($input: UpdateLeadInput!) { updateLead(input: $input) { userErrors { message } } }"

SETTINGS = {
    "apollo": {},
    "urql": {},
    "relay": {
        "DEALBOARD_TRUSTED_DOCUMENTS": str(FOLDER / "__generated__" / "trusted.json"),
        "DEALBOARD_TRUSTED_DOCUMENTS_ONLY": "true",
    },
}
"""The settings of the server of each client. Relay sends nothing but ids, and the server takes nothing else."""


@pytest.fixture(scope="module", autouse=True)
def built() -> None:
    """The clients with what they need, and what Relay's compiler makes of its documents."""
    made = subprocess.run(["make", "--silent", "examples"], cwd=ROOT, capture_output=True, text=True, check=False)
    if made.returncode:
        pytest.fail(f"`make examples` cannot build examples/clients: {made.stdout}{made.stderr}", pytrace=False)


@asynccontextmanager
async def running(name: str, board: Board, served: Served, relay: Relay) -> AsyncIterator[asyncio.subprocess.Process]:
    """A client of the server, whose socket goes through the relay."""
    claims = {"sub": "follower", "org_id": board.organisation, "role": "admin", "exp": int(time.time()) + 3600}
    process = await asyncio.create_subprocess_exec(
        *("node", f"{name}.js"),
        cwd=FOLDER,
        env={
            **os.environ,
            "DEALBOARD_URL": served.url,
            "DEALBOARD_SOCKET_URL": f"ws://127.0.0.1:{relay.port}/graphql",
            "DEALBOARD_TOKEN": jwt.encode(claims, SECRET, "HS256"),
            "DEALBOARD_ORG": board.organisation,
        },
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    try:
        yield process
    finally:
        if process.returncode is None:
            process.kill()
        await process.wait()


@pytest.mark.parametrize("name", SETTINGS)
async def test_a_client_works_as_its_page_says(
    name: str, make_board: Any, database: Database, postgres_url: str, tmp_path: Path
) -> None:
    """It joins the pages of a list, shows what a mutation and an event changed, and gets each event after a cut of its
    socket; and it writes nothing to its standard error."""
    board: Board = await make_board()
    environment = {
        "DEALBOARD_DATABASE_URL": postgres_url,
        "DEALBOARD_JWT_SECRET": SECRET,
        "DEALBOARD_EVENT_POLL_SECONDS": "0.1",  # renames are made in this process, which wakes no other process
    }
    with ExitStack() as servers:
        server = serving(tmp_path, **environment, **SETTINGS[name])
        served = await asyncio.to_thread(servers.enter_context, server)
        async with Relay.listening() as relay, running(name, board, served, relay) as client, asyncio.timeout(60):
            relay.target = urlsplit(served.url).port
            assert client.stdin is not None
            assert client.stdout is not None
            assert client.stderr is not None

            async def said(count: int) -> list[dict[str, Any]]:
                return [orjson.loads(await client.stdout.readline() or await fault()) for _ in range(count)]

            async def fault() -> str:
                pytest.fail((await client.stderr.read()).decode())

            (pages,) = await said(1)
            listed = (await board.ask("{ leads(first: 100) { nodes { id title } } }"))["leads"]["nodes"]
            assert pages == {"titles": [lead["title"] for lead in listed]}
            assert len(listed) > 2

            # The answer of its mutation, and the event of it, in either order.
            both = await said(2)
            assert {"renamed": "Renamed", "cached": "Renamed"} in both
            assert {"event": "Renamed", "cached": "Renamed"} in both

            async def rename(title: str) -> None:
                await board.ask(RENAME, {"input": {"leadId": listed[0]["id"], "title": title}})

            await rename("First")
            assert await said(1) == [{"event": "First", "cached": "First"}]
            relay.cut()
            await rename("Second")
            assert await said(1) == [{"event": "Second", "cached": "Second"}]
            client.stdin.write(b"end\n")
            rest, errors = await client.communicate()
            assert (rest, errors, client.returncode) == (b"", b"", 0)
