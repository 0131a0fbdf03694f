"""The live side of the event log: from a wake-up to the bytes that subscribers get.

    commit → wake-up (organisation only) → one reader per organisation takes the new rows from the table
           → each distinct stream renders them once → every subscriber of the stream gets the same bytes

The table is the truth: a wake-up carries nothing, so losing one is a delay, never a loss. The reader also looks at the
table when it starts, and on a slow timer. A subscriber first replays what lies between its cursor and the stream's
position, straight from the table, and goes on with what the stream renders after that: no gap, no double.
"""

import asyncio
import logging
from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable, Hashable, Mapping, Sequence
from contextlib import aclosing, asynccontextmanager, suppress
from dataclasses import dataclass, field
from typing import Any, Self
from uuid import UUID

from asyncpg import InterfaceError, PostgresError
from broadcaster import Broadcast
from sqlalchemy import Integer, bindparam, select

from models.database import Database, Statement
from models.event import Event, EventLog
from resolvers.reading import ORG

log = logging.getLogger("dealboard.feed")

BATCH = 500
"""Events that a reader takes from the table at once."""

PAGE = 100
"""Events that are rendered by one statement."""

QUEUE = 256
"""Rendered events that may wait for one subscriber; beyond that it goes back to reading the table at its own pace."""

HEAD = Statement(select(EventLog.head).where(EventLog.org_id == ORG))

NEWS = Statement(
    select(
        Event.number,
        Event.type,
        Event.lead_id,
        Event.owner_id,
        Event.pipeline_id,
        Event.from_pipeline_id,
    )
    .where(Event.org_id == ORG, Event.number > bindparam("position"))
    .order_by(Event.number)
    .limit(bindparam("size", type_=Integer()))
)
"""What subscriptions are chosen by, of the events after a position."""

Rendered = tuple[int, bytes]
Render = Callable[[int, int, int], Awaitable[Sequence[Rendered]]]
"""Renders the events of a stream after one number and up to another, at most so many: `(after, to, size)`."""


@dataclass(eq=False)
class Subscriber:
    """One who listens to a stream: what waits to be taken, and whether it has to catch up from the table first."""

    waiting: asyncio.Queue[Rendered] = field(default_factory=lambda: asyncio.Queue(QUEUE))
    behind: bool = False

    def offer(self, rendered: Rendered) -> None:
        """Queue an event, or note that the subscriber is too slow for it."""
        try:
            self.waiting.put_nowait(rendered)
        except asyncio.QueueFull:
            self.behind = True


@dataclass(eq=False)
class Stream:
    """All who asked exactly the same: rendered once, up to `position`."""

    render: Render
    wants: Callable[[Mapping[str, Any]], bool]
    position: int
    subscribers: set[Subscriber] = field(default_factory=set)

    async def advance(self, news: Sequence[Mapping[str, Any]]) -> None:
        """Render what is new and hand it to every subscriber."""
        last: int = news[-1]["number"]
        if any(self.wants(event) for event in news):
            while page := await self.render(self.position, last, PAGE):
                for rendered in page:
                    self.position = rendered[0]
                    for subscriber in self.subscribers:
                        if not subscriber.behind:
                            subscriber.offer(rendered)
                if len(page) < PAGE:
                    break
        self.position = last


class Reader:
    """Follows the log of one organisation for all its streams."""

    def __init__(self, database: Database, org_id: UUID, poll_seconds: float) -> None:
        self.database = database
        self.org_id = org_id
        self.poll_seconds = poll_seconds
        self.position = 0
        self.streams: dict[Hashable, Stream] = {}
        self.woken = asyncio.Event()
        self.ready = asyncio.Event()
        self.users = 0
        self.tasks: list[asyncio.Task[None]] = []

    async def run(self) -> None:
        """Read until cancelled. The database may come and go: what was missed is read when it is back."""
        while True:
            try:
                if not self.ready.is_set():
                    async with self.database.pool.acquire() as connection:
                        self.position = await HEAD.value(connection, org_id=self.org_id) or 0
                    self.ready.set()
                await self._catch_up()
            except (PostgresError, InterfaceError, OSError) as error:
                log.warning("reading the event log failed, trying again: %s", error)
            with suppress(TimeoutError):
                await asyncio.wait_for(self.woken.wait(), self.poll_seconds)
            self.woken.clear()

    async def _catch_up(self) -> None:
        while True:
            async with self.database.pool.acquire() as connection:
                news = await NEWS.all(connection, org_id=self.org_id, position=self.position, size=BATCH)
            if not news:
                return
            last = news[-1]["number"]
            # A stream that appears while others are rendered is behind as well: nothing may be left behind.
            while behind := [stream for stream in self.streams.values() if stream.position < last]:
                for stream in behind:
                    await stream.advance(news)
            self.position = last


