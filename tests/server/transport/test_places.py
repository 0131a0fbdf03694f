"""Streams and sockets know their place from their start, so that a client loses nothing that it has not received."""

import signal
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager, suppress
from pathlib import Path
from typing import Any

import httpx2
import orjson
import pytest
from httpx2 import AsyncClient
from websockets.exceptions import ConnectionClosed
from websockets.sync.client import ClientConnection, connect

import server.transport.streams
from engine.live.selection import decode_cursor, encode_cursor
from models import organisation_id
from models.database import Database
from server.app import create_app
from tests.support.servers.served import Served, serving
from tests.support.servers.sockets import Client, opened
from tests.support.servers.sockets import socket as socket_of
from tests.support.servers.stand_in import StandIn, bearer, listening, settings
from tests.support.servers.workers import move
from tests.support.world import World

QUERY = "subscription ($after: String) { stageChanged(after: $after) { lead { id } } }"
LEADS = "subscription { stageChanged { lead { id } } }"


@asynccontextmanager
async def running(database: Database, **given: Any) -> AsyncIterator[int]:
    """The port of an application that hears of the changes of others at once."""
    app = create_app(settings(event_poll_seconds=0.05, overdue_interval=0, **given), database)
    async with listening(app) as port:
        yield port


async def lines(port: int, accept: str = "text/event-stream") -> AsyncIterator[str]:
    """The lines of a stream of moves, in the organisation of `world`."""
    headers = {**bearer(org_id="demo"), "Accept": accept}
    async with (
        AsyncClient(base_url=f"http://127.0.0.1:{port}", headers=headers, timeout=20) as client,
        client.stream("POST", "/graphql", json={"query": LEADS}) as response,
    ):
        async for line in response.aiter_lines():
            yield line


def place(world: World, number: int) -> str:
    return encode_cursor(organisation_id(world.organisation), number)


async def test_a_stream_begins_with_its_place(database: Database, world: World) -> None:
    """Its first bytes have an `id` without data: the present end of the event log."""
    async with running(database) as port:
        found = lines(port)
        first = [await anext(found) for _ in range(5)]
        await found.aclose()
    assert first == [":", "", ":", f"id: {place(world, await world.head())}", ""]


