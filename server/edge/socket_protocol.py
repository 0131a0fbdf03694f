"""uvicorn's protocol for WebSockets, less patient: a client that does not read what is sent to it is disconnected.

What waits for one client is bounded already: uvicorn pauses the sender once 64 kB wait in the write buffer. But it
waits forever, also for room for a close frame, and for the buffer to empty before the connection may end.
"""

import asyncio
from typing import Any

from uvicorn.protocols.websockets.websockets_sansio_impl import WebSocketsSansIOProtocol
from websockets.frames import Frame
from websockets.http11 import Request
from websockets.protocol import State

from server.edge.admission import Seat
from server.edge.edge import ConnectionEdge, last_response
from server.transport.refusals import BadRequest

LINGER = 30.0
"""Seconds that the client of a closed socket has to read what was sent, the close frame included."""

NOT_UTF_8 = 1007
"""The close code for a text that is not UTF-8 (RFC 6455, section 8.1)."""

SETTLE = "dealboard.settle"
"""The key in the scope of a socket of what to call once its member is known: the connection then keeps its seat."""


class Stuck(Exception):
    """The client has read nothing for too long."""


def socket_protocol(edge: ConnectionEdge) -> type[asyncio.Protocol]:
    """The protocol for WebSockets. A send that waits longer than `send_timeout` raises `Stuck`."""
    return type("SocketProtocol", (SeatedProtocol,), {"edge": edge})


class SeatedProtocol(WebSocketsSansIOProtocol):
    """One socket, with the seat of its connection."""

    edge: ConnectionEdge
    seat: Seat | None = None

    def data_received(self, data: bytes) -> None:
        """Parse what arrives. A head that HTTP allows can still be too much for the parser of sockets."""
        super().data_received(data)
        if self.conn.handshake_exc is not None and not self.handshake_initiated and not self.transport.is_closing():
            self.edge.cut("header_bytes")
            text = "A handshake has at most 128 headers, of up to 8,190 bytes each: send fewer or shorter ones."
            self.transport.write(last_response(BadRequest(text, status=431)))
            self.transport.close()

    def handle_connect(self, event: Request) -> None:
        """The head is complete: let the application keep the seat."""
        super().handle_connect(event)
        if self.seat is not None and not self.close_sent:
            self.scope[SETTLE] = self.seat.serve  # type: ignore[literal-required]

    def connection_lost(self, exc: Exception | None) -> None:
        """The connection has ended: free the seat."""
        if self.seat is not None:
            self.seat.leave()
        super().connection_lost(exc)

    def handle_ping(self) -> None:
        """Answer a ping of the client; one that does not read its answers gets no more of them."""
        if self.writable.is_set():
            super().handle_ping()
        else:
            self.conn.data_to_send()  # which removes the answer

    def send_receive_event_to_app(self) -> None:
        """Pass a message on. uvicorn would log one that is not UTF-8 as a failure of the server."""
        if self.curr_msg_data_type == "text" and not self.close_sent:
            try:
                b"".join(self.frames).decode()
            except UnicodeDecodeError:
                self.edge.metrics.closed.labels(NOT_UTF_8).inc()
                self.conn.send_close(NOT_UTF_8)
                self.handle_parser_exception()
                return
        super().send_receive_event_to_app()

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
                async with asyncio.timeout(self.edge.settings.send_timeout):
                    await self.writable.wait()
            except TimeoutError:
                raise Stuck from None
        await super().send(message)
        if message["type"] == "websocket.http.response.body":
            self.handshake_complete = True  # by a refusal; uvicorn would log its own end as a failure of ours

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
