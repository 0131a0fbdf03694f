"""A hundred clients that stop reading cost no memory, are disconnected, miss nothing, and disturb nobody else."""

import asyncio
import re
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, AsyncExitStack, asynccontextmanager, suppress
from pathlib import Path
from typing import Any

import orjson
import psutil
from httpx2 import AsyncClient
from websockets.exceptions import ConnectionClosed

from engine.live.selection import decode_cursor
from tests.support.figures import figure
from tests.support.servers.served import Served, serving
from tests.support.servers.slow_clients import another, narrow
from tests.support.servers.sockets import Client

Way = Callable[[int], AbstractAsyncContextManager[Client]]

STUCK = 100
EVENTS = 10_000
PATIENCE = 3.0
"""Seconds that a client has to read what is waiting for it."""

GROWTH = 64 * 2**20
"""Bytes by which the server may grow. All that the stuck clients do not read would be 2,000,000,000."""

WIDE = " ".join(f"title{number}: title" for number in range(60))
SUBSCRIPTION = f"""subscription Live($after: String!) {{
  events(types: [LEAD_ASSIGNED], after: $after) {{ cursor lead {{ {WIDE} }} }}
}}"""
ASSIGN = """mutation ($ids: [ID!]!, $memberId: ID!) {
  assignLeads(input: { leadIds: $ids, memberId: $memberId }) { userErrors { message } }
}"""


class Asking:
    """Sends operations to a server as an admin."""

    def __init__(self, served: Served, client: AsyncClient) -> None:
        self.served = served
        self.client = client
        self.leads: list[str] = []
        self.members: list[str] = []
        self.turn = 0

    async def ask(self, query: str, **variables: Any) -> Any:
        """The data of an operation; it must have no errors."""
        body = {"query": query, "variables": variables}
        answer = (await self.client.post(self.served.url, json=body, headers=self.served.headers)).json()
        assert "errors" not in answer, answer
        return answer["data"]

    async def prepare(self) -> None:
        """Choose a hundred leads, and assign them to the second of two members."""
        found = await self.ask("{ members { nodes { id } } leads(first: 100) { nodes { id } } }")
        self.members = [member["id"] for member in found["members"]["nodes"]][:2]
        self.leads = [lead["id"] for lead in found["leads"]["nodes"]]
        await self.ask(ASSIGN, ids=self.leads, memberId=self.members[1])

    async def cursor(self) -> str:
        """The current end of the event log."""
        cursor: str = (await self.ask("{ cursor }"))["cursor"]
        return cursor

    async def happen(self) -> int:
        """Cause one event per lead: the leads are assigned to the two members in turns. Returns the number of
        events."""
        await self.ask(ASSIGN, ids=self.leads, memberId=self.members[self.turn % 2])
        self.turn += 1
        return len(self.leads)

    async def disconnected(self) -> float:
        """How many sockets were closed because their client did not read."""
        text = (await self.client.get(self.served.url.replace("/graphql", "/metrics"))).text
        return figure(text, "sockets_closed_total", code="4413") or 0


@asynccontextmanager
async def subscribed(served: Served, after: str, way: Way) -> AsyncIterator[Client]:
    """A socket that follows the log from a cursor."""
    port = int(re.findall(r":(\d+)/", served.url)[0])
    async with way(port) as client:
        await client.init(**served.headers)
        await client.subscribe("1", SUBSCRIPTION, variables={"after": after})
        yield client


async def received(client: Client, count: int, cursors: list[str]) -> None:
    """Receive `count` events; their cursors are appended as they arrive."""
    end = len(cursors) + count
    while len(cursors) < end:
        message = await client.take()
        if message["type"] == "ping":  # sent when the server has had no event for a while
            await client.send(type="pong")
        else:
            cursors.append(message["payload"]["data"]["events"]["cursor"])


async def left(client: Client) -> tuple[list[str], int | None, str]:
    """What a client that reads again still finds: the cursors, and how the server closed the connection."""
    cursors = []
    with suppress(ConnectionClosed):
        while True:
            message = orjson.loads(await client.connection.recv())
            if message["type"] == "next":
                cursors.append(message["payload"]["data"]["events"]["cursor"])
    return cursors, client.connection.close_code, client.connection.close_reason or ""


async def test_memory_stays_flat_with_a_hundred_clients_that_stop_reading(tmp_path: Path) -> None:
    """The clients are closed with 4413 and the last cursor they were sent; one that resumes from it gets every event
    once."""
    limits = {"DEALBOARD_SEND_TIMEOUT": str(PATIENCE), "DEALBOARD_MAX_CONNECTIONS_PER_MEMBER": "1000"}
    with serving(tmp_path, **limits) as served:
        process = psutil.Process(served.process.pid)
        async with AsyncClient(timeout=60) as client, AsyncExitStack() as stack:
            asking = Asking(served, client)
            await asking.prepare()
            before = await asking.cursor()
            healthy = [await stack.enter_async_context(subscribed(served, before, another)) for _ in range(2)]
            stuck = [await stack.enter_async_context(subscribed(served, before, narrow)) for _ in range(STUCK)]
            for one in stuck:
                one.connection.transport.pause_reading()
            at_first = most = process.memory_info().rss
            heard: list[list[str]] = [[], []]
            listening = [
                asyncio.create_task(received(*given)) for given in zip(healthy, (EVENTS, EVENTS), heard, strict=True)
            ]
            made = 0
            async with asyncio.timeout(120):
                while await asking.disconnected() < STUCK:  # sending the events may take less time than PATIENCE
                    made += await asking.happen() if made < EVENTS else 0
                    most = max(most, process.memory_info().rss)
            # A closed connection is not kept for ever, so what is left is read at once; no events happen meanwhile, so
            # that this process, busy with a hundred clients, does not starve the others.
            while min(map(len, heard)) < made and not any(task.done() for task in listening):
                await asyncio.wait(listening, timeout=0.05, return_when=asyncio.FIRST_COMPLETED)
            for one in stuck:
                one.connection.transport.resume_reading()
            ends = await asyncio.gather(*map(left, stuck))
            while made < EVENTS:
                made += await asking.happen()
                most = max(most, process.memory_info().rss)
            await asyncio.gather(*listening)
            assert most - at_first < GROWTH
            every = [decode_cursor(cursor)[1] for cursor in heard[0]]
            assert every == list(range(every[0], every[0] + EVENTS))
            assert every[0] == decode_cursor(before)[1] + 1
            assert heard[1] == heard[0]
            for taken, code, reason in ends:
                after = heard[0][len(taken) - 1]
                assert (code, reason) == (4413, f"Too slow: the client read nothing for too long; after={after}")
                assert taken == heard[0][: len(taken)]
            back = await stack.enter_async_context(subscribed(served, after, another))
            await received(back, EVENTS - len(taken), taken)
            assert taken == heard[0]
