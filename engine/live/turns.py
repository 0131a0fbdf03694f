"""Turns: the fan-out of one organisation takes a part of each round of the event loop, and leaves others the rest."""

import asyncio
from collections import deque

DELIVERIES = 64
"""Deliveries of an organisation in one round of the loop, about 2 ms. 500 subscribers who each got a page of a hundred
events at once kept everybody else waiting for 1.5 s a round."""


class Turns:
    """At most so many turns in one round of the event loop; who comes later has theirs in the next ones, in order."""

    def __init__(self, most: int = DELIVERIES) -> None:
        self.most = most
        self.left = most
        self.waiting: deque[asyncio.Future[None]] = deque()
        self.counting = False

    async def take(self) -> None:
        """Take a turn, in this round if there is one left."""
        loop = asyncio.get_running_loop()
        if not self.counting:
            self.counting = True
            loop.call_soon(self._next_round)
        if self.left and not self.waiting:
            self.left -= 1
            return
        turn = loop.create_future()
        self.waiting.append(turn)
        await turn

    def _next_round(self) -> None:
        self.left = self.most
        while self.left and self.waiting:
            turn = self.waiting.popleft()
            if not turn.done():  # otherwise it was cancelled
                turn.set_result(None)
                self.left -= 1
        self.counting = self.left < self.most
        if self.counting:
            asyncio.get_running_loop().call_soon(self._next_round)
