"""Connections that wait for their next use outside of asyncpg's pool.

Whenever a connection is returned, the pool starts a task, which takes 40 µs, a tenth of the time of a small query. So
those that are in order are kept here, and the next caller takes one of them. The pool opens, limits and closes
connections as before.
"""

import asyncio
from collections.abc import Callable
from time import perf_counter
from typing import Any

import asyncpg

AGAIN = 60.0
"""Seconds after which those that are kept are returned to the pool, which closes what nobody uses."""


class Spare:
    """The connections of a pool that wait for their next use. One is always left to the pool: for its direct users."""

    def __init__(self, pool: asyncpg.Pool) -> None:
        self.pool = pool
        self.most = pool.get_max_size() - 1
        self.kept: list[Any] = []
        self.waiting = 0
        """Callers that wait for the pool. While there are any, it gets back what is returned."""
        self.timer: asyncio.TimerHandle | None = None
        self.returning: asyncio.Task[None] | None = None

    async def take(self) -> Any:
        """A connection: the one that was returned last, or one of the pool."""
        while self.kept:
            connection = self.kept.pop()
            if is_open(connection):
                return connection
            await self._release(connection)
        self.waiting += 1
        try:
            return await self.pool.acquire()
        finally:
            self.waiting -= 1

    async def give(self, connection: Any, sound: bool) -> None:
        """Return a connection. One that is not `sound`, or has begun something, is put in order by the pool."""
        if (
            sound
            and not connection.has_begun
            and not self.waiting
            and len(self.kept) < self.most
            and is_open(connection)
            and not connection.is_in_transaction()
        ):
            self.kept.append(connection)
            if self.timer is None:
                self.timer = asyncio.get_running_loop().call_later(AGAIN, self._return_some)
            return
        await self._release(connection)

    async def close(self) -> None:
        """Return all to the pool, and keep none from now on."""
        self.most = 0
        if self.timer is not None:
            self.timer.cancel()
        if self.returning is not None:
            await asyncio.gather(self.returning, return_exceptions=True)
        await self.clear()

    async def _release(self, connection: Any) -> None:
        try:
            await self.pool.release(connection)
        except asyncpg.InternalClientError:
            """It was lost at this moment, and the pool has taken it back already."""

    def _return_some(self) -> None:
        self.timer = None
        self.returning = asyncio.create_task(self.clear())

    async def clear(self) -> None:
        """Return all to the pool."""
        kept, self.kept = self.kept, []
        for connection in kept:
            await self._release(connection)


def is_open(connection: Any) -> bool:
    """Whether a connection of the pool can be used."""
    try:
        return not connection.is_closed()
    except asyncpg.InterfaceError:  # it was lost, and the pool has taken it back already
        return False


class Acquired:
    """A connection of a pool while the block runs; reports how long the caller waited for it."""

    __slots__ = ("connection", "custom", "spare", "waited")

    connection: Any

    def __init__(self, spare: Spare, waited: Callable[[float], None], custom: bool) -> None:
        self.spare = spare
        self.waited = waited
        self.custom = custom

    async def __aenter__(self) -> Any:
        began = perf_counter()
        self.connection = connection = await self.spare.take()
        self.waited(perf_counter() - began)
        if connection.custom is not self.custom:
            try:
                await connection.plan_custom(self.custom)
            except BaseException:
                await self.spare.give(connection, sound=False)
                raise
        return connection

    async def __aexit__(self, kind: object, *failure: object) -> None:
        connection, sound = self.connection, kind is None
        if getattr(connection, "is_old", False):  # one that was terminated has nothing any more
            await connection.close()
            sound = False
        await self.spare.give(connection, sound)
