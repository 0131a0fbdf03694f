"""A reader: follows the log of one organisation, or what is made from it, for all its streams.

The table is the truth. A reader reads it when it starts and when it is woken, and has its streams render the new
events.
"""

import asyncio
import logging
from collections import Counter
from collections.abc import Hashable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

from sqlalchemy import select

from engine.live.followed import Followed
from engine.live.patience import AGAIN, patiently
from engine.live.shared_stream import HistoryGone, Stream
from engine.live.turns import Turns
from engine.read.rows import ORG
from models.database import UNREACHABLE, Database, Observe, Statement
from models.tables.event import EventLog

log = logging.getLogger("dealboard.feed")

BATCH = 500
"""Events that a reader reads at once."""

BOUNDS = Statement(select(EventLog.tail, EventLog.head).where(EventLog.org_id == ORG))


class TooManyStreams(Exception):
    """A member follows as many different streams as are allowed."""

    def __init__(self, most: int) -> None:
        super().__init__(most)
        self.most = most


@dataclass(frozen=True)
class Bounds:
    """The numbers of the oldest event to resume from and of the last one; `tail` is one more if there is none."""

    tail: int = 1
    head: int = 0


async def read_bounds(database: Database, org_id: UUID, log: Followed | None = None) -> Bounds:
    """The first and the last number of an organisation's event log, or of what else is followed."""
    bounds = (log and log.bounds) or BOUNDS
    async with database.acquire() as connection:
        found = await bounds.first(connection, org_id=org_id)
    return Bounds(**found) if found else Bounds()


class Reader:
    """Follows the log of one organisation for all its streams."""

    def __init__(self, database: Database, followed: Followed, org_id: UUID, delivered: Observe) -> None:
        self.database = database
        self.log = followed
        self.org_id = org_id
        self.delivered = delivered
        self.position = 0
        self.head = 0
        self.streams: dict[Hashable, Stream] = {}
        self.woken = asyncio.Event()
        self.ready = asyncio.Event()
        self.users = 0
        self.turns = Turns()
        self.followed: dict[str, Counter[Hashable]] = {}
        """The streams of each member, and how often it follows each."""
        self.task: asyncio.Task[None] | None = None

    async def run(self) -> None:
        """Read until cancelled. While the database is unreachable it waits, then reads what it missed."""
        while True:
            try:
                if not self.ready.is_set():
                    self.position = await patiently(self.present)
                    self.ready.set()
                await patiently(self._catch_up)
                await self.woken.wait()
                self.woken.clear()
            except Exception as failure:
                log.exception("reading the event log failed")
                self._end(failure)
                await asyncio.sleep(AGAIN)

    async def bounds(self) -> Bounds:
        """The first and the last number of the log."""
        return await read_bounds(self.database, self.org_id, self.log)

    async def present(self) -> int:
        """The number up to which there is something to read."""
        async with self.database.acquire() as connection:
            found = await self.log.present.first(connection, org_id=self.org_id)
        return found["head"] if found else 0

    async def tail(self) -> int:
        """The first number of the log."""
        return (await self.bounds()).tail

    async def _catch_up(self) -> None:
        while True:
            async with self.database.acquire() as connection:
                news = await self.log.news.all(connection, org_id=self.org_id, position=self.position, size=BATCH)
            if not news:
                return
            last = news[-1]["number"]
            if self.log.gapless and last - self.position > len(news):
                self._end(HistoryGone())  # this process was paused for longer than events are kept
            # A stream that is added while others are rendered is behind as well: none may be left behind.
            while behind := {key: stream for key, stream in self.streams.items() if stream.position < last}:
                ended = await asyncio.gather(*(self._advance(*item, news) for item in behind.items()))
                for failure in ended:
                    if failure is not None:
                        raise failure
            self.position = last
            now = datetime.now(UTC)
            for event in news:
                self.delivered(max(0.0, (now - event["occurred_at"]).total_seconds()))  # the clock may go back
            if len(news) < BATCH:
                return  # later commits wake the reader again

    @contextmanager
    def followed_by(self, member: str, key: Hashable, most: int) -> Iterator[None]:
        """Count a stream of a member while it is followed. Raises `TooManyStreams` beyond the `most` different ones."""
        streams = self.followed.setdefault(member, Counter())
        if key not in streams and len(streams) >= most:
            raise TooManyStreams(most)
        streams[key] += 1
        try:
            yield
        finally:
            streams[key] -= 1
            if not streams[key]:
                del streams[key]
            if not streams:
                self.followed.pop(member, None)

    def _end(self, failure: Exception) -> None:
        for stream in self.streams.values():
            stream.fail(failure)
        self.streams.clear()

    async def _advance(self, key: Hashable, stream: Stream, news: Sequence[Mapping[str, Any]]) -> Exception | None:
        """Bring a stream up to date; returns the failure if it should be tried again. A stream that cannot be rendered
        ends."""
        try:
            await stream.advance(news)
        except UNREACHABLE as failure:
            return failure
        except Exception as failure:
            del self.streams[key]
            stream.fail(failure)
        return None
