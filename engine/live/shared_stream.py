"""A stream: all subscribers of exactly the same operation. Each event is rendered once for all of them.

A subscriber first replays the events between its cursor and the stream's position, straight from the table, and
continues with those that the stream renders after that: no gap, no double. One that is too slow returns to replaying.
"""

import asyncio
from collections.abc import AsyncGenerator, Awaitable, Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from engine.live.log_place import LogPlace
from engine.live.patience import patiently
from engine.live.turns import Turns
from models.timeouts import TimedOut

PAGE = 100
"""Events that are rendered by one statement, at most."""

FIRST_PAGE = 4
"""Events of a stream's first page, when nobody knows yet what one costs. After a FAST page the next one is larger."""

FAST, SLOW = 0.05, 0.5
"""Seconds of a page after which the next one is larger, and after which it is smaller."""

OFFERS = 500
"""Events that are queued, one for each subscriber, before the event loop serves others: about half a millisecond."""

QUEUE = 256
"""Rendered events that may wait for one subscriber; beyond that it reads the table again at its own pace."""


class Frame(NamedTuple):
    """The body that subscribers receive for an event, and the event's cursor. Without a body it is only a place."""

    body: bytes
    cursor: str | None = None


Rendered = tuple[int, Frame]
"""The number of an event and its frame."""


class EventPage(NamedTuple):
    """Events in order, whether there are no more up to where they were asked for, and how long the statement took."""

    events: Sequence[Rendered]
    complete: bool
    seconds: float = 0.0


Render = Callable[[int, int, int, str | None], Awaitable[EventPage]]
"""Renders the events of a stream after one number and up to another, at most so many: `(after, to, size, member)`. The
member is the one who replays them; None for new events, which are rendered for the organisation."""


class HistoryGone(Exception):
    """Some of the events that should follow were deleted."""


@dataclass(eq=False)
class Subscriber:
    """A subscriber of a stream: the events it has not taken yet, and whether it must first catch up from the table."""

    waiting: asyncio.Queue[Rendered | None] = field(default_factory=lambda: asyncio.Queue(QUEUE))
    behind: bool = False
    failure: Exception | None = None

    def offer(self, rendered: Rendered) -> None:
        """Queue an event, or record that the subscriber is too slow for it."""
        try:
            self.waiting.put_nowait(rendered)
        except asyncio.QueueFull:
            self.behind = True

    def fail(self, failure: Exception) -> None:
        """End with this failure, once the waiting events have been taken."""
        self.failure = failure
        with suppress(asyncio.QueueFull):
            self.waiting.put_nowait(None)

    def fall_behind(self) -> None:
        """Go back to the table for what follows, after what waits has been taken."""
        self.behind = True
        with suppress(asyncio.QueueFull):
            self.waiting.put_nowait(None)

    async def take(self) -> Rendered | None:
        """The next event; None when the rest has to be read from the table. Raises the failure it ended with."""
        if self.waiting.empty():
            if self.failure is not None:
                raise self.failure
            if self.behind:
                return None
        return await self.waiting.get() or await self.take()


@dataclass(eq=False)
class Past:
    """A page of the past that is being read, and how many wait for it. Nobody reads it when nobody waits any more."""

    reading: asyncio.Future[EventPage]
    waiting: int = 0

    async def page(self) -> EventPage:
        """The page. The one who is the last to give up cancels it."""
        self.waiting += 1
        try:
            return await asyncio.shield(self.reading)
        finally:
            self.waiting -= 1
            if self.waiting == 0:
                self.reading.cancel()


