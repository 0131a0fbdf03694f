"""A hundred clients that stop reading cost no memory, are let go, miss nothing, and nobody else notices."""

import asyncio
import re
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from pathlib import Path
from typing import Any

import psutil
from httpx2 import AsyncClient
from websockets.exceptions import ConnectionClosed

from engine.live.selection import decode_cursor
from tests.server.observe.test_metrics import figure
from tests.server.transport.test_endings import narrow
from tests.server.transport.test_sockets import Client
from tests.support.served import Served, serving

STUCK = 100
EVENTS = 10_000
PATIENCE = 3.0
"""Seconds that a client has to take what waits for it."""

GROWTH = 64 * 2**20
"""Bytes by which the server may grow. All that the stuck clients do not take would be 2,000,000,000."""

WIDE = " ".join(f"title{number}: title" for number in range(60))
SUBSCRIPTION = f"""subscription Live($after: String!) {{
  events(types: [LEAD_ASSIGNED], after: $after) {{ cursor lead {{ {WIDE} }} }}
}}"""
ASSIGN = """mutation ($ids: [ID!]!, $memberId: ID!) {
  assignLeads(input: { leadIds: $ids, memberId: $memberId }) { userErrors { message } }
}"""


class Asking:
    """Asks a server as an admin."""

    def __init__(self, served: Served, client: AsyncClient) -> None:
        self.served = served
        self.client = client
        self.leads: list[str] = []
        self.members: list[str] = []

    async def ask(self, query: str, **variables: Any) -> Any:
        """The data of an operation; it must have no errors."""
        body = {"query": query, "variables": variables}
        answer = (await self.client.post(self.served.url, json=body, headers=self.served.headers)).json()
        assert "errors" not in answer, answer
        return answer["data"]

    async def prepare(self) -> None:
        """Choose a hundred leads, and give them to the second of two members."""
        found = await self.ask("{ members { nodes { id } } leads(first: 100) { nodes { id } } }")
        self.members = [member["id"] for member in found["members"]["nodes"]][:2]
        self.leads = [lead["id"] for lead in found["leads"]["nodes"]]
        await self.ask(ASSIGN, ids=self.leads, memberId=self.members[1])

    async def cursor(self) -> str:
        """Where the log stands."""
        cursor: str = (await self.ask("{ cursor }"))["cursor"]
        return cursor

    async def happen(self, count: int) -> None:
        """Make so many events: leads are given to one member and to another, in turns."""
        for turn in range(count // len(self.leads)):
            await self.ask(ASSIGN, ids=self.leads, memberId=self.members[turn % 2])

    async def let_go(self) -> float:
        """How many sockets were closed because nothing was taken."""
        text = (await self.client.get(self.served.url.replace("/graphql", "/metrics"))).text
        return figure(text, "sockets_closed_total", code="4413") or 0


@asynccontextmanager
async def subscribed(served: Served, after: str) -> AsyncIterator[Client]:
    """A socket that follows the log from a cursor on."""
    port = int(re.findall(r":(\d+)/", served.url)[0])
    async with narrow(port) as client:
        await client.init(**served.headers)
        await client.subscribe("1", SUBSCRIPTION, variables={"after": after})
        yield client


async def told(client: Client, count: int) -> list[str]:
    """The cursors of so many events."""
    cursors: list[str] = []
    while len(cursors) < count:
        message = await client.take()
        if message["type"] == "next":
            cursors.append(message["payload"]["data"]["events"]["cursor"])
    return cursors


async def left(client: Client) -> tuple[list[str], int | None, str]:
    """What a client that reads again still finds: cursors, and what the server closed the connection with."""
    cursors = []
    with suppress(ConnectionClosed):
        while True:
            cursors += re.findall(r'"cursor": ?"([^"]+)"', str(await client.connection.recv()))
    return cursors, client.connection.close_code, client.connection.close_reason or ""


async def test_memory_stays_flat_with_a_hundred_clients_that_stop_reading(tmp_path: Path) -> None:
    """They are closed with 4413 and the last cursor they were sent; who comes back with it has every event once."""
    limits = {"DEALBOARD_SEND_TIMEOUT": str(PATIENCE), "DEALBOARD_MAX_CONNECTIONS_PER_MEMBER": "1000"}
    with serving(tmp_path, **limits) as served:
        process = psutil.Process(served.process.pid)
        async with AsyncClient(timeout=60) as client, AsyncExitStack() as stack:
            asking = Asking(served, client)
            await asking.prepare()
            before = await asking.cursor()
            healthy = [await stack.enter_async_context(subscribed(served, before)) for _ in range(2)]
            stuck = [await stack.enter_async_context(subscribed(served, before)) for _ in range(STUCK)]
            for one in stuck:
                one.connection.transport.pause_reading()
            at_first = most = process.memory_info().rss
            listening = [asyncio.create_task(told(one, EVENTS)) for one in healthy]
            happening = asyncio.create_task(asking.happen(EVENTS))
            while not happening.done():
                await asyncio.wait([happening], timeout=0.1)
                most = max(most, process.memory_info().rss)
            await happening
            heard = await asyncio.gather(*listening)
            async with asyncio.timeout(60):
                while await asking.let_go() < STUCK:  # the events may have taken less time than their patience
                    most = max(most, process.memory_info().rss)
            assert most - at_first < GROWTH
            every = [decode_cursor(cursor)[1] for cursor in heard[0]]
            assert every == list(range(every[0], every[0] + EVENTS))
            assert every[0] == decode_cursor(before)[1] + 1
            assert heard[1] == heard[0]
            for one in stuck:
                one.connection.transport.resume_reading()
            for taken, code, reason in await asyncio.gather(*map(left, stuck)):
                after = heard[0][len(taken) - 1]
                assert (code, reason) == (4413, f"Too slow: nothing was taken for too long; after={after}")
                assert taken == heard[0][: len(taken)]
            back = await stack.enter_async_context(subscribed(served, after))
            assert taken + await told(back, EVENTS - len(taken)) == heard[0]
