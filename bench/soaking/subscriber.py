"""A subscriber that resumes after its last cursor whenever its socket is lost."""

import asyncio
import random
from base64 import b64decode
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any

import orjson
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import WebSocketException

from bench.soaking.house import HEADERS

EVERYTHING = "subscription ($after: String) { events(after: $after) { cursor type } }"
STAGES = "subscription ($after: String) { stageChanged(after: $after) { cursor lead { id } toStage { id } } }"

EXPECTED = {None, 1001, 1006, 1012, 1013, 4408}
"""Codes with which a connection may end when servers and PostgreSQL come and go; any other one is a fault."""


@dataclass
class Subscriber:
    """One client with one subscription: the numbers of all events that it received, in order of arrival, and the
    content of each."""

    urls: Callable[[], Sequence[str]]
    query: str
    after: str
    numbers: list[int] = field(default_factory=list)
    received: dict[int, Any] = field(default_factory=dict)
    reconnects: int = -1
    failures: list[Any] = field(default_factory=list)
    socket: ClientConnection | None = None
    came: asyncio.Event = field(default_factory=asyncio.Event)

    async def run(self) -> None:
        """Listen until cancelled."""
        while True:
            with suppress(OSError, WebSocketException, TimeoutError):
                url = random.choice(self.urls()).replace("http", "ws", 1)
                async with connect(url, subprotocols=["graphql-transport-ws"], open_timeout=5) as self.socket:  # type: ignore[list-item]
                    try:
                        await self._listen(self.socket)
                    finally:
                        if self.socket.close_code not in EXPECTED:
                            self.failures.append((self.socket.close_code, self.socket.close_reason))
            self.socket = None
            await asyncio.sleep(0.05 + 0.2 * random.random())

    async def _listen(self, socket: ClientConnection) -> None:
        await socket.send(orjson.dumps({"type": "connection_init", "payload": HEADERS}), text=True)
        async for text in socket:
            message = orjson.loads(text)
            match message["type"]:
                case "connection_ack":
                    self.reconnects += 1
                    payload = {"query": self.query, "variables": {"after": self.after}}
                    await socket.send(orjson.dumps({"id": "1", "type": "subscribe", "payload": payload}), text=True)
                case "ping":
                    await socket.send('{"type":"pong"}')
                case "next" if message["payload"].get("data"):
                    (event,) = message["payload"]["data"].values()
                    self.after = event.pop("cursor")
                    self.numbers.append(int.from_bytes(b64decode(self.after)[16:]))
                    self.received[self.numbers[-1]] = event
                    self.came.set()
                case _:
                    self.failures.append(message)
                    return

    def cut(self) -> None:
        """Break its connection without a close frame."""
        if self.socket is not None:
            self.socket.transport.abort()
