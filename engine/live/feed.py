"""The live side of the event log: from a wake-up to the bytes that subscribers get.

    commit → wake-up (organisation only) → one reader per organisation takes the new rows from the table
           → each distinct stream renders them once → every subscriber of the stream gets the same bytes

The table is the truth: a wake-up carries no event, so losing one is a delay, never a loss. A reader reads the table
when it starts, when it is woken, when wake-ups resume after an interruption, and when a slow timer finds that the head
of its log is ahead of it.
"""

import asyncio
import logging
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Hashable, Mapping, Set
from contextlib import aclosing, asynccontextmanager
from dataclasses import dataclass, field
from itertools import islice
from typing import Any, Self
from uuid import UUID

from broadcaster import Broadcast
from sqlalchemy import ARRAY, Uuid, any_, bindparam, select

from engine.caller import Person
from engine.domain import Domain
from engine.live.followed import Followed
from engine.live.known import KnownRecords
from engine.live.log_place import LogPlace
from engine.live.patience import patiently
from engine.live.reader import BOUNDS, Bounds, Reader, read_bounds
from engine.live.shared_stream import Frame, Render, Rendered, Stream
from engine.live.wakeups import CHANNEL, EVERYTHING, Wakeups
from models.database import Database, Observe, Statement, ignore
from models.tables.event import EventLog

log = logging.getLogger("dealboard.feed")

ReaderKey = tuple[UUID, Followed]
"""The organisation of a reader, and what it follows."""

HEADS = Statement(
    select(EventLog.org_id, EventLog.head).where(EventLog.org_id == any_(bindparam("org_ids", type_=ARRAY(Uuid()))))
)
"""The heads of several logs: one statement for many readers of a process."""

LOOKED_AT = 500
"""Readers whose logs one look asks for; the next look asks for the next ones. A wake-up is lost only when a process
dies between a commit and its message, so this delay is rare, and the cost of looking does not grow with readers."""


def unheard(organisations: Set[str]) -> None:
    """Do nothing at a wake-up."""


@dataclass(frozen=True)
class State:
    """The state of a feed, for monitoring."""

    subscribers: int = 0
    streams: int = 0
    waiting: int = 0
    """Events that subscribers have not taken yet."""
    longest: int = 0
    """Those of the slowest subscriber."""
    behind: int = 0
    """Events by which an organisation's log, as far as its head is known, is ahead of its reader."""


