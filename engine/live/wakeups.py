"""Wake-ups: the signal to every process that the logs of some organisations have grown, on broadcaster's interface.

Wakeups              within one process
└ SharedWakeups      between processes, over a line that is supervised: opened anew for as long as it takes
  ├ PostgresWakeups  LISTEN and NOTIFY                          (postgres_wakeups.py)
  └ RedisWakeups     SUBSCRIBE and PUBLISH                      (redis_wakeups.py)

A wake-up names organisations and nothing else, so that losing one is a delay and never a loss. Waiting wake-ups are
merged, so nothing here grows with the number of changes. There is one channel for all: a process listens once, for all
its subscribers.
"""

import asyncio
import logging
import random
from abc import abstractmethod
from collections.abc import Callable
from contextlib import AbstractAsyncContextManager, suppress
from secrets import token_hex
from typing import Any, Protocol

from broadcaster import BroadcastBackend, Event

log = logging.getLogger("dealboard.wakeups")

CHANNEL = "dealboard_events"

EVERYTHING = "*"
"""In place of an organisation: all of them, because wake-ups may have been missed."""

MOST = 10_000
"""Organisations that may wait at once; with more, all logs are read."""

PER_MESSAGE = 200
"""Organisations per message: PostgreSQL carries less than 8,000 bytes."""

GATHERING = 0.003
"""Seconds between two messages. Commits in between are sent together; the first one never waits."""

HEARTBEAT = 10.0
"""Seconds after which an idle line is tested, and within which it has to answer."""

FAREWELL = 1.0
"""Seconds in which a process that ends can send its last wake-ups."""

FIRST_PAUSE, LONGEST_PAUSE = 0.1, 5.0
"""Seconds before the line is opened again; doubled each time, minus a random part, so that processes do not reconnect
at once."""


POOLED = "Behind a pooler, such as PgBouncer, set DEALBOARD_EVENTS_URL to the direct address of PostgreSQL."


class Wakeups(BroadcastBackend):
    """Wake-ups within this process. Its state is for monitoring."""

    def __init__(self) -> None:
        self.stands = asyncio.Event()
        self.interrupted = asyncio.Event()
        self.reconnects = 0
        self.last_error: str | None = None
        self._arrived: set[str] = set()
        self._news = asyncio.Event()

    @property
    def connected(self) -> bool:
        """Whether wake-ups arrive from all processes. If not, events are late, but none is lost."""
        return self.stands.is_set()

    async def connect(self) -> None:
        """Start. Nothing here can fail."""
        self.stands.set()

    async def disconnect(self) -> None:
        """Stop."""
        self.stands.clear()

    async def subscribe(self, group: str) -> None:
        """There is one channel, and it is always listened to."""

    async def unsubscribe(self, group: str) -> None:
        """There is one channel, and it is always listened to."""

    async def publish(self, channel: str, message: Any) -> None:
        """Wake this process for an organisation. Never waits."""
        self._arrive(message)

    async def next_published(self) -> Event:
        """The organisations named since the last call, separated by commas."""
        await self._news.wait()
        self._news.clear()
        arrived, self._arrived = self._arrived, set()
        return Event(CHANNEL, ",".join(arrived))

    def _arrive(self, *organisations: str) -> None:
        self._arrived.update(organisations)
        if EVERYTHING in self._arrived or len(self._arrived) > MOST:
            self._arrived = {EVERYTHING}
        self._news.set()


class Line(Protocol):
    """An open connection to the other processes. Any failure is raised, and ends it."""

    async def send(self, message: str) -> None:
        """Send to all listeners, including this process."""

    async def listen(self, heard: Callable[[str], None]) -> None:
        """Pass on every message until the line breaks, then raise."""


