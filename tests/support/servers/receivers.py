"""Servers on loopback that receive webhooks, and the settings with which they may be sent to."""

import asyncio
import ssl
import time
from base64 import b64encode
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from ipaddress import ip_network
from typing import Any

import orjson

from engine.documents import Documents
from engine.outgoing.outlet import Outlet
from engine.outgoing.sealed import Sealer
from engine.outgoing.target import Guard

GUARD = Guard(plain=True, ports=range(1, 65536), networks=[ip_network("127.0.0.0/8")])
"""Tests send to this machine alone, to any port, without TLS."""

KEY = bytes(range(32))

SEALER = Sealer([KEY])

SENDING = {
    "DEALBOARD_SECRETS_KEY": b64encode(KEY).decode(),
    "DEALBOARD_OUTGOING_PLAIN_HTTP": "true",
    "DEALBOARD_OUTGOING_NETWORKS": "127.0.0.0/8",
}
"""The same for a server that is started, but for the ports."""


def outlet(documents: Documents) -> Outlet:
    """What changes of webhooks are checked by."""
    return Outlet(GUARD, SEALER, check=lambda text: documents.prepare(text) and None)


@dataclass
class Peer:
    """A server that answers every request with the same bytes."""

    url: str = ""
    port: int = 0
    connections: int = 0
    requests: list[tuple[bytes, bytes]] = field(default_factory=list)
    closed: asyncio.Event = field(default_factory=asyncio.Event)


@asynccontextmanager
async def peer(
    reply: bytes | None,
    host: str = "127.0.0.1",
    port: int = 0,
    *,
    closes: bool | None = None,
    every: float = 0,
    tls: ssl.SSLContext | None = None,
) -> AsyncIterator[Peer]:
    """A server on loopback that answers with these bytes, or never; one each so many seconds, if `every` is given. It
    `closes` the connection after its answer, or not; by default, if the answer says so."""
    found = Peer()
    done = asyncio.Event()

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        found.connections += 1
        with suppress(OSError, asyncio.IncompleteReadError):
            while True:
                head = await reader.readuntil(b"\r\n\r\n")
                length = int(head.lower().partition(b"content-length: ")[2].split(b"\r\n")[0] or 0)
                found.requests.append((head, await reader.readexactly(length)))
                if reply is None:
                    await done.wait()
                elif every:
                    for byte in reply:
                        writer.write(bytes([byte]))
                        await writer.drain()
                        await asyncio.sleep(every)
                else:
                    writer.write(reply)
                    await writer.drain()
                if closes or (closes is None and b"Connection: close" in (reply or b"")):
                    break
        found.closed.set()
        writer.close()

    server = await asyncio.start_server(serve, host, port, ssl=tls)
    found.port = server.sockets[0].getsockname()[1]
    found.url = f"http://{host}:{found.port}"
    try:
        yield found
    finally:
        done.set()
        server.close()


@dataclass
class Delivered:
    """A request that a receiver got."""

    headers: dict[str, str]
    raw: bytes
    at: float

    @property
    def body(self) -> Any:
        """Its body as JSON."""
        return orjson.loads(self.raw)

    @property
    def id(self) -> str:
        """The id by which repeated requests are recognised."""
        return self.headers["webhook-id"]


Decide = Callable[[Delivered], Awaitable[int | str | None]]
"""Answers a request: with a status, and perhaps headers after it; or None, to drop the connection without an answer."""


async def accept(request: Delivered) -> int:
    """Take every request."""
    return 204


@dataclass
class Receiver:
    """An endpoint of the tests: verifies each request with its secrets, and answers as the test decides."""

    port: int = 0
    decide: Decide = accept
    verify: Callable[[Delivered], None] = lambda request: None
    requests: list[Delivered] = field(default_factory=list)
    unverified: list[Exception] = field(default_factory=list)
    news: asyncio.Condition = field(default_factory=asyncio.Condition)

    @property
    def url(self) -> str:
        """Where it listens."""
        return f"http://127.0.0.1:{self.port}/hook"

    @property
    def types(self) -> list[str]:
        """The types of what it got."""
        return [request.body["type"] for request in self.requests]

    async def until(self, holds: Callable[["Receiver"], bool]) -> None:
        """Wait until something holds after a request."""
        async with asyncio.timeout(60), self.news:
            await self.news.wait_for(lambda: holds(self))

    async def got(self, count: int) -> list[Delivered]:
        """The requests, once there are so many."""
        await self.until(lambda receiver: len(receiver.requests) >= count)
        return self.requests

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Answer the requests of one connection."""
        with suppress(OSError, asyncio.IncompleteReadError):
            while await self._answer(reader, writer):
                """One after the other."""
        writer.close()

    async def _answer(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> bool:
        head = (await reader.readuntil(b"\r\n\r\n")).decode().split("\r\n")[1:-2]
        headers = {name.lower(): value for name, _, value in (line.partition(": ") for line in head)}
        raw = await reader.readexactly(int(headers["content-length"]))
        request = Delivered(headers, raw, time.monotonic())
        try:
            self.verify(request)
        except Exception as wrong:
            self.unverified.append(wrong)
        async with self.news:
            self.requests.append(request)
            self.news.notify_all()
        answer = await self.decide(request)
        if answer is None:
            return False
        status, _, more = str(answer).partition(" ")
        writer.write(f"HTTP/1.1 {status} X\r\nContent-Length: 0\r\n{more}\r\n".encode())
        await writer.drain()
        return True


@asynccontextmanager
async def receiver(decide: Decide = accept, port: int = 0) -> AsyncIterator[Receiver]:
    """A receiver on loopback. Set its `verify` and `decide` at any time."""
    found = Receiver(decide=decide)
    server = await asyncio.start_server(found.serve, "127.0.0.1", port)
    found.port = server.sockets[0].getsockname()[1]
    try:
        yield found
    finally:
        server.close()
