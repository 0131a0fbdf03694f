"""uvicorn's protocols, less patient: a client that does not read what is sent to it is disconnected.

What waits for one client is bounded already: uvicorn pauses the sender once 64 kB wait in the write buffer. But it
waits forever, also for room for a close frame, and for the buffer to empty before the connection may end.
"""

import asyncio
from typing import Any

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol, RequestResponseCycle
from uvicorn.protocols.websockets.websockets_sansio_impl import WebSocketsSansIOProtocol
from websockets.frames import Frame
from websockets.protocol import State

LINGER = 30.0
"""Seconds that the client of a closed socket has to read what was sent, the close frame included."""


class Stuck(Exception):
    """The client has read nothing for too long."""


def socket_protocol(patience: float) -> type[asyncio.Protocol]:
    """The protocol for WebSockets. A send that waits longer than `patience` raises `Stuck`."""

    class SocketProtocol(WebSocketsSansIOProtocol):
        async def send(self, message: Any) -> None:
            """Send; a close frame does not wait for its turn."""
            if message["type"] == "websocket.close":
                self.writable.set()
                await super().send(message)
                self._linger()
                return
            if not self.writable.is_set():
                try:
                    # Not wait_for, which in Python 3.11 loses a cancellation when the buffer empties at the same time.
                    async with asyncio.timeout(patience):
                        await self.writable.wait()
                except TimeoutError:
                    raise Stuck from None
            await super().send(message)

        def handle_close(self, event: Frame) -> None:
            """The client closes the connection; one that does not read cannot keep it half closed."""
            super().handle_close(event)
            self._linger()

        def shutdown(self) -> None:
            """The server stops. A socket that its client is closing gets no close frame: a second one is an error."""
            if self.close_sent or not self.handshake_complete or self.conn.state is State.OPEN:
                super().shutdown()

        def _linger(self) -> None:
            """Wait for the buffer to empty, but not forever."""
            if self.close_timer is not None:
                self.close_timer.cancel()
            if not self.disconnected:
                self.close_timer = self.loop.call_later(LINGER, self.transport.abort)

    return SocketProtocol


def http_protocol(patience: float) -> type[asyncio.Protocol]:
    """The protocol for HTTP. A connection whose buffer does not empty within `patience` is cut."""

    class HttpProtocol(HttpToolsProtocol):
        stuck: asyncio.TimerHandle | None = None
        running: RequestResponseCycle | None = None

        def pause_writing(self) -> None:
            """The buffer is full: start the timer."""
            super().pause_writing()
            self._calm()
            self.stuck = self.loop.call_later(patience, self.transport.abort)

        def resume_writing(self) -> None:
            """The client has read most of it: stop the timer."""
            super().resume_writing()
            self._calm()

        def connection_lost(self, exc: Exception | None) -> None:
            """The connection has ended: stop the timer, and end the request that runs.

            uvicorn ends the last one that was received. With pipelining, that is one that waits behind it.
            """
            self._calm()
            if self.running is not None and not self.running.response_complete:
                self.running.disconnected = True
                self.running.message_event.set()
            super().connection_lost(exc)

        def _start_asgi_task(self, cycle: RequestResponseCycle, app: Any) -> None:
            self.running = cycle
            super()._start_asgi_task(cycle, app)

        def _calm(self) -> None:
            if self.stuck is not None:
                self.stuck.cancel()
                self.stuck = None

    return HttpProtocol
