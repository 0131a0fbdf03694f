"""An attacker: a client with valid tokens of its own organisation, or none, who counts the answers it gets."""

import asyncio
import os
import ssl
import time
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from typing import Any

import httpx2
import jwt
import orjson
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed, WebSocketException

from bench.data import Place

SECRET = os.environ.get("DEALBOARD_JWT_SECRET", "a secret that only the benchmark of neighbours knows")
PATIENCE = 60.0
"""Seconds that an attacker waits for an answer, unless it leaves before."""

TLS = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)

EVERY = 1.0
"""Seconds from the start of one wave to that of the next, if the first is over by then."""


def headers(organisation: str, role: str, subject: str = "") -> dict[str, str]:
    """The headers of a member."""
    claims = {"sub": subject or role, "org_id": organisation, "role": role, "exp": 4_000_000_000}
    return {"Authorization": f"Bearer {jwt.encode(claims, SECRET, 'HS256')}", "orgid": organisation}


@dataclass
class Attacker:
    """The attacker's organisation of many leads, a second one of few, and what came back so far.

    An attack goes on in waves for `seconds`, and has at least one. `scale` shortens lists and bytes for tests.
    """

    port: int
    place: Place
    few: Place
    seconds: float = 0.0
    scale: float = 1.0
    got: Counter[str] = field(default_factory=Counter)
    begun: asyncio.Event = field(default_factory=asyncio.Event)
    sent: int = 0
    until: float = 0.0

    @property
    def url(self) -> str:
        """The address of the API."""
        return f"http://127.0.0.1:{self.port}/graphql"

    def size(self, full: int, least: int = 1) -> int:
        """So many, or fewer when the scale is smaller."""
        return max(least, int(full * self.scale))

    def count(self, what: str, times: int = 1) -> None:
        """Count an answer."""
        self.got[what] += times

    def next(self) -> int:
        """A number that was not used before: what holds it is new to the server."""
        self.sent += 1
        return self.sent

    async def waves(self, size: int, one: Callable[[], Awaitable[object]]) -> None:
        """Do `one` so many times at once, wait for all, and again until the time is over."""
        self.begin()
        while True:
            ends = time.monotonic() + EVERY
            await asyncio.gather(*(one() for _ in range(size)))
            if ends >= self.until:
                return
            await asyncio.sleep(ends - time.monotonic())

    def begin(self) -> None:
        """The attack begins now; what comes before prepares it."""
        if not self.begun.is_set():
            self.until = time.monotonic() + self.seconds
            self.begun.set()

    async def post(
        self,
        query: str,
        variables: Any = None,
        *,
        role: str = "viewer",
        place: Place | None = None,
        leaves: float | None = None,
    ) -> dict[str, Any]:
        """Send a request, count the code of its answer, and return its data; leave after so many seconds."""
        given = headers((place or self.place).key, role)
        body = orjson.dumps({"query": query, "variables": variables})
        # A client of its own, which disconnects when it leaves. To load certificates would take 20 ms of processor.
        async with httpx2.AsyncClient(timeout=leaves or PATIENCE, verify=TLS) as client:
            try:
                response = await client.post(
                    self.url, content=body, headers={**given, "Content-Type": "application/json"}
                )
            except httpx2.TimeoutException:
                self.count("left" if leaves else "NO ANSWER")
                return {}
            except httpx2.TransportError as failure:
                self.count(type(failure).__name__)
                return {}
        if len(response.content) > 1_000_000:
            self.count(f"{len(response.content) // 1_000_000} MB")
        answer = orjson.loads(response.content)
        self.count(outcome(answer))
        return answer.get("data") or {}

    @asynccontextmanager
    async def socket(self, role: str = "viewer", subject: str = "") -> AsyncIterator[ClientConnection | None]:
        """An open socket of a member; None if it is refused."""
        url = f"ws://127.0.0.1:{self.port}/graphql"
        try:
            async with connect(url, subprotocols=["graphql-transport-ws"], close_timeout=1) as socket:  # type: ignore[list-item]
                try:
                    given = {"type": "connection_init", "payload": headers(self.place.key, role, subject)}
                    await socket.send(orjson.dumps(given), text=True)
                    await socket.recv()
                except ConnectionClosed:
                    self.count(str(socket.close_code))
                    yield None
                else:
                    yield socket
        except (WebSocketException, OSError) as failure:
            self.count(type(failure).__name__)

    async def listen(self, socket: ClientConnection, seconds: float) -> None:
        """Count what a socket receives for so long."""
        with suppress(TimeoutError, ConnectionClosed):
            async with asyncio.timeout(seconds):
                async for text in socket:
                    message = orjson.loads(text)
                    if message["type"] == "error":
                        self.count(message["payload"][0]["extensions"]["code"])
                    elif message["type"] == "next":
                        self.count(outcome(message["payload"], "event"))
                    elif message["type"] == "ping":
                        await socket.send('{"type":"pong"}')
        if socket.close_code is not None:
            self.count(str(socket.close_code))


def outcome(answer: dict[str, Any], right: str = "OK") -> str:
    """The code of an answer: that of its first error, or of its first user error."""
    for error in answer.get("errors") or ():
        return str(error["extensions"]["code"])
    for payload in (answer.get("data") or {}).values():
        for refusal in payload.get("userErrors") or () if isinstance(payload, dict) else ():
            return str(refusal["code"])
    return right


async def flood(attacker: Attacker, head: bytes, piece: bytes, size: int, tail: bytes = b"") -> None:
    """Send bytes on a connection of its own until the server has had enough, and count the status that it answers."""
    try:
        reader, writer = await asyncio.open_connection("127.0.0.1", attacker.port)
        answer = asyncio.create_task(reader.read(100))
        with suppress(OSError):
            writer.write(head)
            for _ in range(size // len(piece) + 1):
                writer.write(piece)
                await writer.drain()
                if answer.done():
                    break
            writer.write(tail)
        attacker.count((await asyncio.wait_for(answer, PATIENCE)).decode()[9:12] or "cut")
        writer.transport.abort()
    except (OSError, TimeoutError) as failure:
        attacker.count(type(failure).__name__)