async def test_heartbeats_move_the_place_on(database: Database, world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """Events that the subscription does not select are behind it with the next heartbeat; one that it selects is an
    event, with its cursor."""
    monkeypatch.setattr(server.transport.streams, "HEARTBEAT", 0.05)
    async with running(database) as port:
        found = lines(port)
        while not (line := await anext(found)).startswith("id: "):
            """The stream begins."""
        before = await world.head()
        assert line == f"id: {place(world, before)}"
        await world.change("createTask", {"title": "Call", "dueOn": "2031-01-01", "leadId": world["Ada"]})
        after = await world.head()
        assert after > before
        places = [before]
        async for line in found:
            assert "data" not in line
            if line.startswith("id: "):
                places.append(decode_cursor(line[4:])[1])
            if places[-1] == after:
                break
        assert places == sorted(places)
        await world.change("moveLead", {"leadId": world["Ada"], "stageId": world["Talking"]})
        received = []
        async for line in found:
            received.append(line)
            if line.startswith("data"):
                break
        await found.aclose()
        assert orjson.loads(received[-1][6:]) == {"data": {"stageChanged": {"lead": {"id": world["Ada"]}}}}
        assert after < decode_cursor(received[-3][4:])[1] <= await world.head()


async def subscribed(port: int, client: Client, id_: str) -> Any:
    """The first message of an operation."""
    await client.subscribe(id_, LEADS)
    return await client.take(places=True)


async def test_a_socket_knows_its_place(database: Database, world: World) -> None:
    """`connection_ack` has a cursor before anything is subscribed to; each subscription begins with a ping that has
    its own; a result has it in `extensions`; the reason of the end has it, too."""
    async with running(database) as port, opened(port) as client:
        await client.send(type="connection_init", payload=bearer(org_id="demo"))
        head = place(world, await world.head())
        assert await client.take() == {"type": "connection_ack", "payload": {"cursor": head}}
        assert await subscribed(port, client, "a") == {"type": "ping", "payload": {"cursors": {"a": head}}}
        await world.change("moveLead", {"leadId": world["Ada"], "stageId": world["Talking"]})
        message = await client.take()
        moved = message["payload"]["extensions"]["cursor"]
        assert decode_cursor(head)[1] < decode_cursor(moved)[1] <= await world.head()
        assert message["payload"] == {
            "data": {"stageChanged": {"lead": {"id": world["Ada"]}}},
            "extensions": {"cursor": moved},
        }


async def test_a_socket_is_acknowledged_without_a_database(stand_in: StandIn) -> None:
    """Then without a cursor: what the client sends next is answered with the reason."""
    stand_in.end = ConnectionRefusedError()
    async with socket_of(stand_in) as client:
        await client.send(type="connection_init", payload=bearer())
        assert await client.take() == {"type": "connection_ack"}
        await client.alive()


async def test_pings_move_the_places_on(database: Database, world: World) -> None:
    """Each ping has the cursors of all running subscriptions, by their ids, and only of those."""
    async with running(database, socket_ping_interval=0.05) as port, opened(port) as client:
        await client.send(type="connection_init", payload=bearer(org_id="demo"))
        for id_ in ("a", "b"):
            await client.subscribe(id_, LEADS)
        await world.change("createTask", {"title": "Call", "dueOn": "2031-01-01", "leadId": world["Ada"]})
        head = place(world, await world.head())
        both = {"type": "ping", "payload": {"cursors": {"a": head, "b": head}}}
        while (message := await client.take(places=True)) != both:
            assert message["type"] in ("connection_ack", "ping")
            await client.send(type="pong")
        await client.send(type="complete", id="a")
        while (message := await client.take(places=True)) != {"type": "ping", "payload": {"cursors": {"b": head}}}:
            assert message["type"] == "ping"
            await client.send(type="pong")
        await client.send(type="complete", id="b")
        while await client.take(places=True) != {"type": "ping"}:
            await client.send(type="pong")


@pytest.fixture
def servers(database: Database, tmp_path: Path) -> Iterator[tuple[Served, Served]]:
    """Two servers on one database, with the same tokens."""
    with (
        serving(tmp_path, DEALBOARD_DATABASE_URL=database.url, DEALBOARD_OVERDUE_INTERVAL="0") as first,
        serving(tmp_path, DEALBOARD_DATABASE_URL=database.url, DEALBOARD_OVERDUE_INTERVAL="0") as second,
    ):
        yield first, second


@contextmanager
def events(served: Served, seen: str | None) -> Iterator[Iterator[tuple[str, str | None]]]:
    """The places of a stream, each with the lead of the event there, or None."""

    def found() -> Iterator[tuple[str, str | None]]:
        id_ = ""
        for line in response.iter_lines():
            name, _, value = line.partition(": ")
            if name == "id":
                id_, lead = value, None
            elif name == "data":
                lead = orjson.loads(value)["data"]["stageChanged"]["lead"]["id"]
            elif not line and id_:
                yield id_, lead
                id_ = ""

    headers = {**served.headers, "Accept": "text/event-stream", **({"Last-Event-ID": seen} if seen else {})}
    with httpx2.stream("GET", served.url, params={"query": QUERY}, headers=headers, timeout=20) as response:
        yield found()


@pytest.mark.parametrize("way", [signal.SIGKILL, signal.SIGTERM])
def test_a_stream_that_received_nothing_loses_nothing(servers: tuple[Served, Served], way: signal.Signals) -> None:
    """Its server is killed, or restarted, before any event; what another server changes meanwhile comes once, in order,
    from the place that the stream began with, and then what comes later."""
    first, second = servers
    with events(first, None) as stream:
        seen, nothing = next(stream)
        assert nothing is None
        first.process.send_signal(way)
        first.process.wait(60)
    leads = [move(second) for _ in range(3)]
    with events(second, seen) as stream:
        assert next(stream) == (seen, None)
        moves = (event for event in stream if event[1] is not None)  # beside them there may be heartbeats
        found = [next(moves) for _ in range(3)]
        assert [lead for _, lead in found] == leads
        later = move(second)
        assert next(moves)[1] == later
    with events(second, found[-1][0]) as stream:
        assert next(event for event in stream if event[1] is not None)[1] == later


@contextmanager
def socket(served: Served) -> Iterator[tuple[ClientConnection, str]]:
    """A socket, and the cursor of its `connection_ack`."""
    with connect(served.url.replace("http", "ws", 1), subprotocols=["graphql-transport-ws"]) as connection:  # type: ignore[list-item]
        connection.send(orjson.dumps({"type": "connection_init", "payload": served.headers}), text=True)
        yield connection, orjson.loads(connection.recv(20))["payload"]["cursor"]


def subscribe(connection: ClientConnection, after: str | None) -> str:
    """Subscribe to moves; returns the place where the subscription begins."""
    payload = {"query": QUERY, "variables": {"after": after}} if after else {"query": LEADS}
    connection.send(orjson.dumps({"id": "1", "type": "subscribe", "payload": payload}), text=True)
    began: str = orjson.loads(connection.recv(20))["payload"]["cursors"]["1"]
    return began


@pytest.mark.parametrize("begun", [True, False])
def test_a_socket_that_received_nothing_loses_nothing(servers: tuple[Served, Served], begun: bool) -> None:
    """As a stream, from the place of its subscription, or from that of `connection_ack` if it had not begun."""
    first, second = servers
    with socket(first) as (connection, after):
        if begun:
            after = subscribe(connection, None)
        first.process.kill()
        first.process.wait(60)
    leads = [move(second) for _ in range(3)]
    with socket(second) as (connection, _):
        assert subscribe(connection, after) == after
        leads.append(move(second))
        found = []
        while len(found) < 4:
            message = orjson.loads(connection.recv(20))
            if message["type"] == "next":
                found.append(message["payload"]["data"]["stageChanged"]["lead"]["id"])
        assert found == leads


def test_a_restart_names_the_place_of_a_quiet_socket(servers: tuple[Served, Served]) -> None:
    """The reason of 1012 ends with a cursor, though the socket received no event."""
    first, _ = servers
    with socket(first) as (connection, _):
        after = subscribe(connection, None)
        first.process.send_signal(signal.SIGTERM)
        with suppress(ConnectionClosed):
            while True:
                connection.recv(20)
        assert (connection.close_code, connection.close_reason) == (1012, f"Service restart: reconnect; after={after}")
