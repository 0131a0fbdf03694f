"""Wake-ups over PostgreSQL's LISTEN and NOTIFY, on a connection of their own.

A NOTIFY holds a server-wide lock while its transaction commits. Inside the transactions of changes that halves the rate
of commits; here it follows them, many changes in one, and does not wait for the disk.
"""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any

import asyncpg

from engine.live.wakeups import CHANNEL, HEARTBEAT, POOLED, Line, SharedWakeups

SESSION = {
    "application_name": "dealboard wake-ups",
    "synchronous_commit": "off",  # a message that is lost in a crash of PostgreSQL is recovered like any other
}


class PostgresWakeups(SharedWakeups):
    """Wake-ups over the PostgreSQL at `url`, which must be the direct address, not a transaction pooler."""

    def __init__(self, url: str) -> None:
        super().__init__()
        self.url = url

    @asynccontextmanager
    async def _open(self) -> AsyncIterator[Line]:
        try:
            connection: Any = await asyncpg.connect(self.url, timeout=HEARTBEAT, server_settings=SESSION)
        except asyncpg.ProtocolViolationError as refused:
            # A pooler refuses these settings at the start. With SET they would stay on a connection that others use.
            raise ConnectionError(f"{refused}. {POOLED}") from refused
        try:
            line = PostgresLine(connection)
            async with asyncio.timeout(HEARTBEAT):
                await connection.add_listener(CHANNEL, line.receive)
            yield line
        finally:
            connection.terminate()


class PostgresLine:
    """A connection that listens."""

    def __init__(self, connection: Any) -> None:
        self.connection = connection
        self.broken = asyncio.Event()
        self.heard: Callable[[str], None] | None = None
        connection.add_termination_listener(lambda _: self.broken.set())

    def receive(self, _connection: object, _pid: int, _channel: str, message: object) -> None:
        """Receive a message. Those before `listen` may be dropped, because all logs are read then."""
        if self.heard is not None:
            self.heard(str(message))

    async def send(self, message: str) -> None:
        """Notify all listeners."""
        await self.connection.execute("SELECT pg_notify($1, $2)", CHANNEL, message)

    async def listen(self, heard: Callable[[str], None]) -> None:
        """Pass messages on until the connection is lost."""
        self.heard = heard
        await self.broken.wait()
        raise ConnectionError("the connection to PostgreSQL was lost")
