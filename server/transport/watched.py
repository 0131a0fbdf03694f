"""A query over HTTP whose client disconnects is cancelled, and so is the statement that runs for it."""

import asyncio
from types import TracebackType
from typing import Self

from starlette.types import Receive

from server.transport.streams import disconnected

WATCH_AFTER = 0.05
"""Seconds that a query runs before its client is watched. Most have answered by then: the timer costs them
2 µs, a task would cost 20."""


class Gone(Exception):
    """The client disconnected before its request was complete, or before it was answered."""


class Watched:
    """Cancels what the block runs when the client disconnects, and raises `Gone`. The body must have been received."""

    __slots__ = ("gone", "receive", "task", "timer", "watch")

    def __init__(self, receive: Receive) -> None:
        self.receive = receive
        self.gone = False
        self.watch: asyncio.Task[None] | None = None

    def __enter__(self) -> Self:
        self.task = asyncio.current_task()
        self.timer = asyncio.get_running_loop().call_later(WATCH_AFTER, self._begin)
        return self

    def _begin(self) -> None:
        self.watch = asyncio.create_task(disconnected(self.receive))
        self.watch.add_done_callback(self._cancel)

    def _cancel(self, watch: asyncio.Task[None]) -> None:
        if not watch.cancelled() and watch.exception() is None and self.task is not None:
            self.gone = True
            self.task.cancel()

    def __exit__(
        self, kind: type[BaseException] | None, failure: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.timer.cancel()
        if self.watch is not None:
            self.watch.remove_done_callback(self._cancel)
            self.watch.cancel()
        if self.gone and self.task is not None:
            self.task.uncancel()
            if isinstance(failure, asyncio.CancelledError):
                raise Gone from failure