@dataclass
class Feed:
    """All readers of this process, and the wake-ups between processes."""

    database: Database
    domain: Domain
    wakeups: Wakeups
    broadcast: Broadcast
    poll_seconds: float
    delivered: Observe = ignore
    most_streams: int = 100
    """Different streams that a member may follow at once."""
    woken: Callable[[Set[str]], None] = unheard
    """Called with each wake-up: the organisations it names, or `EVERYTHING`."""
    readers: dict[ReaderKey, Reader] = field(default_factory=dict)
    """In the order in which their logs are looked at next."""
    _by_hex: dict[str, dict[ReaderKey, Reader]] = field(default_factory=dict)
    """The readers by the ids that wake-ups carry."""
    known: KnownRecords = field(init=False)
    events: Followed = field(init=False)
    """The event logs themselves."""

    def __post_init__(self) -> None:
        self.known = KnownRecords(self.database, self.domain.known)
        self.events = Followed(self.domain.news, BOUNDS, HEADS)

    @classmethod
    @asynccontextmanager
    async def open(
        cls,
        database: Database,
        domain: Domain,
        poll_seconds: float = 1.0,
        wakeups: Wakeups | None = None,
        delivered: Observe = ignore,
        most_streams: int = 100,
    ) -> AsyncIterator[Self]:
        """Start to receive wake-ups, by default only those of this process; stop everything at the end.

        `delivered` observes, for each event, its age in seconds when it is in the queues of all its subscribers.
        """
        wakeups = wakeups or Wakeups()
        async with Broadcast(backend=wakeups) as broadcast:
            feed = cls(database, domain, wakeups, broadcast, poll_seconds, delivered, most_streams)
            tasks = [asyncio.create_task(feed._listen()), asyncio.create_task(feed._look())]
            try:
                yield feed
            finally:
                tasks += [reader.task for reader in feed.readers.values() if reader.task is not None]
                for task in tasks:
                    task.cancel()
                await asyncio.gather(*tasks, return_exceptions=True)

    async def wake(self, org_id: UUID) -> None:
        """Notify every process that the organisation's log has grown. Call it after the commit."""
        await self.broadcast.publish(CHANNEL, org_id.hex)

    def wake_here(self, org_id: UUID, log: Followed) -> None:
        """Wake this process's reader of what else is followed; those of other processes look by themselves."""
        if (reader := self.readers.get((org_id, log))) is not None:
            reader.woken.set()

    async def bounds(self, org_id: UUID, log: Followed | None = None) -> Bounds:
        """The first and the last number of an organisation's event log, or of what else is followed."""
        return await patiently(lambda: read_bounds(self.database, org_id, log))

    async def present(self, org_id: UUID) -> int:
        """A number at the end of an organisation's log, or just before it: what comes later comes after it."""
        reader = self.readers.get((org_id, self.events))
        if reader is not None and reader.ready.is_set():
            return reader.position
        return (await read_bounds(self.database, org_id)).head

    async def _listen(self) -> None:
        async with self.broadcast.subscribe(CHANNEL) as heard:
            while True:
                self._wake(set((await heard.get()).message.split(",")))

    def _wake(self, organisations: Set[str]) -> None:
        self.woken(organisations)
        if EVERYTHING in organisations:
            named = list(self.readers.values())
        else:
            named = [reader for one in organisations for reader in self._by_hex.get(one, {}).values()]
        for reader in named:
            reader.woken.set()

    async def _look(self) -> None:
        """Find readers that are behind, whether or not their wake-ups arrived."""
        while True:
            await asyncio.sleep(self.poll_seconds)
            try:
                if self.readers:
                    await patiently(self._look_once)
            except Exception:
                log.exception("reading the heads of the event logs failed, trying again")

    async def _look_once(self) -> None:
        looked_at = self._next_looked_at()
        for log in {log: None for _, log in looked_at}:
            org_ids = [org_id for org_id, its in looked_at if its is log]
            async with self.database.acquire() as connection:
                heads = await log.heads.all(connection, org_ids=org_ids)
            for found in heads:
                reader = self.readers.get((found["org_id"], log))
                if reader is not None:
                    reader.head = found["head"]
                    if reader.position < reader.head:
                        reader.woken.set()

    def _next_looked_at(self) -> list[ReaderKey]:
        """The readers whose logs were looked at longest ago; they become those that were last."""
        found = list(islice(self.readers, LOOKED_AT))
        for key in found:
            self.readers[key] = self.readers.pop(key)
        return found

    def state(self) -> State:
        """The feed's present state."""
        streams = [stream for reader in self.readers.values() for stream in reader.streams.values()]
        waiting = [subscriber.waiting.qsize() for stream in streams for subscriber in stream.subscribers]
        behind = (reader.head - reader.position for reader in self.readers.values())
        return State(len(waiting), len(streams), sum(waiting), max(waiting, default=0), max((0, *behind)))

    @asynccontextmanager
    async def _reader(self, org_id: UUID, log: Followed | None = None) -> AsyncIterator[Reader]:
        """The organisation's reader of its event log, or of what else is followed, which runs while it is in use."""
        log = log or self.events
        key = org_id, log
        reader = self.readers.get(key)
        if reader is None:
            reader = self.readers[key] = Reader(self.database, log, org_id, self.delivered)
            self._by_hex.setdefault(org_id.hex, {})[key] = reader
            reader.task = asyncio.create_task(reader.run())
        reader.users += 1
        try:
            await reader.ready.wait()
            yield reader
        finally:
            reader.users -= 1
            if reader.users == 0:
                del self.readers[key], self._by_hex[org_id.hex][key]
                if not self._by_hex[org_id.hex]:
                    del self._by_hex[org_id.hex]
                if reader.task is not None:
                    reader.task.cancel()

    async def follow(
        self,
        person: Person,
        key: Hashable,
        render: Render,
        wants: Callable[[Mapping[str, Any]], bool],
        after: int | None,
        place: LogPlace | None = None,
        log: Followed | None = None,
    ) -> AsyncGenerator[Rendered]:
        """Every event of the stream `key` after the number `after` (None: from now on), exactly once and in order; or
        what else is followed, as a `log` of it.

        With a `place`, which goes with it, a frame without a body comes first: it has the cursor where it starts.

        Raises `HistoryGone` when they are no longer kept, and `TooManyStreams` when the person follows too many others.
        """
        org_id, member = person
        async with self._reader(org_id, log) as reader:
            with reader.followed_by(member, key, self.most_streams):
                position = await patiently(reader.present) if after is None else after
                if place is not None:
                    place.org_id, place.number = org_id, position
                    yield position, Frame(b"", place.cursor)
                stream = reader.streams.get(key)
                if stream is None:
                    stream = reader.streams[key] = Stream(render, wants, reader.position, reader.tail, reader.turns)
                try:
                    async with aclosing(stream.follow(position, member, place)) as events:
                        async for rendered in events:
                            yield rendered
                finally:
                    if not stream.subscribers and reader.streams.get(key) is stream:
                        del reader.streams[key]