@dataclass(eq=False)
class Stream:
    """All subscribers of the same operation, served up to `position`."""

    render: Render
    wants: Callable[[Mapping[str, Any]], bool]
    position: int
    tail: Callable[[], Awaitable[int]]
    """The number of the oldest event of the log that can be gone back to."""
    turns: Turns = field(default_factory=Turns)
    subscribers: set[Subscriber] = field(default_factory=set)
    past: dict[tuple[int, int], Past] = field(default_factory=dict)
    """Pages of the past that are being rendered, by the numbers after which and up to which they go."""
    size: int = FIRST_PAGE
    """Events of the next page."""
    slow: bool = False
    """Whether one event alone takes longer than a whole page should."""

    async def advance(self, news: Sequence[Mapping[str, Any]]) -> None:
        """Render what is new and hand it to every subscriber.

        All streams of an organisation wait for the slowest one. So one that is slow leaves the rest to its subscribers,
        who read it as they read the past, each by the share of its member.
        """
        last: int = news[-1]["number"]
        await self.turns.take()
        if any(self.wants(event) for event in news):
            complete, spent = False, 0.0
            while self.subscribers and not complete:
                if self.slow or spent > SLOW:
                    for subscriber in self.subscribers:
                        subscriber.fall_behind()
                    break
                page = await self._page(self.position, last)
                await self._offer(page.events)
                complete, spent = page.complete, spent + page.seconds
        self.position = last

    async def _offer(self, events: Sequence[Rendered]) -> None:
        offered = 0
        for rendered in events:
            self.position = rendered[0]
            for subscriber in self.subscribers:
                if not subscriber.behind:
                    subscriber.offer(rendered)
            offered += len(self.subscribers)
            if offered >= OFFERS:
                # Between two events: who joins here has all before this one from the table, and is offered the rest.
                offered = 0
                await asyncio.sleep(0)

    def fail(self, failure: Exception) -> None:
        """End every subscription with this failure."""
        for subscriber in self.subscribers:
            subscriber.fail(failure)

    async def follow(
        self, position: int, member: str | None = None, place: LogPlace | None = None
    ) -> AsyncGenerator[Rendered]:
        """Replay up to where the stream stands, then go with it; again whenever it was too fast. `place` goes with it.

        Raises `HistoryGone` rather than leave an event out.
        """
        place = place or LogPlace()
        place.number = position
        while True:
            subscriber = Subscriber()
            self.subscribers.add(subscriber)
            try:
                joined = self.position
                while place.number < joined:
                    page = await self._past(place.number, joined, member)
                    for rendered in page.events:
                        await self.turns.take()
                        yield rendered
                        place.number = rendered[0]
                    if page.complete:
                        place.number = joined
                while (taken := await self._next(subscriber, place)) is not None:
                    if taken[0] > place.number:
                        await self.turns.take()
                        yield taken
                        place.number = taken[0]
            finally:
                self.subscribers.discard(subscriber)

    async def _next(self, subscriber: Subscriber, place: LogPlace) -> Rendered | None:
        # Who waits with nothing queued has had everything up to where the stream is.
        place.reached = lambda: 0 if subscriber.behind or subscriber.waiting.qsize() else self.position
        try:
            return await subscriber.take()
        finally:
            place.reached = None

    async def _past(self, after: int, to: int, member: str | None) -> EventPage:
        """A page of the past. All who come back to the same place at the same time, after a restart, share one."""
        key = after, to
        past = self.past.get(key)
        if past is None or past.reading.done():
            past = self.past[key] = Past(asyncio.ensure_future(self._read_past(after, to, member)))
        try:
            return await past.page()
        finally:
            if past.waiting == 0 and self.past.get(key) is past:
                del self.past[key]

    async def _read_past(self, after: int, to: int, member: str | None) -> EventPage:
        page = await patiently(lambda: self._page(after, to, member))
        # Asked afterwards: whatever this page could not see any more, the tail has passed by now.
        if await patiently(self.tail) > after + 1:
            raise HistoryGone
        return page

    async def _page(self, after: int, to: int, member: str | None = None) -> EventPage:
        """A page whose size fits what an event costs. Raises `TimedOut` when a single one takes too long."""
        while True:
            size = min(self.size, PAGE)
            try:
                page = await self.render(after, to, size, member)
            except TimedOut:
                self.slow = True
                if size == 1:
                    raise
                self.size = 1
                continue
            self.slow = size == 1 and page.seconds > SLOW
            if page.seconds > SLOW:
                self.size = max(1, int(size * SLOW / page.seconds))
            elif not page.complete and len(page.events) < size:
                self.size = len(page.events)  # more do not fit into one answer
            elif page.seconds < FAST:
                self.size = min(PAGE, 4 * size)
            return page