@dataclass
class Feed:
    """All readers of this process, and the wake-ups between processes."""

    database: Database
    broadcast: Broadcast
    poll_seconds: float
    readers: dict[UUID, Reader] = field(default_factory=dict)

    @classmethod
    @asynccontextmanager
    async def open(cls, database: Database, poll_seconds: float = 1.0, url: str = "memory://") -> AsyncIterator[Self]:
        """Connect the wake-ups; disconnect at the end."""
        async with Broadcast(url) as broadcast:
            yield cls(database, broadcast, poll_seconds)

    async def wake(self, org_id: UUID) -> None:
        """Tell every process that the organisation's log has grown. Call it after the commit."""
        await self.broadcast.publish(channel=f"events:{org_id}", message="")

    async def head(self, org_id: UUID) -> int:
        """The number of the organisation's last event; 0 when there is none."""
        async with self.database.pool.acquire() as connection:
            return await HEAD.value(connection, org_id=org_id) or 0

    @asynccontextmanager
    async def _reader(self, org_id: UUID) -> AsyncIterator[Reader]:
        """The organisation's reader, which runs while somebody uses it."""
        reader = self.readers.get(org_id)
        if reader is None:
            reader = self.readers[org_id] = Reader(self.database, org_id, self.poll_seconds)
            reader.tasks = [asyncio.create_task(reader.run()), asyncio.create_task(self._listen(reader))]
        reader.users += 1
        try:
            await reader.ready.wait()
            yield reader
        finally:
            reader.users -= 1
            if reader.users == 0:
                del self.readers[org_id]
                for task in reader.tasks:
                    task.cancel()

    async def _listen(self, reader: Reader) -> None:
        async with self.broadcast.subscribe(channel=f"events:{reader.org_id}") as wakeups:
            reader.woken.set()
            async for _ in wakeups:  # type: ignore[union-attr]
                reader.woken.set()

    async def follow(
        self, org_id: UUID, key: Hashable, render: Render, wants: Callable[[Mapping[str, Any]], bool], after: int | None
    ) -> AsyncGenerator[Rendered]:
        """Every event of the stream `key` after the number `after` (None: from now on), exactly once and in order."""
        async with self._reader(org_id) as reader:
            position = await self.head(org_id) if after is None else after
            stream = reader.streams.get(key)
            if stream is None:
                stream = reader.streams[key] = Stream(render, wants, reader.position)
            try:
                async with aclosing(_follow(stream, position)) as events:
                    async for rendered in events:
                        yield rendered
            finally:
                if not stream.subscribers and reader.streams.get(key) is stream:
                    del reader.streams[key]


async def _follow(stream: Stream, position: int) -> AsyncGenerator[Rendered]:
    """Replay up to where the stream stands, then go with it; again from the start whenever it was too fast."""
    while True:
        subscriber = Subscriber()
        stream.subscribers.add(subscriber)
        try:
            joined = stream.position
            while position < joined:
                page = await stream.render(position, joined, PAGE)
                for rendered in page:
                    yield rendered
                    position = rendered[0]
                if len(page) < PAGE:
                    position = joined
            while not subscriber.behind or not subscriber.waiting.empty():
                rendered = await subscriber.waiting.get()
                if rendered[0] > position:
                    yield rendered
                    position = rendered[0]
        finally:
            stream.subscribers.discard(subscriber)
