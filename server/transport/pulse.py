"""The times of a socket: it waits for `connection_init`, then pings until the token expires or the client is silent,
and takes so many messages a second."""

import asyncio
import time
from collections.abc import Callable
from datetime import datetime

from server.auth.tokens import LEEWAY
from server.settings import Settings
from server.transport.messages import Closing

UNANSWERED = 2
"""Pings that a client may leave without any message of its own; then it is considered lost."""


class Pulse:
    """`ping` sends a ping and returns whether it did; `close` closes the socket with a code and a reason."""

    def __init__(self, settings: Settings, ping: Callable[[], bool], close: Callable[[int, str], object]) -> None:
        self.settings = settings
        self.ping = ping
        self.close = close
        self.end = float("inf")
        self.unanswered = 0
        self.second, self.messages = 0.0, 0
        self.timer = self._in(settings.socket_init_timeout, self._late)

    def begin(self, expires_at: datetime | None) -> None:
        """The member is known: ping, so that no proxy considers the connection dead, until the token expires."""
        if expires_at is not None:
            self.end = expires_at.timestamp() + LEEWAY
        self._next()

    def heard(self) -> None:
        """Count a message of the client; a burst across two seconds is allowed. Raises `Closing`."""
        self.unanswered = 0
        now, most = time.monotonic(), self.settings.max_messages_per_second
        if now - self.second >= 1:
            self.second, self.messages = now, 0
        self.messages += 1
        if self.messages > most:
            raise Closing(4431, f"Too many messages: send at most {most} a second")

    def stop(self) -> None:
        """Stop for good, or until `begin`."""
        self.timer.cancel()

    def _next(self) -> None:
        left = self.end - time.time()
        if left <= 0:
            self.close(4403, "Forbidden: the token has expired, connect again with a new one")
        else:
            self.timer = self._in(min(self.settings.socket_ping_interval, left), self._beat)

    def _beat(self) -> None:
        if time.time() < self.end:
            if self.unanswered >= UNANSWERED:
                self.close(4414, f"No answer to {self.unanswered} pings: answer each with a pong")
                return
            self.unanswered += self.ping()
        self._next()

    def _late(self) -> None:
        self.close(4408, "Connection initialisation timeout")

    @staticmethod
    def _in(seconds: float, call: Callable[[], None]) -> asyncio.TimerHandle:
        return asyncio.get_running_loop().call_later(seconds, call)
