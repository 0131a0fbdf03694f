"""A fixed address for servers that come and go, on which connections can be cut."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field


@dataclass
class Relay:
    """Forwards bytes to a port of this machine; without a port, new connections are closed."""

    port: int = 0
    target: int | None = None
    open: set[asyncio.StreamWriter] = field(default_factory=set)

    @classmethod
    @asynccontextmanager
    async def listening(cls) -> AsyncIterator["Relay"]:
        """A relay on a free port."""
        relay = cls()
        server = await asyncio.start_server(relay._pass, "127.0.0.1", 0)
        relay.port = server.sockets[0].getsockname()[1]
        try:
            yield relay
        finally:
            server.close()
            relay.cut()

    def cut(self) -> None:
        """Cut every connection in both directions, without a close frame."""
        for writer in self.open:
            writer.transport.abort()

    async def _pass(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with suppress(OSError):
            if self.target is not None:
                to_server = await asyncio.open_connection("127.0.0.1", self.target)
                await asyncio.gather(self._copy(reader, to_server[1]), self._copy(to_server[0], writer))
        writer.transport.abort()

    async def _copy(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.open.add(writer)
        try:
            with suppress(OSError):
                while chunk := await reader.read(65536):
                    writer.write(chunk)
                    await writer.drain()
        finally:
            self.open.discard(writer)
            writer.close()
