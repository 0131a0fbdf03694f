"""The work of one process: takes what is due, in fair turns, runs it, and writes how it ended.

find     lanes with something due, of all organisations, longest without a turn first: when woken, when something
         becomes due, and each second as the net
take     one statement a lane: a lease of 30 seconds on as many runs as the kind allows in an organisation
run      the handler of the kind; its lease is renewed meanwhile
write    how attempts ended, those of a lane that ended meanwhile in one statement

Any number of processes do the same. The turn of a lane is its lock, and `attempt` fences off those that come late.
"""

import asyncio
import logging
from collections.abc import AsyncIterator, Awaitable, Callable, Collection, Iterator, Mapping, Set
from contextlib import asynccontextmanager
from uuid import UUID

from sqlalchemy import ARRAY, Text, bindparam, text

from engine.background.leased.hands import AGAIN, Hands, Observed, unobserved
from engine.background.leased.kinds import WorkKind
from engine.background.leased.leased_run import LeasedRun
from engine.background.leased.schedules import fire_due
from engine.background.leased.statements import TAKE_RUNS
from engine.change.transaction import CONTENDED
from engine.live.feed import Feed
from models.database import UNREACHABLE, Database, Row, Statement

log = logging.getLogger("dealboard.runs")

A_TURN = 200
"""Runs of one turn of a lane, at most; and at most half of the room of a process, so that there is some for others."""

MOST_LANES = 500
"""Lanes of one look."""

TAKES = 4
"""Statements that a process has under way to take runs."""

GATHERING = 0.01
"""Seconds from one look to the next, at least."""

AHEAD = 1
"""Seconds for which what becomes due is known before, so that it is taken at its instant."""

LAST = 5.0
"""Seconds in which a process that stops has to write how its runs ended."""

LANES = Statement(
    text(
        f"""
        SELECT lane.org_id, lane.kind, lane.last_turn, lane.changes,
            CAST(extract(epoch FROM lane.next_due - statement_timestamp()) AS double precision) AS seconds
        FROM lane JOIN organisation AS own ON own.id = lane.org_id AND own.suspended_at IS NULL
        WHERE lane.kind = ANY(:kinds) AND lane.next_due <= statement_timestamp() + interval '{AHEAD} seconds'
        ORDER BY lane.next_due > statement_timestamp(), lane.last_turn NULLS FIRST, lane.next_due
        LIMIT CAST(:most AS int)
        """
    ).bindparams(bindparam("kinds", type_=ARRAY(Text())))
)
"""Lanes with something due, and the seconds until it is: those first whose last turn is longest ago."""

Late = Callable[[int, float], None]
"""Takes how many lanes have something due, and the seconds for which the longest has."""


def unlate(lanes: int, seconds: float) -> None:
    """Report nothing."""


class Takers:
    """The work of one process."""

    def __init__(
        self,
        database: Database,
        kinds: Collection[WorkKind],
        wake: Callable[[UUID], Awaitable[None]],
        observe: Observed = unobserved,
        late: Late = unlate,
    ) -> None:
        self.database = database
        self.kinds: Mapping[str, WorkKind] = {kind.name: kind for kind in kinds}
        self.wake = wake
        self.late = late
        self.heard = asyncio.Event()
        self.hands = Hands(database, self.heard, observe)
        self.next_firing = 0.0

    async def take_turns(self, seconds: float) -> None:
        """Take what is due until stopped."""
        clock = asyncio.get_running_loop().time
        while not self.hands.stopping:
            began, wait = clock(), seconds
            self.heard.clear()
            try:
                wait = await self._look(seconds)
            except Exception as failure:
                wait = AGAIN
                if not isinstance(failure, UNREACHABLE):
                    log.exception("due runs could not be taken, trying again")
            await asyncio.sleep(max(0.0, GATHERING - (clock() - began)) if wait else 0)
            if wait and not self.hands.stopping:
                try:
                    async with asyncio.timeout(wait):
                        await self.heard.wait()
                except TimeoutError:
                    pass

    async def _look(self, seconds: float) -> float:
        """Take of each lane that has something due, once; returns the seconds until the next look."""
        now = asyncio.get_running_loop().time()
        if now >= self.next_firing:
            self.next_firing = now + seconds
            await fire_due(self.database, self.kinds)
        async with self.database.acquire() as connection:
            found = await LANES.all(connection, kinds=list(self.kinds), most=MOST_LANES)
        due = [row for row in found if row["seconds"] <= 0]
        self.late(len(due), -min((row["seconds"] for row in due), default=0.0))
        rest = iter(due)
        if any(await asyncio.gather(*(self._take_some(rest) for _ in range(min(TAKES, len(due)))))):
            return 0.0
        if due and self.hands.room > 0:
            return GATHERING  # other processes have had a turn of them
        soon: list[float] = [row["seconds"] for row in found if row["seconds"] > 0]
        return max(0.001, min([seconds, *soon]))

    async def _take_some(self, lanes: Iterator[Row]) -> int:
        """Take of lanes while there is room; returns how many runs."""
        took = 0
        for lane in lanes:
            if self.hands.stopping or self.hands.room <= 0:
                break
            took += await self._take(lane)
        return took

    async def _take(self, lane: Row) -> int:
        org_id, kind = lane["org_id"], self.kinds[lane["kind"]]
        try:
            async with self.database.acquire() as connection:
                rows = await TAKE_RUNS.all(
                    connection,
                    org_id=org_id,
                    kind=kind.name,
                    at_most=kind.at_most,
                    most=min(A_TURN, max(1, self.hands.room // 2)),
                    last_turn=lane["last_turn"],
                    changes=lane["changes"],
                )
        except CONTENDED:
            return 0  # the next look finds the lane again
        for row in rows:
            self.hands.begin(LeasedRun.of(self.database, self.wake, kind, org_id, row))
        return len(rows)


@asynccontextmanager
async def taking(
    database: Database,
    kinds: Collection[WorkKind],
    feed: Feed,
    seconds: float,
    observe: Observed = unobserved,
    late: Late = unlate,
) -> AsyncIterator[Takers | None]:
    """Do work of these kinds in the background: when wake-ups come, when it is due, and after a look every so many
    seconds; 0 leaves it to other processes."""
    if seconds == 0 or not kinds:
        yield None
        return
    takers, others = Takers(database, kinds, feed.wake, observe, late), feed.woken

    def woken(organisations: Set[str]) -> None:
        others(organisations)
        takers.heard.set()

    feed.woken = woken
    turns = asyncio.create_task(takers.take_turns(seconds))
    renewing = asyncio.create_task(takers.hands.renew())
    writer = asyncio.create_task(takers.hands.write())
    try:
        yield takers
    finally:
        feed.woken = others
        await takers.hands.stop()
        takers.heard.set()
        await asyncio.wait([turns, writer], timeout=LAST)
        for task in (turns, renewing, writer):
            task.cancel()
        await asyncio.gather(turns, renewing, writer, return_exceptions=True)
