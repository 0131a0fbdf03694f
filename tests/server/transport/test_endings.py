"""What ends a socket or a stream from outside: a client that does not read, limits, and a server that stops."""

import asyncio
import signal
from collections.abc import AsyncIterator, Iterator
from contextlib import ExitStack, asynccontextmanager
from pathlib import Path
from typing import Any

import httpx2
import orjson
import pytest
from websockets.exceptions import ConnectionClosed

from models.database import Database
from tests.support.servers.process import ask
from tests.support.servers.served import serving
from tests.support.servers.slow_clients import another, narrow
from tests.support.servers.sockets import socket
from tests.support.servers.stand_in import StandIn, application, bearer, listening
from tests.support.servers.workers import heard, move, subscribed

ENDLESS = {"to": 10_000_000, "width": 4096}
"""More and larger events than any buffer between server and client holds."""


async def test_a_client_that_stops_reading(stand_in: StandIn) -> None:
    """The client's subscription ends, and it is closed with 4413; another socket is not affected."""
    app = application(stand_in, send_timeout=0.2, max_messages_per_second=100_000)
    async with listening(app) as port, narrow(port) as stuck, another(port) as other:
        await stuck.init()
        await stuck.subscribe("a", "subscription($to: Int!) { count(to: $to) }", variables=ENDLESS)
        stuck.connection.transport.pause_reading()
        await other.init()
        async with asyncio.timeout(60):
            while not stand_in.finished:
                await other.alive()
        assert stand_in.counted < ENDLESS["to"] / 1000
        stuck.connection.transport.resume_reading()
        assert await stuck.closed() == (4413, "Too slow: the client read nothing for too long")
        await other.alive()


async def test_a_client_that_leaves_and_does_not_read(stand_in: StandIn) -> None:
    """The client's close frame is read while messages to it still wait, and the server then stops in order."""
    app = application(stand_in, send_timeout=60)
    async with listening(app) as port, narrow(port) as stuck, another(port) as other:
        await stuck.init()
        await other.init()
        await stuck.subscribe("a", "subscription($to: Int!) { count(to: $to) }", variables=ENDLESS)
        await stuck.take()
        stuck.connection.transport.pause_reading()
        stuck.connection.protocol.send_close(1000)
        stuck.connection.transport.writelines(stuck.connection.protocol.data_to_send())
        async with asyncio.timeout(60):
            while not stand_in.finished:
                await other.alive()
        await asyncio.wait_for(app.service.connections.drain(), 60)
        stuck.connection.transport.abort()


async def test_connections_of_a_member_are_limited(stand_in: StandIn) -> None:
    """One too many is closed with 4430, and the earlier one stays."""
    app = application(stand_in, max_connections_per_member=1)
    async with listening(app) as port, another(port) as first, another(port) as second:
        await first.init()
        await second.send(type="connection_init", payload=bearer())
        assert await second.closed() == (4430, "Too many connections: a member has at most 1")
        await first.alive()


@asynccontextmanager
async def streaming(port: int, query: str) -> AsyncIterator[httpx2.Response]:
    """A stream of Server-Sent Events that has begun, or was refused; its client accepts nothing else."""
    headers = {**bearer(), "Accept": "text/event-stream"}
    async with (
        httpx2.AsyncClient(base_url=f"http://127.0.0.1:{port}", headers=headers, timeout=20) as client,
        client.stream("POST", "/graphql", json={"query": query}) as response,
    ):
        yield response


async def test_streams_of_a_member_are_limited(stand_in: StandIn) -> None:
    """One too many is refused with 429; sockets count as well; one that ends makes room for another."""
    app = application(stand_in, max_connections_per_member=2)
    follow = "subscription { follow }"
    async with listening(app) as port, another(port) as socket:
        await socket.init()
        async with streaming(port, follow) as first, streaming(port, follow) as refused:
            assert (first.status_code, refused.status_code) == (200, 429)
            (error,) = orjson.loads(await refused.aread())["errors"]
            assert error["extensions"] == {"code": "RATE_LIMITED", "limit": 2}
            assert refused.headers["retry-after"] == "5"
        async with asyncio.timeout(20):
            while len(app.service.connections) > 1:
                await socket.alive()
        async with streaming(port, follow) as next_one:
            assert next_one.status_code == 200
        assert len(stand_in.finished) == 1


async def test_a_drain_ends_streams_so_that_they_come_back(stand_in: StandIn) -> None:
    """A comment says why, and no `complete` follows, after which a client would not reconnect; all resources are
    released."""
    app = application(stand_in)
    async with listening(app) as port, streaming(port, "subscription { follow }") as response:
        lines = response.aiter_lines()
        while not (await anext(lines)).startswith("data:"):
            """The stream has begun."""
        await asyncio.wait_for(app.service.connections.drain(), 20)
        assert [line async for line in lines] == ["", ": Service restart: reconnect", ""]
        assert stand_in.finished == ["subscription"]
        assert len(app.service.connections) == 0


async def test_a_stream_whose_client_stops_reading_is_cut(stand_in: StandIn) -> None:
    """Rendering stops once the buffers are full; then the stream is cut, and its subscription ends."""
    app = application(stand_in, send_timeout=0.2, max_messages_per_second=100_000)
    query = "subscription($to: Int!) { count(to: $to) }"
    body = orjson.dumps({"query": query, "variables": ENDLESS})
    head = "".join(f"{name}: {value}\r\n" for name, value in {**bearer(), "Accept": "text/event-stream"}.items())
    head = f"POST /graphql HTTP/1.1\r\nHost: x\r\n{head}Content-Type: application/json\r\nContent-Length: {len(body)}"
    async with listening(app) as port, another(port) as other:
        await other.init()
        _, writer = await asyncio.open_connection("127.0.0.1", port, limit=1)
        writer.write(head.encode() + b"\r\n\r\n" + body)
        async with asyncio.timeout(60):
            while not stand_in.finished or len(app.service.connections) > 1:
                await other.alive()
        assert stand_in.counted < ENDLESS["to"] / 100
        writer.transport.abort()


