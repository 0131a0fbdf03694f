"""Several processes on one port: the parent binds it, starts the workers, and replaces each one that ends.

A pair of connected sockets links the parent to each worker, which has its end as standard input. The parent sends the
settings; the worker sends a byte once it answers; when either process ends, the other notices.
"""

import asyncio
import logging
import os
import signal
import socket
import sys
from collections.abc import AsyncIterator, Callable, Coroutine
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any, Self, TypeVar

from prometheus_client.multiprocess import mark_process_dead

from server.observe.metrics import SHARED
from server.settings import Settings, WrongSettings

T = TypeVar("T")

log = logging.getLogger("dealboard.workers")

STOPPING = 5.0
"""Seconds beyond the time limit in which a worker has to end when asked to; then it is killed."""

SHORT_LIFE = 5.0
"""Seconds of life below which the next worker is started only after a pause, which grows to as much."""

READY = b"+"


@dataclass(frozen=True)
class Worker:
    """A worker, seen from the parent."""

    process: asyncio.subprocess.Process
    reader: asyncio.StreamReader
    writer: asyncio.StreamWriter


class Workers:
    """The workers of one server, seen from the parent. Through the folder they share their metrics."""

    def __init__(self, settings: Settings, listener: socket.socket, announce: Callable[[], None], folder: str) -> None:
        self.settings = settings
        self.folder = folder
        self.listener = listener
        self.announce = announce
        self.stopping = asyncio.Event()
        self.ready = 0
        self.ending: set[asyncio.subprocess.Process] = set()
        """Those that have been asked to end and have not yet."""

    async def run(self) -> None:
        """Keep them running until a signal comes. Raises `WrongSettings` when the first ones cannot start."""
        loop = asyncio.get_running_loop()
        for number in (signal.SIGINT, signal.SIGTERM):
            loop.add_signal_handler(number, self._stop)
        kept = [asyncio.create_task(self._keep()) for _ in range(self.settings.workers)]
        try:
            await asyncio.gather(*kept)
        finally:
            self.stopping.set()
            await asyncio.gather(*kept, return_exceptions=True)
            for number in (signal.SIGINT, signal.SIGTERM):
                loop.remove_signal_handler(number)

    def _stop(self) -> None:
        """Stop the workers; at the second signal, immediately.

        As long as a process holds the listener, the system accepts connections that no process serves.
        """
        if self.stopping.is_set():
            for process in self.ending:
                process.terminate()
        self.stopping.set()
        self.listener.close()

    async def _keep(self) -> None:
        """Run a worker, and another whenever it ends, until all stop."""
        loop = asyncio.get_running_loop()
        pause = 0.0
        served = False
        while not self.stopping.is_set():
            began = loop.time()
            worker = await self._start()
            served = await self._watch(worker, first=not served) or served
            if self.stopping.is_set():
                return
            if not served:
                raise WrongSettings("A worker could not start. Fix the error that it printed above.")
            pause = 0.0 if loop.time() - began > SHORT_LIFE else min(2 * pause + 0.1, SHORT_LIFE)
            log.warning(
                "worker %d ended with status %d; starting another one", worker.process.pid, worker.process.returncode
            )
            await _first(self.stopping.wait(), asyncio.sleep(pause))

    async def _start(self) -> Worker:
        ours, theirs = socket.socketpair()
        with theirs:
            process = await asyncio.create_subprocess_exec(
                *(sys.executable, "-m", "server", "serve-as-worker", str(self.listener.fileno())),
                stdin=theirs.fileno(),
                pass_fds=[self.listener.fileno()],
                env={**os.environ, SHARED: self.folder},
                start_new_session=True,  # Ctrl-C reaches the parent only, which then stops them in order
            )
        reader, writer = await asyncio.open_connection(sock=ours)
        writer.write(self.settings.model_dump_json().encode() + b"\n")
        return Worker(process, reader, writer)

    async def _watch(self, worker: Worker, first: bool) -> bool:
        """Wait until the worker ends, or stop it when all stop. Returns whether it has served."""
        process = worker.process
        served = await _first(worker.reader.read(1), self.stopping.wait()) == READY
        if served and first:
            self.ready += 1
            if self.ready == self.settings.workers:
                self.announce()
        await _first(process.wait(), self.stopping.wait())
        if process.returncode is None:
            process.terminate()
            self.ending.add(process)
            try:
                await asyncio.wait_for(process.wait(), self.settings.shutdown_timeout + STOPPING)
            except TimeoutError:
                process.kill()
                await process.wait()
            self.ending.discard(process)
        worker.writer.close()
        mark_process_dead(process.pid, self.folder)  # type: ignore[no-untyped-call]
        return served


@dataclass
class Parent:
    """The parent, seen from a worker."""

    settings: Settings
    reader: asyncio.StreamReader
    writer: asyncio.StreamWriter
    waiting: asyncio.Task[None] | None = None

    @classmethod
    @asynccontextmanager
    async def connect(cls) -> AsyncIterator[Self]:
        """The connection on standard input, and the settings that came over it."""
        reader, writer = await asyncio.open_connection(sock=socket.socket(fileno=sys.stdin.fileno()))
        parent = cls(Settings.model_validate_json(await reader.readline()), reader, writer)
        try:
            yield parent
        finally:
            if parent.waiting is not None:
                parent.waiting.cancel()
            writer.close()

    def tell_ready(self) -> None:
        """Say that this worker answers."""
        self.writer.write(READY)

    def when_gone(self, stop: Callable[[], None]) -> None:
        """Call `stop` when the parent has ended: no other process stops this worker."""

        async def wait() -> None:
            await self.reader.read()
            stop()

        self.waiting = asyncio.create_task(wait())


async def _first(*waits: Coroutine[Any, Any, T]) -> T | None:
    """Wait for the first of these and cancel the others; returns the result of the one given first, if it has ended."""
    tasks = [asyncio.create_task(wait) for wait in waits]
    try:
        await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
        return tasks[0].result() if tasks[0].done() else None
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
