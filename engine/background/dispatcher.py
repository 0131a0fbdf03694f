"""The dispatcher: finds the organisations whose consumers are behind, and makes their batches, in every process.

wake-up   names organisations whose logs have grown; all that arrived within `GATHERING` are asked for in one statement
rest      an organisation rests after a batch, `REST` times as long as it took: what happens meanwhile is one batch, so
          consumers take little of the time of an organisation that changes a lot, and none of the time of others
look      each second, at the next 500 organisations in the order of their ids: the net below the wake-ups
turn      one batch of a consumer of an organisation, then the next one's: who has many events behind is last in the
          line after each batch, so nobody waits for more than one batch of each

A look costs the same with 10,000 organisations as with 500, because it goes on where the last one ended. What was found
to be behind is asked for again at each look, until it has caught up: also when the process that had it was killed.
"""

import asyncio
import logging
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable, Collection, Set
from contextlib import asynccontextmanager
from typing import Any
from uuid import UUID

from engine.background.behind import FIRST, Behind, Key, Report, find, lags_of, look_on, unreported
from engine.background.consumers import Consumer, Progress, consume, start
from engine.live.feed import Feed
from engine.live.wakeups import EVERYTHING
from models.database import UNREACHABLE, Database, Row

log = logging.getLogger("dealboard.consumers")

GATHERING = 0.03
"""Seconds after a wake-up in which others are gathered. A process that is a little later finds that nothing is left to
do, and a busy log is read in batches instead of event by event."""

REST = 20.0
"""How many times as long as its last batch took an organisation rests, unless more events wait than one batch handles:
a twentieth of a process's time is what consumers take from somebody's stream of changes."""

LONGEST_REST = 1.0
"""Seconds that a rest takes at most."""

LANES = 2
"""Batches that a process makes at once: an organisation whose batch waits for a lock does not stop all others."""

AGAIN = 1.0
"""Seconds before the next attempt when the database cannot be reached."""

FAREWELL = 5.0
"""Seconds that the batches at hand have when a process stops."""


