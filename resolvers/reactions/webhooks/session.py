"""One endpoint, for as long as this process holds its lease: reads events, sends them, and writes how far it is.

Nothing of the database is held while a request is under way. What has happened since the last time is written in one
transaction, again and again; after a kill, another process goes on from there, and what was delivered in between is
delivered again with the same ids.
"""

import asyncio
import logging
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from uuid import UUID

from models.tables.base import utc_now
from models.tables.webhook import DisabledReason
from resolvers.reactions.webhooks import leases
from resolvers.reactions.webhooks.attempts import Endpoint, WebhookOutcome, attempt
from resolvers.reactions.webhooks.judging import judge
from resolvers.reactions.webhooks.messages import Message, test_message
from resolvers.reactions.webhooks.queue import SendingQueue
from resolvers.reactions.webhooks.reading import LATER, EventReading, Sending
from resolvers.reactions.webhooks.standing import Standing
from resolvers.reactions.webhooks.storing import LeaseLost, WebhookLease, Written, write
from resolvers.reads.events import attempted

log = logging.getLogger("dealboard.webhooks")

WRITE_EVERY = 0.03
"""Seconds from the first news to their write, so that many deliveries share one."""

PASS_EVERY = 1.0
"""Seconds between two writes that only pass events which the webhook does not select."""

IDLE = timedelta(seconds=20)
"""Time without anything to send after which the lease is given back."""

SHORT = timedelta(seconds=2)
"""Time of waiting for which the lease is not given back."""

SOONEST = 0.01
"""Seconds that a session waits at least: clocks of a loop and of a machine differ a little."""


