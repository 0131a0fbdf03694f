"""`python -m bench.sending`: how fast events are sent to webhooks, beside the bare HTTP client in the same run.

Receivers are a process of their own, on loopback; they, PostgreSQL and the process that sends share the processors of
this machine, so results are ratios to a loop that posts the same bytes to the same receivers.
"""

import asyncio
import os
import sys
import time
from collections import Counter
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from functools import partial
from ipaddress import ip_network
from statistics import median
from typing import Annotated, Any
from urllib.parse import urlsplit, urlunsplit

import asyncpg
import orjson
import psutil
import typer
import uvloop
from rich.console import Console

from bench.__main__ import postgres
from engine.caller import Caller
from engine.change.events import Cause, append
from engine.documents import Documents
from engine.engine import Engine
from engine.limits import Limits
from engine.live.feed import Feed
from engine.outgoing.http import GuardedHttp
from engine.outgoing.outlet import Outlet
from engine.outgoing.sealed import Sealer
from engine.outgoing.target import Guard
from engine.plan_cache import Plans
from models.database import Database
from models.event_types import EventType, Plain
from models.migrate import migrate
from models.rules.roles import Role
from models.tables.base import new_id, organisation_id
from models.tables.event import NewEvent
from resolvers.domain import CRM
from resolvers.reactions.webhooks.delivering import delivering
from schema.api import graphql_schema

DATABASE = "dealboard_sending"
GUARD = Guard(plain=True, ports=range(1, 65536), networks=[ip_network("127.0.0.0/8")])
SEALER = Sealer([bytes(range(32))])
ENDPOINTS = 20
OF_ONE = 50
"""Webhooks of an organisation, at most."""
AT_ONCE = 64
"""Requests of the bare loop at the same time, as many as a process sends."""
BODY = orjson.dumps({"type": "lead.moved", "data": {"id": "x" * 40}, "cursor": "x" * 32, "organisation": "sending-0"})
REPLY = b"HTTP/1.1 204 No Content\r\n\r\n"
CREATE = "mutation($i: CreateWebhookInput!) { createWebhook(input: $i) { webhook { id } userErrors { message } } }"

console = Console(width=None if sys.stdout.isatty() else 120)