class SharedWakeups(Wakeups):
    """Wake-ups over a line. Those of this process always arrive; those of others arrive while the line is open.

    Each time the line is opened, all logs are read, because wake-ups may have been missed.
    """

    def __init__(self) -> None:
        super().__init__()
        self._sender = token_hex(4)
        self._stood = False
        self._leaving: set[str] = set()
        self._due = asyncio.Event()
        self._sent = asyncio.Event()
        self._sent.set()
        self._echo = asyncio.Event()
        self._supervision: asyncio.Task[None] | None = None

    @abstractmethod
    def _open(self) -> AbstractAsyncContextManager[Line]:
        """Connect and listen; disconnect at the end."""

    async def connect(self) -> None:
        """Start to open the line. It is used once it is open: a process works without it for a while."""
        self._supervision = asyncio.create_task(self._supervise())

    async def disconnect(self) -> None:
        """Send what waits, unless the line is down, and stop."""
        if self._supervision is None:
            return
        if self.connected:
            with suppress(TimeoutError):
                await asyncio.wait_for(self._sent.wait(), FAREWELL)
        self._supervision.cancel()
        await asyncio.gather(self._supervision, return_exceptions=True)

    async def publish(self, channel: str, message: Any) -> None:
        """Wake this process at once, and the others soon. Never waits."""
        self._arrive(message)
        self._leaving.add(message)
        if len(self._leaving) > MOST:
            self._leaving = {EVERYTHING}
        self._sent.clear()
        self._due.set()

    async def _supervise(self) -> None:
        clock = asyncio.get_running_loop()
        pause = FIRST_PAUSE
        while True:
            opened = clock.time()
            try:
                async with self._open() as line, asyncio.TaskGroup() as work:
                    work.create_task(line.listen(self._hear))
                    work.create_task(self._send(line))
            except Exception as failure:
                self.last_error = _described(failure)
                self.interrupted.set()
                log.warning("wake-ups between processes are interrupted: %s", self.last_error)
            finally:
                self.stands.clear()
            if clock.time() - opened > LONGEST_PAUSE:
                pause = FIRST_PAUSE
            await asyncio.sleep(pause * random.uniform(0.5, 1))
            pause = min(2 * pause, LONGEST_PAUSE)

    async def _send(self, line: Line) -> None:
        """Send waiting wake-ups, and test from time to time whether the line still works."""
        await self._try(line)
        self._stands()
        while True:
            try:
                async with asyncio.timeout(HEARTBEAT):
                    while True:
                        await self._due.wait()
                        self._due.clear()
                        while self._leaving:
                            await self._send_some(line)
                            await asyncio.sleep(GATHERING)
                        self._sent.set()
            except TimeoutError:
                await self._try(line)

    async def _send_some(self, line: Line) -> None:
        some = {self._leaving.pop() for _ in range(min(len(self._leaving), PER_MESSAGE))}
        try:
            await line.send(f"{self._sender}:{','.join(some)}")
        except BaseException:
            self._leaving |= some
            raise

    async def _try(self, line: Line) -> None:
        """Send an empty message and wait until it comes back. Raises `ConnectionError` when it does not."""
        self._echo.clear()
        try:
            async with asyncio.timeout(HEARTBEAT):
                await line.send(f"{self._sender}:")
                await self._echo.wait()
        except TimeoutError as late:
            raise ConnectionError(f"messages sent over the line do not come back. {POOLED}") from late

    def _stands(self) -> None:
        if self._stood:
            self.reconnects += 1
            log.info("wake-ups between processes work again")
        self._stood = True
        self.stands.set()
        self.interrupted.clear()
        self._arrive(EVERYTHING)
        self._due.set()

    def _hear(self, message: str) -> None:
        sender, _, organisations = message.partition(":")
        if sender == self._sender:
            self._echo.set()
        elif organisations:
            self._arrive(*organisations.split(","))


def _described(failure: BaseException) -> str:
    while isinstance(failure, BaseExceptionGroup):
        failure = failure.exceptions[0]
    return f"{type(failure).__name__}: {failure}" if str(failure) else type(failure).__name__
