"""A stream: all subscribers of exactly the same operation. Each event is rendered once for all of them.

A subscriber first replays the events between its cursor and the stream's position, straight from the table, and
continues with those that the stream renders after that: no gap, no double. One that is too slow returns to replaying.
"""

import asyncio
from collections.abc import AsyncGenerator, Awaitable, Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any, NamedTuple, TypeVar

from models.database import UNREACHABLE

PAGE = 100
"""Events per statement that renders them."""

QUEUE = 256
"""Rendered events that may wait for one subscriber; beyond that it reads the table again at its own pace."""

AGAIN = 0.5
"""Seconds between two tries while the database is unreachable."""


class Frame(NamedTuple):
    """The body that subscribers receive for an event, and the event's cursor."""

    body: bytes
    cursor: str | None = None


Rendered = tuple[int, Frame]
"""The number of an event and its frame."""

Render = Callable[[int, int, int], Awaitable[Sequence[Rendered]]]
"""Renders the events of a stream after one number and up to another, at most so many: `(after, to, size)`."""

Found = TypeVar("Found")


class HistoryGone(Exception):
    """Some of the events that should follow were deleted."""


async def patiently(ask: Callable[[], Awaitable[Found]]) -> Found:
    """The database's answer, requested again for as long as it is unreachable."""
    while True:
        try:
            return await ask()
        except UNREACHABLE:
            await asyncio.sleep(AGAIN)


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

    async def take(self) -> Rendered | None:
        """The next event; None when the rest has to be read from the table. Raises the failure it ended with."""
        if self.waiting.empty():
            if self.failure is not None:
                raise self.failure
            if self.behind:
                return None
        return await self.waiting.get() or await self.take()


@dataclass(eq=False)
class Stream:
    """All subscribers of the same operation, served up to `position`."""

    render: Render
    wants: Callable[[Mapping[str, Any]], bool]
    position: int
    tail: Callable[[], Awaitable[int]]
    """The number of the oldest event of the log to resume from."""
    subscribers: set[Subscriber] = field(default_factory=set)
    past: dict[tuple[int, int], asyncio.Future[Sequence[Rendered]]] = field(default_factory=dict)
    """Pages of the past that are being rendered, by their first and last position."""

    async def advance(self, news: Sequence[Mapping[str, Any]]) -> None:
        """Render the new events and pass them to every subscriber."""
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

    def fail(self, failure: Exception) -> None:
        """End every subscription with this failure."""
        for subscriber in self.subscribers:
            subscriber.fail(failure)

    async def follow(self, position: int) -> AsyncGenerator[Rendered]:
        """Replay up to the stream's position, then follow it; replay again whenever the subscriber fell behind.

        Raises `HistoryGone` rather than leave an event out.
        """
        while True:
            subscriber = Subscriber()
            self.subscribers.add(subscriber)
            try:
                joined = self.position
                while position < joined:
                    page = await self._past(position, joined)
                    for rendered in page:
                        yield rendered
                        position = rendered[0]
                    if len(page) < PAGE:
                        position = joined
                while (taken := await subscriber.take()) is not None:
                    if taken[0] > position:
                        yield taken
                        position = taken[0]
            finally:
                self.subscribers.discard(subscriber)

    async def _past(self, after: int, to: int) -> Sequence[Rendered]:
        """A page of the past. Subscribers who resume from the same position at the same time, as after a restart, share
        one."""
        page = self.past.get((after, to))
        if page is None:
            page = self.past[after, to] = asyncio.ensure_future(self._read_past(after, to))
            page.add_done_callback(lambda _: self.past.pop((after, to)))
        return await asyncio.shield(page)

    async def _read_past(self, after: int, to: int) -> Sequence[Rendered]:
        page = await patiently(lambda: self.render(after, to, PAGE))
        # The tail is read afterwards: if events of this page were deleted before it was read, the tail has passed them.
        if await patiently(self.tail) > after + 1:
            raise HistoryGone
        return page
