"""The embedded PostgreSQL, started again when it dies: out of memory, killed, or stopped by a full disk.

Every process that uses it looks after it; the wheel's lock makes one of them start it, and the others adopt it.
"""

import asyncio
import logging
import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from typing import Any

import psutil

from server.process.postgres import embedded, runs, server_of

log = logging.getLogger("dealboard.postgres")

LOOK = 0.5
"""Seconds between two looks whether it runs."""

LONGEST_PAUSE = 30.0
"""Seconds between two attempts to start it, at most. The first follows at once, and each pause is twice the last."""


@asynccontextmanager
async def supervised(folder: Path) -> AsyncIterator[str]:
    """The URL of the embedded PostgreSQL in `folder`, which is started again whenever it dies."""
    with embedded(folder) as url:
        task = asyncio.create_task(_keep_running(server_of(folder)))
        try:
            yield url
        finally:
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)


async def _keep_running(server: Any) -> None:
    pause = 0.0
    while True:
        await asyncio.sleep(LOOK + pause)
        if runs(server.get_postmaster_info().process):
            pause = 0.0
            continue
        log.error("the embedded PostgreSQL has died; starting it again (its own log: %s)", server.log)
        try:
            await _finished(asyncio.to_thread(_restart, server))
        except Exception as failure:
            pause = min(2 * pause + LOOK, LONGEST_PAUSE)
            log.error("the embedded PostgreSQL cannot be started, trying again in %.1f s: %s", LOOK + pause, failure)
        else:
            log.warning("the embedded PostgreSQL runs again")


async def _finished(work: Any) -> None:
    """Wait for a thread, also when this task is cancelled: nothing may stop PostgreSQL while it is being started."""
    task = asyncio.ensure_future(work)
    try:
        await asyncio.shield(task)
    except asyncio.CancelledError:
        await asyncio.gather(task, return_exceptions=True)
        raise


def _restart(server: Any) -> None:
    _reap(server)
    server.start()


def _reap(server: Any) -> None:
    """Clear away a dead postmaster that still has a process id, because nothing has waited for it.

    In a container whose first process does not reap, it stays so for ever, and PostgreSQL takes its own old lock files
    for those of a running server. They are removed only when nothing that lives uses the data.
    """
    info = server.get_postmaster_info()
    with suppress(ChildProcessError):
        os.waitpid(info.pid, os.WNOHANG)
    if not psutil.pid_exists(info.pid):
        return
    if any(_uses(process, server.pgdata) for process in psutil.process_iter()):
        raise RuntimeError("processes of the one that died still use its data")
    for lock in (server.pgdata / "postmaster.pid", Path(info.socket_dir) / f".s.PGSQL.{info.port}.lock"):
        lock.unlink(missing_ok=True)


def _uses(process: psutil.Process, data: Path) -> bool:
    """Whether it is a living process of PostgreSQL on this data: each has the data folder as its working directory."""
    try:
        return process.name().startswith("postgres") and runs(process) and Path(process.cwd()) == data
    except psutil.NoSuchProcess:
        return False
