"""A client that disconnects before its answer: what a query runs is cancelled, and a mutation runs to its end."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from functools import partial

import orjson
import pytest

from models.database import Database
from server.app import create_app
from server.observe.metrics import OTHERS
from server.transport import watched
from tests.support.servers.slow_clients import another
from tests.support.servers.stand_in import StandIn, application, bearer, listening, settings

WAITING = "SELECT count(*) FROM pg_locks WHERE NOT granted"


def request(query: str, accept: str = "application/json") -> bytes:
    """A complete request, as it is sent."""
    body = orjson.dumps({"query": query})
    headers = {**bearer(role="admin"), "Host": "x", "Accept": accept, "Content-Type": "application/json"}
    lines = [f"{name}: {value}\r\n" for name, value in headers.items()]
    return f"POST /graphql HTTP/1.1\r\n{''.join(lines)}Content-Length: {len(body)}\r\n\r\n".encode() + body


@asynccontextmanager
async def sent(port: int, content: bytes) -> AsyncIterator[asyncio.StreamReader]:
    """A connection on which this was sent; cut at the end."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    writer.write(content)
    try:
        yield reader
    finally:
        writer.transport.abort()


async def until(port: int, condition: Callable[[], bool]) -> None:
    """Wait for a condition, while the server answers a socket."""
    async with another(port) as other:
        await other.init()
        while not condition():
            await other.alive()


@pytest.mark.parametrize("accept", ["application/json", "text/event-stream"])
@pytest.mark.parametrize("more", [b"", request("{ hello }")], ids=["alone", "pipelined"])
async def test_a_query_is_cancelled(stand_in: StandIn, accept: str, more: bytes) -> None:
    """What runs for it ends, also when the client has sent another request behind it."""
    app = application(stand_in, max_messages_per_second=100_000)
    async with listening(app) as port, asyncio.timeout(30):
        async with sent(port, request("{ held }", accept) + more):
            await stand_in.begun.wait()
        await until(port, lambda: bool(stand_in.finished))
    assert stand_in.finished == ["cancelled"]


async def test_a_cancelled_query_is_counted(stand_in: StandIn) -> None:
    """The call ends with the code CANCELLED, and no answer is sent."""
    app = application(stand_in, max_messages_per_second=100_000)
    metrics = app.service.calls.metrics
    async with listening(app) as port, asyncio.timeout(30):
        async with sent(port, request("query Slow { held }")):
            await stand_in.begun.wait()
        labels = {"operation": OTHERS, "kind": "query", "code": "CANCELLED"}  # only what succeeds has its name
        counted = partial(metrics.registry.get_sample_value, "dealboard_operations_total", labels)
        await until(port, lambda: counted() == 1)


async def test_a_query_whose_client_stays_is_answered(stand_in: StandIn, monkeypatch: pytest.MonkeyPatch) -> None:
    """A query that runs so long that its client is watched gets its answer, and so does the next one."""
    app = application(stand_in, max_messages_per_second=100_000)
    monkeypatch.setattr(watched, "WATCH_AFTER", 0)
    async with listening(app) as port, asyncio.timeout(30), sent(port, request("{ held }") * 2) as reader:
        await until(port, lambda: any("disconnected" in str(task.get_coro()) for task in asyncio.all_tasks()))
        stand_in.release.set()
        for _ in range(2):
            assert b"200 OK" in await reader.readuntil(b"\r\n\r\n")
            assert b'"held":1' in await reader.readuntil(b"}}")
    assert stand_in.finished == ["held", "held"]


async def test_a_mutation_runs_to_its_end(stand_in: StandIn) -> None:
    """Half of a change is of no use: a client that disconnects changes nothing about it."""
    app = application(stand_in, max_messages_per_second=100_000)
    async with listening(app) as port, asyncio.timeout(30):
        async with sent(port, request("mutation { held }")):
            await stand_in.begun.wait()
        async with sent(port, request("{ hello }")) as reader:
            assert b"Hello" in await reader.readuntil(b"}}")
        stand_in.release.set()
        await until(port, lambda: bool(stand_in.finished))
    assert stand_in.finished == ["held"]


async def test_the_statement_of_a_cancelled_query_ends(database: Database) -> None:
    """PostgreSQL stops the statement, and the connection serves others."""
    app = create_app(settings(overdue_interval=0), database)
    async with app.router.lifespan_context(app), listening(app) as port, asyncio.timeout(60):
        async with sent(port, request("{ cursor }")) as reader:
            await reader.readuntil(b"}}")  # the caller is known from here on
        async with database.acquire() as holder, holder.transaction():
            await holder.execute("LOCK TABLE pipeline IN ACCESS EXCLUSIVE MODE")
            async with sent(port, request("{ pipelines { id } }")):
                while not await database.pool.fetchval(WAITING):
                    """Until the statement runs."""
            while await database.pool.fetchval(WAITING):
                """Until it does not run any more."""
        async with sent(port, request("{ pipelines { id } }")) as reader:
            assert b'"pipelines":[]' in await reader.readuntil(b"}}")
