"""Clients of the WebSocket transport, on a stand-in engine."""

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from typing import Any

from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed
from websockets.typing import Subprotocol

from tests.support.servers.stand_in import StandIn, application, listening, token

PROTOCOL = Subprotocol("graphql-transport-ws")


class Client:
    """A socket that sends and receives objects."""

    def __init__(self, connection: ClientConnection) -> None:
        self.connection = connection

    async def send(self, **message: Any) -> None:
        await self.connection.send(json.dumps(message))

    async def raw(self, message: str | bytes) -> None:
        await self.connection.send(message)

    async def take(self, *, places: bool = False) -> Any:
        """The next message; pings that carry places only when they are asked for."""
        while True:
            text = await asyncio.wait_for(self.connection.recv(), 20)
            assert isinstance(text, str), "messages are text frames"
            message = json.loads(text)
            if places or message["type"] != "ping" or "payload" not in message:
                return message

    async def init(self, **payload: Any) -> None:
        await self.send(type="connection_init", payload=payload or {"Authorization": f"Bearer {token()}"})
        assert (await self.take())["type"] == "connection_ack"

    async def subscribe(self, id_: str, query: str, **payload: Any) -> None:
        await self.send(id=id_, type="subscribe", payload={"query": query, **payload})

    async def closed(self) -> tuple[int | None, str | None]:
        """How the server closes the connection; messages before that are skipped."""
        with suppress(ConnectionClosed):
            while True:
                await asyncio.wait_for(self.connection.recv(), 20)
        return self.connection.close_code, self.connection.close_reason

    async def alive(self) -> None:
        """Assert that the connection still answers."""
        await self.send(type="ping")
        while (await self.take())["type"] != "pong":
            pass


@asynccontextmanager
async def opened(port: int, subprotocols: Any = (PROTOCOL,), **headers: str) -> AsyncIterator[Client]:
    """One socket to a port of this machine."""
    url, given = f"ws://127.0.0.1:{port}/graphql", {"subprotocols": subprotocols, "additional_headers": headers}
    async with connect(url, max_size=None, **given) as connection:
        yield Client(connection)


@asynccontextmanager
async def socket(engine: StandIn, subprotocols: Any = (PROTOCOL,), **settings: Any) -> AsyncIterator[Client]:
    """One socket to an application with these settings."""
    async with listening(application(engine, **settings)) as port, opened(port, subprotocols) as client:
        yield client
