"""`python -m bench.working`: how fast work that waits for a worker is taken, begun and taken over.

Each row asks for work that does nothing but say when it began, and starts processes that do it. They, PostgreSQL and
this process share the processors of this machine; the load before the measurement is shown with the results.
"""

import asyncio
import os
import signal
import sys
import time
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from statistics import quantiles
from typing import Annotated, Any
from urllib.parse import urlsplit, urlunsplit
from uuid import UUID

import asyncpg
import typer
import uvloop
from rich.console import Console
from rich.table import Table

from bench.__main__ import postgres
from engine.background.leased.asking import WorkAsked, ask
from engine.background.leased.kinds import WorkKind
from engine.background.leased.leased_run import LeasedRun
from engine.background.leased.takers import taking
from engine.live.feed import Feed
from engine.live.wakeups_postgres import PostgresWakeups
from models.database import Database
from models.migrate import migrate
from models.tables.base import organisation_id
from resolvers.domain import CRM

DATABASE = "dealboard_working"
ONE, OTHER = organisation_id("working-one"), organisation_id("working-other")
LINE = 2_000
"""Pieces of work that are asked for in one statement."""

console = Console(width=None if sys.stdout.isatty() else 120)


async def begin(run: LeasedRun) -> None:
    """Do nothing; of some kinds, say when, or hang."""
    if run.kind.name != "nothing":
        print(run.key, time.monotonic(), flush=True)
    if run.kind.name == "hanging":
        await asyncio.Event().wait()


KINDS = [
    WorkKind("nothing", begin, at_most=100_000),
    WorkKind("timed", begin, at_most=100_000),
    WorkKind("hanging", begin, at_most=100_000, seconds=600),
]


async def worker(url: str) -> None:
    """A process that does this work until its input ends."""
    async with (
        Database.open(url, max_size=10) as database,
        Feed.open(database, CRM, 1.0, PostgresWakeups(url)) as feed,
        taking(database, KINDS, feed, 1.0),
    ):
        print("working", 0, flush=True)
        await asyncio.to_thread(sys.stdin.read)


class Bench:
    """The database, and processes that work."""

    def __init__(self, database: Database, feed: Feed) -> None:
        self.database = database
        self.feed = feed

    @asynccontextmanager
    async def workers(self, count: int) -> AsyncIterator[list[asyncio.subprocess.Process]]:
        """So many processes that work."""
        command = [sys.executable, "-m", "bench.working", "--worker", self.database.url]
        pipe = asyncio.subprocess.PIPE
        found = [await asyncio.create_subprocess_exec(*command, stdin=pipe, stdout=pipe) for _ in range(count)]
        try:
            for one in found:
                assert await self.said(one) == ("working", 0.0)
            yield found
        finally:
            for one in found:
                if one.returncode is None:
                    one.terminate()
                await one.wait()

    async def said(self, process: asyncio.subprocess.Process) -> tuple[str, float]:
        """What a process says next: the key of what it has begun, and when."""
        assert process.stdout is not None
        key, at = (await process.stdout.readline()).split()
        return key.decode(), float(at)

    async def empty(self) -> None:
        """Nothing waits."""
        await self.database.pool.execute("TRUNCATE run, lane CASCADE")

    async def ask(self, kind: str, count: int, org_id: UUID = ONE) -> None:
        """Ask for so much work."""
        for start in range(0, count, LINE):
            names = range(start, min(start + LINE, count))
            async with self.database.transaction(60) as connection:
                await ask(connection, org_id, [WorkAsked(kind, "bench", f"{nth}") for nth in names])

    async def begun(self, kind: str, key: str, org_id: UUID = ONE) -> float:
        """Ask for one piece of work and wake; returns the instant of the commit."""
        async with self.database.transaction(60) as connection:
            await ask(connection, org_id, [WorkAsked(kind, "bench", key)])
        at = time.monotonic()
        await self.feed.wake(org_id)
        return at

    async def until(self, query: str, *values: Any) -> None:
        """Wait until the query finds something true."""
        while not await self.database.pool.fetchval(query, *values):  # noqa: ASYNC110
            await asyncio.sleep(0.02)

    async def measured(self, count: int) -> float:
        """Wait for all; returns how many a second ended, from the first to the last, as PostgreSQL wrote them."""
        ended = "SELECT count(*) >= $1 FROM run WHERE state = 'FINISHED'"
        await self.until(ended, count)
        seconds = "SELECT extract(epoch FROM max(finished_at) - min(finished_at)) FROM run WHERE state = 'FINISHED'"
        return count / float(await self.database.pool.fetchval(seconds))

    async def rate(self, processes: int, count: int) -> float:
        """Work that does nothing, and waited before the processes began."""
        await self.empty()
        await self.ask("nothing", count)
        async with self.workers(processes):
            return await self.measured(count)


