"""A run while a worker has it: what it was given, and how it writes."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any, Self
from uuid import UUID

import orjson

from engine.background.leased.kinds import WorkKind
from engine.background.leased.statements import END_RUNS, FORGET, LOCK_ATTEMPT
from models.database import Connection, Database, Row
from models.timeouts import BACKGROUND


class RunLost(Exception):
    """Another worker has the run, or it was cancelled. Nothing was written."""


@dataclass(frozen=True)
class AttemptEnd:
    """How an attempt has ended, in a word for metrics; and its run: FINISHED, FAILED with an error, or WAITING for so
    many seconds."""

    outcome: str
    state: str
    failures: int
    error: str | None = None
    seconds: float = 0.0
    given: Mapping[str, Any] | None = None


DONE = AttemptEnd("finished", "FINISHED", 0)


@dataclass(eq=False)
class LeasedRun:
    """A run as its handler sees it. `failures` is how often it has failed before this attempt."""

    database: Database
    wake: Callable[[UUID], Awaitable[None]]
    kind: WorkKind
    org_id: UUID
    id: UUID
    owner: str
    key: str
    given: Mapping[str, Any]
    attempt: int
    failures: int
    depth: int
    is_finishing: bool = False
    is_written: bool = False
    """Whether its end is written already, in a transaction of its own."""
    task: "asyncio.Task[None] | None" = field(default=None, repr=False)

    @classmethod
    def of(
        cls, database: Database, wake: Callable[[UUID], Awaitable[None]], kind: WorkKind, org_id: UUID, row: Row
    ) -> Self:
        """The run of a row that was taken."""
        given = orjson.loads(row["input"])
        held = {name: row[name] for name in ("id", "owner", "key", "attempt", "failures", "depth")}
        return cls(database, wake, kind, org_id, given=given, **held)

    @asynccontextmanager
    async def transaction(self) -> AsyncIterator[Connection]:
        """A transaction that holds the run, so that nobody takes or cancels it meanwhile. Raises `RunLost`.

        Keep it short, and ask nobody outside of the database within it.
        """
        async with self.database.transaction(BACKGROUND) as connection:
            if await LOCK_ATTEMPT.first(connection, org_id=self.org_id, id=self.id, attempt=self.attempt) is None:
                raise RunLost
            self.is_finishing = False
            yield connection
        self.is_written = self.is_finishing

    async def finish(self, connection: Connection) -> None:
        """End the run in a `transaction()`: what that writes is then written exactly once. Do nothing after it."""
        await end(connection, self.org_id, self.kind, [(self, DONE)])
        self.is_finishing = True


async def end(
    connection: Connection, org_id: UUID, kind: WorkKind, ended: "list[tuple[LeasedRun, AttemptEnd]]"
) -> set[UUID]:
    """Write how attempts of one lane ended; returns the ids of those that were still the newest."""
    found = await END_RUNS.all(
        connection,
        org_id=org_id,
        kind=kind.name,
        ids=[run.id for run, _ in ended],
        attempts=[run.attempt for run, _ in ended],
        states=[ending.state for _, ending in ended],
        failures=[ending.failures for _, ending in ended],
        errors=[ending.error for _, ending in ended],
        seconds=[ending.seconds for _, ending in ended],
        inputs=[
            None if ending.given is None else orjson.dumps(dict(ending.given), default=str).decode()
            for _, ending in ended
        ],
    )
    written = {row["id"] for row in found}
    if not kind.keeps:
        gone = [run.id for run, ending in ended if ending.state == "FINISHED" and run.id in written]
        if gone:
            await FORGET.run(connection, org_id=org_id, ids=gone)
    return written
