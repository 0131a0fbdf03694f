"""Wake-ups over Redis: one connection that subscribes and one that publishes, whose loss is noticed at once.

redis-py's own pub/sub object reconnects by itself and does not report what it missed, so it is not used.
"""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress
from typing import Any

from redis.asyncio import ConnectionPool
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff

from engine.live.wakeups import CHANNEL, HEARTBEAT, Line, SharedWakeups


class RedisWakeups(SharedWakeups):
    """Wake-ups over the Redis at `url`: `redis://`, or `rediss://` with TLS."""

    def __init__(self, url: str) -> None:
        super().__init__()
        self.pool: Any = ConnectionPool.from_url(
            url, retry=Retry(NoBackoff(), 0), socket_connect_timeout=HEARTBEAT, socket_keepalive=True
        )

    @asynccontextmanager
    async def _open(self) -> AsyncIterator[Line]:
        subscribed, publishing = self.pool.make_connection(), self.pool.make_connection()
        try:
            async with asyncio.timeout(2 * HEARTBEAT):
                await publishing.connect()
                await subscribed.connect()
                await subscribed.send_command("SUBSCRIBE", CHANNEL)
                await subscribed.read_response()
            yield RedisLine(subscribed, publishing)
        finally:
            for connection in (subscribed, publishing):
                with suppress(Exception):
                    await connection.disconnect(nowait=True)


class RedisLine:
    """The two connections."""

    def __init__(self, subscribed: Any, publishing: Any) -> None:
        self.subscribed = subscribed
        self.publishing = publishing

    async def send(self, message: str) -> None:
        """Publish to all subscribers."""
        await self.publishing.send_command("PUBLISH", CHANNEL, message)
        await self.publishing.read_response()

    async def listen(self, heard: Callable[[str], None]) -> None:
        """Pass messages on until the connection is lost."""
        while True:
            kind, *rest = await self.subscribed.read_response()
            if kind == b"message":
                heard(rest[1].decode(errors="replace"))