async def latency(bench: Bench) -> str:
    """From the commit to the start, one at a time."""
    await bench.empty()
    times = []
    async with bench.workers(1) as (one,):
        for nth in range(300):
            asked = await bench.begun("timed", str(nth))
            key, at = await bench.said(one)
            assert key == str(nth)
            times.append(1000 * (at - asked))
            await asyncio.sleep(0.01)
    cut = quantiles(times, n=100)
    return f"p50 {cut[49]:.1f}, p99 {cut[98]:.1f} ms"


async def takeover(bench: Bench) -> str:
    """From kill -9 of the process that has it to the start in another."""
    await bench.empty()
    async with bench.workers(2) as (one, other):
        await bench.begun("hanging", "held")
        saying = {asyncio.create_task(bench.said(process)): process for process in (one, other)}
        done, left = await asyncio.wait(saying, return_when=asyncio.FIRST_COMPLETED)
        killed = time.monotonic()
        saying[done.pop()].send_signal(signal.SIGKILL)
        _, at = await left.pop()
    return f"{at - killed:.1f} s"


async def terminated(bench: Bench) -> str:
    """From the end of all backends of a process to the start of work that is asked for then."""
    await bench.empty()
    async with bench.workers(1) as (one,):
        await bench.begun("timed", "before")
        await bench.said(one)
        await bench.database.pool.execute(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = current_database() AND pid <> ALL("
            "SELECT pid FROM pg_stat_activity WHERE backend_start < $1) AND pid <> pg_backend_pid()",
            await bench.database.pool.fetchval("SELECT now() - interval '1 hour'"),
        )
        asked = time.monotonic()
        await bench.begun("timed", "after")
        _, at = await bench.said(one)
    return f"{at - asked:.2f} s"


async def fairness(bench: Bench) -> str:
    """The first of an organisation behind 100,000 that wait in another."""
    await bench.empty()
    await bench.ask("nothing", 100_000)
    async with bench.workers(1) as (one,):
        await bench.until("SELECT count(*) > 1000 FROM (SELECT 1 FROM run WHERE state = 'FINISHED' LIMIT 1001) AS few")
        asked = await bench.begun("timed", "first", OTHER)
        _, at = await bench.said(one)
        waiting = await bench.database.pool.fetchval("SELECT count(*) FROM run WHERE state = 'WAITING'")
    return f"{at - asked:.2f} s ({waiting:,} waited then)"


async def many(bench: Bench, count: int = 10_000) -> float:
    """One piece of work of each of many organisations."""
    await bench.empty()
    await bench.database.pool.execute(
        "INSERT INTO organisation (id, key, name) SELECT md5('bench' || nth)::uuid, 'bench ' || nth, 'Bench'"
        " FROM generate_series(1, $1) AS nth ON CONFLICT DO NOTHING",
        count,
    )
    await bench.database.pool.execute(
        "INSERT INTO run (org_id, id, kind, input, state, total, owner, key, due_at)"
        " SELECT id, id, 'nothing', '{}', 'WAITING', 1, 'bench', 'one', now() FROM organisation"
        " WHERE key LIKE 'bench %'",
    )
    await bench.database.pool.execute("INSERT INTO lane (org_id, kind, next_due) SELECT org_id, kind, due_at FROM run")
    async with bench.workers(1):
        return await bench.measured(count)


async def waiting(bench: Bench, count: int) -> float:
    """Work that does nothing, beside so many rows that wait for tomorrow in the same lane."""
    await bench.empty()
    for start in range(0, count, 50_000):
        await bench.database.pool.execute(
            "INSERT INTO run (org_id, id, kind, input, state, total, owner, key, due_at) SELECT $1, gen_random_uuid(),"
            " 'nothing', '{}', 'WAITING', 1, 'tomorrow', nth::text, now() + interval '1 day'"
            " FROM generate_series($2::int, $3::int) AS nth",
            *(ONE, start + 1, min(start + 50_000, count)),
        )
    await bench.database.pool.execute("ANALYZE run")
    await bench.ask("nothing", 20_000)
    async with bench.workers(1):
        return await bench.measured(20_000)


async def idle(bench: Bench) -> str:
    """Statements of a process that has nothing to do."""
    await bench.empty()
    count = 0

    def ran(_: float) -> None:
        nonlocal count
        count += 1

    async with (
        Database.open(bench.database.url, ran=ran) as database,
        Feed.open(database, CRM, 1.0) as feed,
        taking(database, KINDS, feed, 1.0),
    ):
        await asyncio.sleep(2)
        before = count
        await asyncio.sleep(10)
        return f"{(count - before) / 10:.1f} a second"


async def measure(server_url: str, only: Sequence[str], count: int, beside: int) -> list[tuple[str, str, str]]:
    """All rows."""
    parts = urlsplit(server_url)
    admin = await asyncpg.connect(server_url)
    await admin.execute(f"DROP DATABASE IF EXISTS {DATABASE} WITH (FORCE)")
    await admin.execute(f"CREATE DATABASE {DATABASE}")
    await admin.close()
    url = urlunsplit(parts._replace(path=f"/{DATABASE}"))
    await migrate(url)
    rows = []
    async with Database.open(url) as database, Feed.open(database, CRM, 1.0, PostgresWakeups(url)) as feed:
        await database.pool.execute(
            "INSERT INTO organisation (id, key, name) VALUES ($1, 'one', 'One'), ($2, 'other', 'Other')", ONE, OTHER
        )
        bench = Bench(database, feed)
        tries: dict[str, tuple[str, str, Any]] = {
            "one": ("nothing-runs a second, one process", "≥ 5,000", lambda: bench.rate(1, count)),
            "two": ("nothing-runs a second, two processes", "≥ 8,000", lambda: bench.rate(2, 2 * count)),
            "latency": ("from commit to start", "p50 ≤ 20, p99 ≤ 200 ms", lambda: latency(bench)),
            "takeover": ("taken over after kill -9, a lease of 30 s", "≤ 32 s", lambda: takeover(bench)),
            "terminated": ("after all backends were terminated", "≤ 1 s", lambda: terminated(bench)),
            "fairness": ("the first behind 100,000 of another", "≤ 0.5 s", lambda: fairness(bench)),
            "many": ("10,000 organisations with one each, a second", "≥ 2,000", lambda: many(bench)),
            "waiting": (
                f"nothing-runs a second beside {beside:,} that wait",
                "as above",
                lambda: waiting(bench, beside),
            ),
            "idle": ("statements of an idle process", "≤ 2 a second", lambda: idle(bench)),
        }
        for name, (what, wanted, row) in tries.items():
            if not only or name in only:
                load = os.getloadavg()[0]
                found = await row()
                shown = found if isinstance(found, str) else f"{found:,.0f}"
                console.log(f"{what}: {shown} (load {load:.1f})")
                rows.append((f"{what} (load before: {load:.1f})", shown, wanted))
    return rows


def main(
    only: Annotated[str, typer.Option(help="Only these rows: one,two,latency,takeover,…")] = "",
    count: Annotated[int, typer.Option(min=1_000, help="Pieces of work of the rows that count them.")] = 30_000,
    beside: Annotated[int, typer.Option(min=0, help="Rows that wait beside the others.")] = 1_000_000,
    worker_of: Annotated[str, typer.Option("--worker", hidden=True)] = "",
) -> None:
    """Measure work that waits for a worker."""
    if worker_of:
        uvloop.run(worker(worker_of))
        return
    with postgres() as url:
        rows = uvloop.run(measure(url, [name for name in only.split(",") if name], count, beside))
    table = Table("what", "measured", "to reach", title="Work", title_justify="left")
    for row in rows:
        table.add_row(*row)
    console.print(table)


if __name__ == "__main__":
    typer.run(main)