async def receive(count: int, hanging: bool) -> None:
    """Take requests on so many ports until the input ends; on the first, never answer, if it is `hanging`."""

    async def serve(answers: bool, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while True:
                head = await reader.readuntil(b"\r\n\r\n")
                await reader.readexactly(int(head.lower().partition(b"content-length: ")[2].split(b"\r\n")[0] or 0))
                if answers:
                    writer.write(REPLY)
        except (OSError, asyncio.IncompleteReadError):
            writer.close()

    serves = [partial(serve, nth > 0 or not hanging) for nth in range(count)]
    servers = [await asyncio.start_server(one, "127.0.0.1", 0) for one in serves]
    print(*(server.sockets[0].getsockname()[1] for server in servers), flush=True)
    await asyncio.to_thread(sys.stdin.read)


@asynccontextmanager
async def receivers(count: int, *, hanging: bool = False) -> AsyncIterator[list[str]]:
    """The URLs of receivers in another process."""
    command = [sys.executable, "-m", "bench.sending", "--receive", str(count), *(["--hanging"] if hanging else [])]
    pipe = asyncio.subprocess.PIPE
    process = await asyncio.create_subprocess_exec(*command, stdin=pipe, stdout=pipe)
    assert process.stdout is not None
    try:
        yield [f"http://127.0.0.1:{port.decode()}/hook" for port in (await process.stdout.readline()).split()]
    finally:
        process.terminate()
        await process.wait()


@dataclass
class Seen:
    """The requests that were made: how they ended, when each began, and when the last one ended."""

    outcomes: Counter[str] = field(default_factory=Counter)
    begun: list[float] = field(default_factory=list)
    ended: float = 0.0

    def __call__(self, outcome: str, seconds: float) -> None:
        """Observe a request."""
        self.ended = time.monotonic()
        self.outcomes[outcome] += 1
        self.begun.append(self.ended - seconds)

    async def until(self, delivered: int) -> None:
        """Wait until so many were delivered."""
        while self.outcomes["delivered"] < delivered:  # noqa: ASYNC110
            await asyncio.sleep(0.005)


@dataclass
class Bench:
    """An engine over an empty database, and the organisations of its webhooks."""

    engine: Engine
    database: Database

    async def webhooks(self, urls: Sequence[str], count: int) -> None:
        """Nothing but so many webhooks, 50 of an organisation."""
        await self.database.pool.execute("DELETE FROM webhook")
        prepared = self.engine.documents.prepare(CREATE)
        for nth in range(count):
            given = {"url": urls[nth % len(urls)], "types": ["LEAD_MOVED"], "selection": "{ id }"}
            caller = Caller(f"sending-{nth // OF_ONE}", "bench", Role.ADMIN)
            answer = orjson.loads((await self.engine.execute(prepared, {"i": given}, caller)).body)
            assert answer["data"]["createWebhook"]["webhook"], answer

    async def move(self, count: int, nth: int = 0) -> float:
        """So many events of an organisation, of as many leads; returns the instant of the commit."""
        org_id = organisation_id(f"sending-{nth}")
        async with self.database.transaction(60) as connection:
            events = [NewEvent(Plain(EventType.LEAD_MOVED), lead_id=new_id()) for _ in range(count)]
            await append(connection, org_id, events, Cause())
        at = time.monotonic()
        await self.engine.feed.wake(org_id)
        return at

    @asynccontextmanager
    async def sending(self) -> AsyncIterator[Seen]:
        """A process that sends: this one."""
        seen = Seen()
        async with (
            GuardedHttp.open(GUARD, deadline=15) as http,
            delivering(self.engine, http, SEALER, 1.0, seen) as running,
        ):
            assert running is not None
            yield seen

    async def rate(self, urls: Sequence[str], events: int, answering: int = ENDPOINTS) -> float:
        """Requests a second, from the commit of the events to the last that is answered."""
        await self.webhooks(urls, len(urls))
        async with self.sending() as seen:
            await self.move(1)
            await seen.until(answering)
            seen.outcomes.clear()
            began = await self.move(events)
            await seen.until(events * answering)
            return events * answering / (seen.ended - began)

    async def latency(self, urls: Sequence[str]) -> float:
        """Milliseconds from a commit to the beginning of the request, half the time."""
        await self.webhooks(urls[:1], 1)
        times = []
        async with self.sending() as seen:
            for nth in range(101):
                at = await self.move(1)
                await seen.until(nth + 1)
                times.append(1000 * (seen.begun[-1] - at))
        return median(times[1:])

    async def memory(self, urls: Sequence[str], count: int) -> float:
        """MB by which this process is larger when it holds so many webhooks and has sent to each."""
        await self.webhooks(urls, count)
        process = psutil.Process()
        before: int = process.memory_info().rss
        async with self.sending() as seen:
            for nth in range(-(-count // OF_ONE)):
                await self.move(1, nth)
            await seen.until(count)
            after: int = process.memory_info().rss
        return (after - before) / 1e6


async def bare(urls: Sequence[str], count: int) -> float:
    """Requests a second of the client alone."""
    left = iter(range(count))
    async with GuardedHttp.open(GUARD) as http:

        async def post() -> None:
            for nth in left:
                await http.post(urls[nth % len(urls)], {"content-type": "application/json"}, BODY)

        began = time.monotonic()
        await asyncio.gather(*(post() for _ in range(AT_ONCE)))
        return count / (time.monotonic() - began)


@asynccontextmanager
async def opened(server_url: str) -> AsyncIterator[Bench]:
    """An empty database, and an engine over it."""
    connection = await asyncpg.connect(server_url)
    await connection.execute(f"DROP DATABASE IF EXISTS {DATABASE} WITH (FORCE)")
    await connection.execute(f"CREATE DATABASE {DATABASE}")
    await connection.close()
    url = urlunsplit(urlsplit(server_url)._replace(path=f"/{DATABASE}"))
    await migrate(url)
    documents = Documents(graphql_schema, Limits())
    domain: Any = replace(CRM, outlet=Outlet(GUARD, SEALER))
    async with Database.open(url, max_size=10) as database, Feed.open(database, domain, 1.0) as feed:
        yield Bench(
            Engine(graphql_schema, database, documents, feed, Plans(graphql_schema, documents.limits)), database
        )


async def measure(server_url: str, events: int, most: int) -> None:
    """Measure, and print each row as it is found."""
    async with opened(server_url) as bench:
        async with receivers(ENDPOINTS) as urls:
            alone = [await bare(urls, events * ENDPOINTS)]
            sent = await bench.rate(urls, events)
            alone.append(await bare(urls, events * ENDPOINTS))
            client = sum(alone) / 2
            shown(
                f"{ENDPOINTS} webhooks, {events} events",
                f"{sent:,.0f} requests a second",
                f"{sent / client:.2f} of the bare client's",
            )
            shown("the bare client", f"{client:,.0f} requests a second", "")
            shown("commit to request, p50", f"{await bench.latency(urls):.1f} ms", "")
        async with receivers(ENDPOINTS, hanging=True) as urls:
            others = await bench.rate(urls, events, ENDPOINTS - 1)
            shown("the others beside one that hangs", f"{others:,.0f} requests a second", f"{others / sent:.2f} of all")
        if most:
            async with receivers(ENDPOINTS) as urls:
                shown(f"{most:,} webhooks", f"{await bench.memory(urls, most):.1f} MB more", "")


def shown(*cells: str) -> None:
    """Print a row, with the load of the machine."""
    console.print(*filter(None, cells), f"(load {os.getloadavg()[0]:.1f})", sep=" · ")


def main(
    events: Annotated[int, typer.Option(min=10, help="Events that are sent to each of 20 webhooks.")] = 200,
    most: Annotated[int, typer.Option(min=0, help="Webhooks whose memory is measured.")] = 1_000,
    receive_on: Annotated[int, typer.Option("--receive", hidden=True)] = 0,
    hanging: Annotated[bool, typer.Option("--hanging", hidden=True)] = False,
) -> None:
    """Measure how events are sent to webhooks."""
    if receive_on:
        uvloop.run(receive(receive_on, hanging))
        return
    with postgres() as url:
        uvloop.run(measure(url, events, most))


if __name__ == "__main__":
    typer.run(main)