async def test_messages_in_a_second_are_limited(stand_in: StandIn) -> None:
    """A client that exceeds the limit is closed with 4431."""
    async with socket(stand_in, max_messages_per_second=20) as client:
        await client.init()
        for _ in range(60):
            try:
                await client.send(type="ping")
            except ConnectionClosed:
                break
        assert await client.closed() == (4431, "Too many messages: send at most 20 a second")


async def test_a_drain_waits_for_a_change(stand_in: StandIn) -> None:
    """A running mutation is answered before its socket is closed with 1012."""
    app = application(stand_in)
    async with listening(app) as port, another(port) as client:
        await client.init()
        await client.subscribe("m", "mutation { held }")
        await stand_in.begun.wait()
        draining = asyncio.create_task(app.service.connections.drain())
        stand_in.release.set()
        assert (await client.take())["payload"] == {"data": {"held": 1}}
        assert await client.closed() == (1012, "Service restart: reconnect")
        await asyncio.wait_for(draining, 20)


def test_a_stream_over_the_end_of_its_server(tmp_path: Path) -> None:
    """SIGTERM ends it with a comment and no `complete`; `Last-Event-ID` resumes after the last event it sent."""
    query = "subscription ($after: String) { stageChanged(after: $after) { lead { id } } }"
    with serving(tmp_path) as served:
        start: Any = ask(served.url, served.headers, "{ cursor }")["data"]
        leads = [move(served) for _ in range(2)]
        asked = {"query": query, "variables": orjson.dumps({"after": start["cursor"]}).decode()}

        def events(seen: str | None, count: int) -> tuple[list[str], list[str], Iterator[str]]:
            """The ids and the leads of the first events, and the lines that follow."""
            headers = {**served.headers, "Accept": "text/event-stream", **({"Last-Event-ID": seen} if seen else {})}
            response = stack.enter_context(httpx2.stream("GET", served.url, params=asked, headers=headers, timeout=20))
            lines = response.iter_lines()
            ids, found, last = [], [], ""
            while len(found) < count:
                name, _, value = next(lines).partition(": ")
                if name == "id":
                    last = value
                elif name == "data":
                    ids.append(last)
                    found.append(orjson.loads(value)["data"]["stageChanged"]["lead"]["id"])
            return ids, found, lines

        with ExitStack() as stack:
            ids, found, rest = events(None, 2)
            assert found == leads
            assert events(ids[0], 1)[:2] == (ids[1:], leads[1:])
            served.process.send_signal(signal.SIGTERM)
            assert list(rest) == ["", ": Service restart: reconnect", ""]
        assert served.process.wait(60) == 0


def test_a_server_that_stops(tmp_path: Path) -> None:
    """A ready server that gets SIGTERM closes sockets with 1012 and the last cursor they were sent, and ends."""
    with serving(tmp_path) as served, subscribed(served) as socket:
        base = served.url.removesuffix("/graphql")
        assert httpx2.get(f"{base}/healthz", timeout=20).json() == {"alive": True}
        ready = httpx2.get(f"{base}/readyz", timeout=20)
        works = {"database": True, "migrations": True, "wakeups": True, "serving": True}
        assert (ready.status_code, ready.json()) == (200, works)
        lead = move(served)
        assert heard(socket) == lead
        served.process.send_signal(signal.SIGTERM)
        with pytest.raises(ConnectionClosed) as closed:
            socket.recv(60)
        assert closed.value.rcvd is not None
        assert closed.value.rcvd.code == 1012
        assert closed.value.rcvd.reason.startswith("Service restart: reconnect; after=")
        assert served.process.wait(60) == 0


async def test_a_server_whose_database_does_not_answer_stops_in_time(database: Database, tmp_path: Path) -> None:
    """Waiting operations get an error, over HTTP and on a socket, and the process ends all the same."""
    asked = {
        "query": 'mutation { createPipeline(input: {name: "Held", stages: [{name: "New"}]}) { pipeline { name } } }'
    }
    environment = {"DEALBOARD_DATABASE_URL": database.url, "DEALBOARD_SHUTDOWN_TIMEOUT": "6"}
    with serving(tmp_path, **environment) as served:
        port = httpx2.URL(served.url).port
        assert port is not None
        async with (
            httpx2.AsyncClient(headers=served.headers, timeout=30) as http,
            another(port) as client,
            database.acquire() as connection,
            connection.transaction(),
        ):
            await client.init(**served.headers)
            await connection.execute("LOCK TABLE pipeline IN EXCLUSIVE MODE")
            change = asyncio.create_task(http.post(served.url, json=asked))
            await client.subscribe("m", asked["query"])
            while await database.pool.fetchval("SELECT count(*) FROM pg_locks WHERE NOT granted") < 2:
                """Both are waiting."""
            served.process.send_signal(signal.SIGTERM)
            answer = await change
            refused = (await client.take())["payload"]
            assert await client.closed() == (1012, "Service restart: reconnect")
            assert await asyncio.to_thread(served.process.wait, 60) == 0
    assert (answer.status_code, answer.json()) == (200, refused)
    assert [error["extensions"]["code"] for error in refused["errors"]] == ["SERVICE_UNAVAILABLE"]
