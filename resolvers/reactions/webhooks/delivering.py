"""The deliveries of one process: finds webhooks with something to send, and holds their leases while it sends.

It looks when a log grows that a webhook may follow, and every so many seconds. Any number of processes do the same: the
lease decides. What a process holds is looked at each time, so that a webhook that is changed, paused, or of an
organisation that is suspended is sent nothing more.
"""

import asyncio
import logging
import time
from collections import defaultdict
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from uuid import UUID

from engine.engine import Engine
from engine.live.wakeups import CHANNEL, EVERYTHING
from engine.outgoing.http import GuardedHttp
from engine.outgoing.sealed import Sealer
from models.database import UNREACHABLE
from resolvers.reactions.webhooks import leases
from resolvers.reactions.webhooks.attempts import Attempted
from resolvers.reactions.webhooks.opening import open_session
from resolvers.reactions.webhooks.pruning import prune_attempts
from resolvers.reactions.webhooks.reading import Sending, unobserved
from resolvers.reactions.webhooks.session import WebhookSession
from resolvers.reactions.webhooks.storing import WebhookLease

log = logging.getLogger("dealboard.webhooks")

MOST_AT_A_LOOK = 200
"""Webhooks that one look takes; the next look takes the next ones."""

COALESCED = 0.005
"""Seconds between two looks for wake-ups."""

RENEWED = leases.SECONDS / 3
"""Seconds between two renewals of all leases."""

PRUNED = 3_600.0
"""Seconds between two prunings of old attempts."""

LAST = 5.0
"""Seconds that requests under way have at the end."""

Key = tuple[UUID, UUID]


@dataclass
class WebhookDeliveries:
    """The webhooks that this process sends to."""

    sending: Sending
    sealer: Sealer | None
    seconds: float
    sessions: dict[Key, WebhookSession] = field(default_factory=dict)
    tasks: dict[Key, asyncio.Task[None]] = field(default_factory=dict)
    active: dict[UUID, int] = field(default_factory=dict)
    woken: set[UUID] = field(default_factory=set)
    wake: asyncio.Event = field(default_factory=asyncio.Event)

    @property
    def in_flight(self) -> int:
        """Requests that are under way."""
        return sum(len(session.attempts) for session in self.sessions.values())

    async def run(self) -> None:
        """Look until cancelled."""
        listening = asyncio.create_task(self._listen())
        renewed = pruned = looked = 0.0
        try:
            while True:
                now = time.monotonic()
                try:
                    if now - looked >= self.seconds:
                        looked = now
                        await self._look()
                        if now - renewed >= RENEWED:
                            renewed = now
                            await self._renew()
                        if now - pruned >= PRUNED:
                            pruned = now
                            await prune_attempts(self.sending.engine.database, list(self.active))
                    await self._look_at_woken()
                except UNREACHABLE as failure:
                    log.warning("webhooks could not be looked at, trying again: %s", failure)
                except Exception:
                    log.exception("looking at webhooks failed, trying again")
                await self._pause(looked + self.seconds)
        finally:
            listening.cancel()
            await self._end()

    async def _pause(self, until: float) -> None:
        await asyncio.sleep(COALESCED)
        try:
            async with asyncio.timeout(max(0.0, until - time.monotonic())):
                await self.wake.wait()
        except TimeoutError:
            pass
        self.wake.clear()

    async def _listen(self) -> None:
        async with self.sending.engine.feed.broadcast.subscribe(CHANNEL) as heard:
            while True:
                named = (await heard.get()).message.split(",")
                self.woken |= self.active.keys() & (
                    self.active.keys() if EVERYTHING in named else {UUID(one) for one in named if one}
                )
                if self.woken:
                    self.wake.set()

    async def _look(self) -> None:
        """Look at all organisations, and at what this process holds."""
        async with self.sending.engine.database.acquire() as connection:
            self.active = {row["org_id"]: row["webhooks"] for row in await leases.ACTIVE.all(connection)}
            due = await leases.DUE.all(connection, most=MOST_AT_A_LOOK)
        await self._look_at_held(list(self.sessions.values()))
        for row in due:
            await self._take(row["org_id"], row["webhook_id"])

    async def _look_at_woken(self) -> None:
        """Look at organisations whose logs have grown, where a webhook may not be held by this process."""
        woken, self.woken = self.woken, set()
        held: dict[UUID, list[WebhookSession]] = defaultdict(list)
        for session in self.sessions.values():
            held[session.lease.org_id].append(session)
        for org_id in woken & self.active.keys():
            if len(held[org_id]) >= self.active[org_id]:
                continue
            async with self.sending.engine.database.acquire() as connection:
                due = await leases.DUE_IN.all(connection, org_id=org_id)
            for row in due:
                await self._take(org_id, row["webhook_id"])

    async def _look_at_held(self, sessions: list[WebhookSession]) -> None:
        """Stop what is no longer to be sent, or is to be sent in another way."""
        if not sessions:
            return
        async with self.sending.engine.database.acquire() as connection:
            found = await leases.HELD.all(
                connection,
                org_ids=list({session.lease.org_id for session in sessions}),
                ids=[session.lease.webhook_id for session in sessions],
            )
        rows = {row["id"]: row for row in found}
        for session in sessions:
            row = rows.get(session.lease.webhook_id)
            if row is None or row["lease"] != session.lease.number:
                session.stop(lost=True)
            elif row["suspended"] or row["version"] != session.version or row["test_id"] is not None:
                session.stop()
            else:
                session.look()

    async def _renew(self) -> None:
        held: dict[UUID, list[WebhookLease]] = defaultdict(list)
        for session in self.sessions.values():
            held[session.lease.org_id].append(session.lease)
        for org_id, own in held.items():
            async with self.sending.engine.database.acquire() as connection:
                await leases.RENEW.run(
                    connection,
                    org_id=org_id,
                    webhook_ids=[lease.webhook_id for lease in own],
                    leases=[lease.number for lease in own],
                )

    async def _take(self, org_id: UUID, webhook_id: UUID) -> None:
        key = org_id, webhook_id
        if key in self.sessions:
            return
        session = await open_session(self.sending, self.sealer, org_id, webhook_id)
        if session is not None:
            self.sessions[key] = session
            self.tasks[key] = asyncio.create_task(self._run(key, session))

    async def _run(self, key: Key, session: WebhookSession) -> None:
        try:
            await session.run()
        except UNREACHABLE as failure:
            log.warning("the webhook %s could not be sent to: %s", key[1], failure)
        except Exception:
            log.exception("sending to the webhook %s failed", key[1])
        finally:
            del self.sessions[key], self.tasks[key]
            self.woken.add(key[0])  # there may be more to send
            self.wake.set()

    async def _end(self) -> None:
        """Let requests under way end, write how far they are, and give the leases back."""
        tasks = list(self.tasks.values())
        for session in self.sessions.values():
            session.stop()
        if tasks:
            _, late = await asyncio.wait(tasks, timeout=LAST)
            for task in late:
                task.cancel()
            await asyncio.gather(*late, return_exceptions=True)


@asynccontextmanager
async def delivering(
    engine: Engine, http: GuardedHttp, sealer: Sealer | None, seconds: float, observe: Attempted = unobserved
) -> AsyncIterator[WebhookDeliveries | None]:
    """Deliver in the background; with 0 seconds, other processes do."""
    if seconds == 0:
        yield None
        return
    deliveries = WebhookDeliveries(Sending(engine, http, observe), sealer, seconds)
    task = asyncio.create_task(deliveries.run())
    try:
        yield deliveries
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