@dataclass
class WebhookSession:
    """An endpoint while its lease is held."""

    sending: Sending
    lease: WebhookLease
    endpoint: Endpoint
    organisation: str
    version: int
    queue: SendingQueue
    standing: Standing
    reading: EventReading | None
    test_id: UUID | None = None
    changed: asyncio.Event = field(default_factory=asyncio.Event)
    news: asyncio.Event = field(default_factory=asyncio.Event)
    """Something is to be written."""
    written: Written = field(default_factory=Written)
    attempts: set[asyncio.Task[None]] = field(default_factory=set)
    stopping: bool = False
    is_lost: bool = False
    is_closed: bool = False
    quiet_since: datetime = field(default_factory=utc_now)
    kept: int = -1
    """The position that was written last."""
    kept_at: datetime = field(default_factory=utc_now)

    def stop(self, *, lost: bool = False) -> None:
        """Send nothing more, and end when what is under way has ended."""
        self.stopping = True
        self.is_lost = self.is_lost or lost
        self.changed.set()

    async def run(self) -> None:
        """Send until there is nothing to send, the endpoint has to be left alone, or the lease is lost."""
        reader = asyncio.create_task(self._read())
        writer = asyncio.create_task(self._keep_writing())
        try:
            while not self._is_over():
                self.changed.clear()
                self._begin()
                await self._wait()
        finally:
            reader.cancel()
            for task in self.attempts if self.is_lost else ():
                task.cancel()
            await asyncio.gather(reader, *self.attempts, return_exceptions=True)
            self.is_closed = True
            self.news.set()
            await writer  # a write that is cancelled would be lost, and what it holds with it
        if not self.is_lost:
            await self._write(released=True)

    def _is_over(self) -> bool:
        if self.is_lost:
            return True
        if self.attempts:
            return False
        now = utc_now()
        if self.stopping or self.written.disabled is not None:
            return True
        if self.test_id is not None:
            return False
        if self.reading is None:
            return True
        if self.standing.is_resting(now):
            return self.standing.resume_at is not None and self.standing.resume_at > now + SHORT
        due = self.queue.next_due()
        is_due = due is not None and due <= now + SHORT
        return not is_due and now - self.quiet_since > IDLE

    async def _wait(self) -> None:
        """Until something has happened, something is due, or nothing has been for long."""
        if self._is_over():
            return
        now = utc_now()
        at = [self.queue.next_due(), self.standing.resume_at, None if self.attempts else self.quiet_since + IDLE]
        soon = min([(one - now).total_seconds() for one in at if one is not None and one > now], default=None)
        try:
            async with asyncio.timeout(soon and soon + SOONEST):
                await self.changed.wait()
        except TimeoutError:
            pass

    def _begin(self) -> None:
        """Start what may be sent now."""
        if self.stopping or self.written.disabled is not None:
            return
        now = utc_now()
        if self.test_id is not None:
            test, self.test_id = self.test_id, None
            self._start([test_message(test, self.organisation, now)], self._test)
        if self.reading is None or self.standing.is_resting(now):
            return
        if not self.standing.is_open:
            for message in self.queue.behind_stored():
                self.written.waits(message)
                self.news.set()
        self._start(self.queue.probe() if self.standing.is_open else self.queue.due(now), self._deliver)
        if self.reading is not None and not self.queue.is_full:
            self.reading.room.set()

    def _start(self, messages: Iterable[Message], send: Callable[[Message], object]) -> None:
        for message in messages:
            task: asyncio.Task[None] = asyncio.create_task(send(message))  # type: ignore[arg-type]
            self.attempts.add(task)
            task.add_done_callback(self._ended)

    def _ended(self, task: asyncio.Task[None]) -> None:
        self.attempts.discard(task)
        self.quiet_since = utc_now()
        if not task.cancelled() and (failure := task.exception()) is not None:
            log.warning("sending to the webhook %s failed here: %r", self.lease.webhook_id, failure)
            self.stop(lost=True)
        self.news.set()
        self.changed.set()

    async def _attempt(self, message: Message) -> WebhookOutcome:
        async with self.sending.places:
            return await attempt(self.sending.http, self.endpoint, message, self.sending.observe)

    async def _test(self, message: Message) -> None:
        outcome = await self._attempt(message)
        self.written.tested = message.event_id
        self.written.tried.append((message, outcome))

    async def _deliver(self, message: Message) -> None:
        if message.stored and not message.body:
            async with self.sending.engine.database.acquire() as connection:
                whose = {"org_id": self.lease.org_id, "webhook_id": self.lease.webhook_id}
                body = await leases.BODY.value(connection, **whose, id=message.event_id)
            if body is None:  # it was skipped
                self.queue.waiting.pop(message.number, None)
                self.queue.sending.pop(message.number, None)
                return
            message.body = body
        outcome = await self._attempt(message)
        self.queue.sending.pop(message.number, None)
        self.written.tried.append((message, outcome))
        judge(self.queue, self.standing, self.written, message, outcome)

    async def _read(self) -> None:
        """Read events of the log into the queue."""
        if self.reading is None:
            return
        try:
            found = await self.reading.run(self.queue, self.changed)
        except Exception:
            log.exception("reading for the webhook %s failed, trying again", self.lease.webhook_id)
            found = LATER
        if isinstance(found, DisabledReason):
            self.written.disabled = found
        elif found:
            self.standing.resume_at = utc_now() + timedelta(seconds=found)
        else:
            self.stop()
        self.changed.set()

    def look(self) -> None:
        """Have it written soon when the log has gone on without anything to send. Each look of the process asks."""
        if self._position() > self.kept:
            self.news.set()

    async def _keep_writing(self) -> None:
        while not self.is_closed:
            await self.news.wait()
            await asyncio.sleep(WRITE_EVERY)
            self.news.clear()
            if not self.is_lost and self._has_news():
                await self._write(released=False)

    def _has_news(self) -> bool:
        what = self.written
        news = (what.stored, what.deferred, what.done, what.tried, what.hurried, what.warned, what.tested)
        is_late = utc_now() - self.kept_at > timedelta(seconds=PASS_EVERY)
        return any(news) or (self._position() > self.kept and is_late)

    def _position(self) -> int:
        if self.reading is not None:
            self.reading.pass_unselected(self.queue)
        return self.queue.position

    async def _write(self, *, released: bool) -> None:
        position, what, self.written = self._position(), self.written, Written(disabled=self.written.disabled)
        if not released:
            what.disabled = None
        stored = [message for message in self.queue.waiting.values() if message.stored]
        database = self.sending.engine.database
        try:
            if await write(database, self.lease, what, self.standing, position, released=released):
                await self.sending.engine.feed.wake(self.lease.org_id)
            if what.tried:
                self.sending.engine.feed.wake_here(self.lease.org_id, attempted.ATTEMPTS)
        except LeaseLost:
            self.stop(lost=True)
        except Exception as failure:
            # What was to be written is not there any more. The next session begins where the last write left off.
            log.warning("how far the webhook %s is could not be written: %r", self.lease.webhook_id, failure)
            self.stop(lost=True)
        self.kept, self.kept_at = position, utc_now()
        for message in stored:
            if message.number not in self.queue.sending:
                message.body = b""
