"""The runs that a process has in hand: it does their work, renews their leases, and writes how they ended."""

import asyncio
import logging
from collections import defaultdict
from collections.abc import Callable, Iterator
from uuid import UUID

from engine.background.leased.kinds import GiveUp, Later, TryAgain, WorkKind, pause_after
from engine.background.leased.leased_run import DONE, AttemptEnd, LeasedRun, RunLost, end
from engine.background.leased.statements import RENEW, SECONDS
from engine.change.transaction import CONTENDED
from models.database import UNREACHABLE, Database

log = logging.getLogger("dealboard.runs")

AT_ONCE = 250
"""Runs that a process has in hand at most."""

WRITES = 4
"""Statements that a process has under way to write how runs ended."""

RENEWED = SECONDS / 3
"""Seconds between two renewals of all leases."""

AGAIN = 1.0
"""Seconds before the next attempt when the database cannot be reached."""

FAREWELL = 20.0
"""Seconds that what is in hand has when a process stops; then its leases are given back."""

KILLED = "The worker has ended, or has taken too long, as often as it may."

Ended = tuple[tuple[UUID, WorkKind], list[tuple[LeasedRun, AttemptEnd]]]
"""A lane and how attempts of it ended."""

Observed = Callable[[str, str], None]
"""Observes each attempt that has ended: its kind, and finished, later, retried, failed, lost or given_back."""


def unobserved(kind: str, outcome: str) -> None:
    """Observe nothing."""


class Hands:
    """The runs that a process has in hand. `has_room` is set when one of them has gone."""

    def __init__(self, database: Database, has_room: asyncio.Event, observe: Observed = unobserved) -> None:
        self.database = database
        self.has_room = has_room
        self.observe = observe
        self.held: dict[UUID, LeasedRun] = {}
        self.ended: dict[tuple[UUID, WorkKind], list[tuple[LeasedRun, AttemptEnd]]] = defaultdict(list)
        self.has_ended = asyncio.Event()
        self.stopping = False

    @property
    def room(self) -> int:
        """How many more there can be. What has ended counts until it is written."""
        return AT_ONCE - len(self.held)

    def begin(self, run: LeasedRun) -> None:
        """Take a run in hand."""
        if (late := self.held.get(run.id)) is not None and late.task is not None:
            late.task.cancel()  # its lease has ended here
        self.held[run.id] = run
        run.task = asyncio.create_task(self._run(run))

    async def _run(self, run: LeasedRun) -> None:
        ending = await self._ending(run)
        if ending is None or run.is_written:
            self._drop(run, "lost" if ending is None else "finished")
        else:
            self.ended[run.org_id, run.kind].append((run, ending))
            self.has_ended.set()

    async def _ending(self, run: LeasedRun) -> AttemptEnd | None:
        """Do the work; returns how it ended, or None when that is no longer to be written."""
        if run.failures >= run.kind.failures:
            return AttemptEnd("failed", "FAILED", run.failures, KILLED)
        try:
            async with asyncio.timeout(run.kind.seconds):
                found = await run.kind.work(run)
        except RunLost:
            return None
        except GiveUp as failure:
            return AttemptEnd("failed", "FAILED", run.failures + 1, str(failure))
        except TryAgain as failure:
            return _failed(run, str(failure), failure.seconds)
        except asyncio.CancelledError:
            # The process stops, or the lease was not renewed: what is lost writes nothing, and what belongs to a
            # suspended organisation has not failed.
            return AttemptEnd("given_back", "WAITING", run.failures)
        except Exception as failure:
            log.error("the run %s (%s) failed", run.id, run.kind.name, exc_info=failure)
            code = getattr(failure, "sqlstate", None)
            return _failed(run, type(failure).__qualname__ + (f" {code}" if code else ""))
        if isinstance(found, Later):
            return AttemptEnd("later", "WAITING", 0, None, found.seconds, found.given)
        return DONE

    def _drop(self, run: LeasedRun, outcome: str) -> None:
        if self.held.get(run.id) is run:
            del self.held[run.id]
        self.observe(run.kind.name, outcome)
        self.has_room.set()

    async def write(self) -> None:
        """Write how attempts ended, until nothing is in hand after a stop."""
        while self.held or not self.stopping:
            await self.has_ended.wait()
            self.has_ended.clear()
            while lanes := list(self.ended):
                rest = iter([(lane, self.ended.pop(lane)) for lane in lanes])
                await asyncio.gather(*(self._write_some(rest) for _ in range(min(WRITES, len(lanes)))))

    async def _write_some(self, lanes: Iterator[Ended]) -> None:
        for (org_id, kind), ended in lanes:
            written = await self._write(org_id, kind, ended)
            for run, ending in ended:
                self._drop(run, ending.outcome if run.id in written else "lost")

    async def _write(self, org_id: UUID, kind: WorkKind, ended: list[tuple[LeasedRun, AttemptEnd]]) -> set[UUID]:
        """Write it; returns the ids of those whose worker it still was. While the database is away it tries again: when
        the leases have ended meanwhile, nothing is written."""
        while True:
            try:
                async with self.database.acquire() as connection:
                    return await end(connection, org_id, kind, ended)
            except (*CONTENDED, *UNREACHABLE) as failure:
                log.warning("how runs ended could not be written, trying again: %r", failure)
                await asyncio.sleep(AGAIN)
            except Exception:
                log.exception("how runs ended could not be written: they are taken again when their leases end")
                return set()

    async def renew(self) -> None:
        """Renew all leases again and again; what is lost is stopped."""
        while True:
            await asyncio.sleep(RENEWED)
            held: dict[UUID, list[LeasedRun]] = defaultdict(list)
            for run in self.held.values():
                held[run.org_id].append(run)
            for org_id, runs in held.items():
                try:
                    async with self.database.acquire() as connection:
                        ids, attempts = [run.id for run in runs], [run.attempt for run in runs]
                        found = await RENEW.all(connection, org_id=org_id, ids=ids, attempts=attempts)
                except Exception as failure:
                    log.warning("leases could not be renewed, trying again: %r", failure)
                    continue
                kept = {row["id"] for row in found}
                for run in runs:
                    if run.id not in kept and run.task is not None:
                        run.task.cancel()

    async def stop(self) -> None:
        """Take nothing more; what is in hand has `FAREWELL` seconds, then its leases are given back."""
        self.stopping = True
        tasks = [run.task for run in self.held.values() if run.task is not None]
        if tasks:
            _, late = await asyncio.wait(tasks, timeout=FAREWELL)
            for task in late:
                task.cancel()
            await asyncio.gather(*late, return_exceptions=True)
        for run in self.held.values():
            if run.task is not None and run.task.cancelled():  # before it has begun
                self.ended[run.org_id, run.kind].append((run, AttemptEnd("given_back", "WAITING", run.failures)))
        self.has_ended.set()


def _failed(run: LeasedRun, error: str, asked: float = 0.0) -> AttemptEnd:
    """How an attempt has ended that failed."""
    failures = run.failures + 1
    if failures >= run.kind.failures:
        return AttemptEnd("failed", "FAILED", failures, error)
    return AttemptEnd("retried", "WAITING", failures, error, pause_after(failures, asked))
