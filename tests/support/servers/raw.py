"""Connections on which a test sends bytes, whatever they are."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress

from server.app import Application


class Raw:
    """One connection to a port of this machine."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.reader = reader
        self.writer = writer

    def send(self, data: bytes) -> None:
        self.writer.write(data)

    async def answer(self) -> bytes:
        """What the server sends until it closes the connection; empty if it sends nothing."""
        said = b""
        with suppress(ConnectionResetError):
            while chunk := await asyncio.wait_for(self.reader.read(65536), 30):
                said += chunk
        return said

    async def head(self) -> bytes:
        """The status and the headers of the next response."""
        return await asyncio.wait_for(self.reader.readuntil(b"\r\n\r\n"), 30)

    async def line(self) -> bytes:
        """The first line of the next response, which is then read to its end."""
        head = await self.head()
        _, _, length = head.lower().partition(b"content-length: ")
        await self.reader.readexactly(int(length.split()[0]))
        return head.split(b"\r\n")[0]


@asynccontextmanager
async def raw(port: int) -> AsyncIterator[Raw]:
    """One connection, which is cut at the end."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    try:
        yield Raw(reader, writer)
    finally:
        writer.transport.abort()


def post(credential: dict[str, str], body: bytes = b'{"query":"{ hello }"}', length: int | None = None) -> bytes:
    """A request, whose body may be shorter than it says."""
    size = len(body) if length is None else length
    headers = {"Host": "x", "Content-Type": "application/json", "Content-Length": str(size), **credential}
    return b"POST /graphql HTTP/1.1\r\n" + lines(headers) + b"\r\n" + body


def handshake(path: str = "/graphql", **headers: str) -> bytes:
    """A handshake of a socket."""
    given = {
        "Host": "x",
        "Connection": "Upgrade",
        "Upgrade": "websocket",
        "Sec-WebSocket-Key": "dGhlIHNhbXBsZSBub25jZQ==",
        "Sec-WebSocket-Version": "13",
        "Sec-WebSocket-Protocol": "graphql-transport-ws",
        **headers,
    }
    return f"GET {path} HTTP/1.1\r\n".encode() + lines(given) + b"\r\n"


def lines(headers: dict[str, str]) -> bytes:
    """Headers, as they are sent."""
    return "".join(f"{name}: {value}\r\n" for name, value in headers.items()).encode()


def cut(app: Application, reason: str) -> float:
    """How many connections were cut for a reason."""
    name, labels = "dealboard_connections_cut_total", {"reason": reason}
    return app.service.calls.metrics.registry.get_sample_value(name, labels) or 0.0
