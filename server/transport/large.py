"""Large requests: an organisation's are read one at a time, and in between the event loop has time for everybody else.

To read a megabyte of JSON takes up to 40 ms, in which nothing else runs. Twenty-five at once, each of which was then
refused, kept others waiting for half a second.
"""

import asyncio
from collections.abc import Callable
from time import perf_counter
from typing import TypeVar
from weakref import WeakValueDictionary

from engine.errors import Code, refusal

LARGE = 65_536
"""Bytes, or characters, of a request that is read at once: within 3 ms."""

REST = 3.0
"""How many times as long as it took to read one the organisation's next one waits: it has a quarter of the loop."""

MOST_WAITING = 50
"""Large requests of an organisation that wait. They are kept meanwhile, so more are refused."""


Text = TypeVar("Text", str, bytes)
Read = TypeVar("Read")


class WaitingLine(asyncio.Lock):
    """Those of one organisation, first come, first served."""

    waiting = 0


class LargeRequests:
    """The large requests of one process that wait to be read. `hit` is called when one is refused."""

    def __init__(self, hit: Callable[[str], None]) -> None:
        self.hit = hit
        self.lines: WeakValueDictionary[str, WaitingLine] = WeakValueDictionary()

    async def read(
        self, organisation: str, text: Text, parse: Callable[[Text], Read], *, patient: bool = False
    ) -> Read:
        """What `parse` makes of the text of a request; a large one waits for its turn.

        Raises `RequestError` RATE_LIMITED if too many wait already, unless it is `patient`.
        """
        if len(text) <= LARGE:
            return parse(text)
        line = self.lines.get(organisation)
        if line is None:
            line = self.lines[organisation] = WaitingLine()
        if line.waiting >= MOST_WAITING and not patient:
            self.hit("large_requests")
            message = f"Your organisation has {MOST_WAITING} requests of more than {LARGE:,} bytes waiting"
            raise refusal(Code.RATE_LIMITED, f"{message}. Wait for their answers, then send this again.")
        line.waiting += 1
        try:
            await line.acquire()
        finally:
            line.waiting -= 1
        began = perf_counter()
        try:
            return parse(text)
        finally:
            asyncio.get_running_loop().call_later(REST * (perf_counter() - began), line.release)