class Dispatcher:
    """The consumers of one process."""

    def __init__(
        self,
        database: Database,
        consumers: Collection[Consumer],
        wake: Callable[[UUID], Awaitable[None]],
        report: Report = unreported,
    ) -> None:
        self.database = database
        self.consumers = {consumer.name: consumer for consumer in consumers}
        self.names = list(self.consumers)
        self.wake = wake
        self.report = report
        self.behind: dict[Key, Behind] = {}
        self.line: asyncio.Queue[Key] = asyncio.Queue()
        self.queued: set[Key] = set()
        self.failures: Counter[str] = Counter()
        self.named: set[UUID] = set()
        self.at_hand: set[Key] = set()
        self.rests: dict[UUID, float] = {}
        """Until when organisations rest, in the time of the loop."""
        self.heard = asyncio.Event()
        self.after = FIRST
        self.round = True
        """Whether all organisations are to be looked at now, because wake-ups may have been missed."""
        self.stopping = False

    def woken(self, organisations: Set[str]) -> None:
        """Remember the organisations of a wake-up."""
        if EVERYTHING in organisations:
            self.after, self.round = FIRST, True
        else:
            self.named |= {UUID(one) for one in organisations}
        self.heard.set()

    async def gather(self) -> None:
        """Find what the wake-ups name, as they arrive."""
        while True:
            await self.heard.wait()
            await asyncio.sleep(GATHERING)
            self.heard.clear()
            if rested := self._rested():
                self.named -= rested
                await self._patiently(lambda rested=rested: self._find(rested))  # type: ignore[misc]

    def _rested(self) -> set[UUID]:
        """The named organisations that neither have a batch at hand nor rest. The end of either looks again."""
        loop = asyncio.get_running_loop()
        now = loop.time()
        self.rests = {org_id: until for org_id, until in self.rests.items() if until > now}
        resting = self.named & self.rests.keys()
        if resting:
            loop.call_at(min(self.rests[org_id] for org_id in resting), self.heard.set)
        return self.named - resting - {org_id for org_id, _ in self.at_hand}

    async def look(self, seconds: float) -> None:
        """Look every so many seconds at what is behind and at the next organisations."""
        while True:
            await self._patiently(self._look_once)
            self.report(lags_of(self.names, self.behind, self.failures))
            self.failures.clear()
            if not self.round:
                await asyncio.sleep(seconds)

    async def take_turns(self) -> None:
        """Make batches, one of each that is in the line."""
        while not self.stopping:
            key = await self.line.get()
            self.queued.discard(key)
            if self.stopping:
                return
            await self._patiently(lambda key=key: self._turn(key))  # type: ignore[misc]

    def stop(self) -> None:
        """Begin no other batch."""
        self.stopping = True
        for _ in range(LANES):
            self.line.put_nowait((FIRST, ""))

    async def _patiently(self, work: Callable[[], Awaitable[Any]]) -> None:
        """Do this, and go on later when the database cannot be reached or something unexpected happens: the next looks
        find what is left."""
        try:
            await work()
        except Exception as failure:
            if not isinstance(failure, UNREACHABLE):
                log.exception("consumers could not be looked after, trying again")
            await asyncio.sleep(AGAIN)

    async def _turn(self, key: Key) -> None:
        if key in self.at_hand:
            return
        org_id, name = key
        loop = asyncio.get_running_loop()
        began = loop.time()
        self.at_hand.add(key)
        try:
            progress = await consume(self.database, self.consumers[name], org_id, self.wake)
        finally:
            self.at_hand.discard(key)
            if org_id in self.named:
                self.heard.set()
        if progress is Progress.MORE:
            self._queue(key)
        elif progress is Progress.CAUGHT_UP:
            self.behind.pop(key, None)
            ended = loop.time()
            self.rests[org_id] = ended + min(LONGEST_REST, REST * (ended - began))
        elif progress is Progress.FAILED:
            self.failures[name] += 1

    async def _look_once(self) -> None:
        if self.behind and not self.round:
            await self._find({org_id for org_id, _ in self.behind})
        found, following = await look_on(self.database, self.names, self.after)
        await self._note(found)
        self.after = following or FIRST
        self.round = self.round and following is not None

    async def _find(self, org_ids: Set[UUID]) -> None:
        found = await find(self.database, self.names, org_ids)
        await self._note(found)
        for key in self.behind.keys() - {(row["org_id"], row["name"]) for row in found}:
            if key[0] in org_ids:
                del self.behind[key]

    async def _note(self, found: list[Row]) -> None:
        """Remember what is behind, and put in the line what can be done about it."""
        for row in found:
            key = row["org_id"], row["name"]
            if row["position"] is None:
                await start(self.database, *key)
            elif row["state"] == "RUNNING" and row["position"] >= row["head"]:
                continue  # the last organisation of a page
            else:
                events = row["head"] - row["position"]
                self.behind[key] = Behind(events, row["since"], row["failures"], row["state"] != "RUNNING")
            if row["state"] != "EXPIRED" and not row["waits"]:
                self._queue(key)

    def _queue(self, key: Key) -> None:
        if key not in self.queued:
            self.queued.add(key)
            self.line.put_nowait(key)


@asynccontextmanager
async def dispatching(
    database: Database, consumers: Collection[Consumer], feed: Feed, seconds: float, report: Report = unreported
) -> AsyncIterator[None]:
    """Run consumers in the background: when wake-ups come, and after a look every so many seconds; 0 leaves them to
    other processes. At the end no batch is begun; those at hand have `FAREWELL` seconds, then they are taken back."""
    if seconds == 0 or not consumers:
        yield
        return
    dispatcher, others = Dispatcher(database, consumers, feed.wake, report), feed.woken

    def woken(organisations: Set[str]) -> None:
        others(organisations)
        dispatcher.woken(organisations)

    feed.woken = woken
    finding = [asyncio.create_task(dispatcher.gather()), asyncio.create_task(dispatcher.look(seconds))]
    lanes = [asyncio.create_task(dispatcher.take_turns()) for _ in range(LANES)]
    try:
        yield
    finally:
        feed.woken = others
        dispatcher.stop()
        for task in finding:
            task.cancel()
        await asyncio.wait(lanes, timeout=FAREWELL)
        for task in lanes:
            task.cancel()
        await asyncio.gather(*finding, *lanes, return_exceptions=True)
