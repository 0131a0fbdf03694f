"""uvicorn's protocol for HTTP, with limits on what it reads and on how long it waits.

uvicorn and its parser keep what arrives until a request is complete, however much that is and however long it takes.
Here every byte is counted before the parser gets it.
"""

import asyncio
from functools import partial

from uvicorn._types import ASGI3Application
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol, RequestResponseCycle

from server.edge.admission import Crowded, Seat
from server.edge.edge import ConnectionEdge, last_response
from server.edge.socket_protocol import SeatedProtocol
from server.transport.refusals import BadRequest, NotAvailable, RefusedRequest

MOST_PIPELINED = 16
"""Requests of one connection that wait for the one before them. Each holds its headers meanwhile."""

GRACE = 1.0
"""Seconds that a stopping server waits for the rest of a body."""


def http_protocol(edge: ConnectionEdge) -> type[asyncio.Protocol]:
    """The protocol for HTTP. A connection whose buffer does not empty within `send_timeout` is cut."""
    return type("HttpProtocol", (LimitedHttpProtocol,), {"edge": edge})


class LimitedHttpProtocol(HttpToolsProtocol):
    """One connection: it waits for a head, then for a body, then for the response; and again."""

    edge: ConnectionEdge
    seat: Seat | None = None
    heading = True
    """Whether the next byte is of a head, or of what comes before one."""
    taken = 0
    """Bytes of this head so far; within a body, bytes since its last piece: trailers and extensions of chunks."""
    begun = False
    """Whether a part of a request has been parsed, and its end not yet."""
    late: asyncio.TimerHandle | None = None
    """Runs while a client owes the rest of a head or of a body."""
    stuck: asyncio.TimerHandle | None = None
    """Runs while a client does not read."""
    running: RequestResponseCycle | None = None
    """The request that is answered now. `cycle` is the newest one, which may wait for it."""
    stopping = False
    upgraded = False

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """Take a seat, or refuse the connection."""
        super().connection_made(transport)
        host = self.client[0] if self.client else None
        try:
            self.seat = self.edge.admission.admit(host, transport.abort)
        except Crowded as crowded:
            transport.write(last_response(self.edge.crowded(host, crowded.reason)))
            transport.close()
            self._linger()
        else:
            self.late = self.loop.call_later(self.edge.settings.header_timeout, self._give_up)

    def data_received(self, data: bytes) -> None:
        """Parse what arrives, as far as it is within the limits."""
        settings = self.edge.settings
        while not (self.upgraded or self.transport.is_closing()):
            room = settings.max_header_bytes - self.taken if self.heading else len(data)
            piece = data[:room]
            self.taken += len(piece)
            super().data_received(piece)
            if self.upgraded or self.transport.is_closing():
                return
            if self.taken >= settings.max_header_bytes:
                self._refuse(*(("header_bytes", self._too_long()) if self.heading else ("body_bytes", LOOSE)))
                return
            if len(piece) == len(data):
                break
            data = data[room:]
        if self.late is None and (self.taken or self.begun):
            timeout = settings.header_timeout if self.heading else settings.body_timeout
            self.late = self.loop.call_later(timeout, self._give_up)

    def on_message_begin(self) -> None:
        """A request begins."""
        self.begun = True
        super().on_message_begin()

    def on_header(self, name: bytes, value: bytes) -> None:
        """A header of the head. Trailers of a body in chunks are dropped: the request is running already."""
        if self.heading:
            super().on_header(name, value)

    def on_headers_complete(self) -> None:
        """The head is complete; the body follows."""
        self._next(heading=False)
        super().on_headers_complete()
        if len(self.pipeline) > MOST_PIPELINED:
            self.pipeline.clear()
            raise ValueError("too many requests at once")

    def on_body(self, body: bytes) -> None:
        """A piece of the body. The application limits its length."""
        self.taken = 0
        super().on_body(body)

    def on_message_complete(self) -> None:
        """The request is complete; it has its seat until it is answered."""
        self.begun = False
        self._next(heading=True)
        if self.seat is not None:
            self.seat.serve()
        super().on_message_complete()

    def on_response_complete(self) -> None:
        """The request is answered; the connection waits for the next one."""
        if self.seat is not None and not self.pipeline:
            self.seat.wait()
        super().on_response_complete()
        self._linger()

    def handle_websocket_upgrade(self) -> None:
        """Hand the connection over, with its seat, which waits until the socket is authenticated."""
        self.upgraded = True
        self._quiet()
        if self.seat is not None:
            self.seat.wait()
        self.ws_protocol_class = partial(self._seated, self.ws_protocol_class)  # type: ignore[assignment, arg-type]
        super().handle_websocket_upgrade()

    def _seated(self, protocol: type[SeatedProtocol], **given: object) -> SeatedProtocol:
        seated = protocol(**given)  # type: ignore[arg-type]
        seated.seat = self.seat
        return seated

    def send_400_response(self, msg: str) -> None:
        """What arrived is not HTTP."""
        self.edge.cut("malformed")
        super().send_400_response(msg)
        self._linger()

    def shutdown(self) -> None:
        """The server stops: a request whose body does not end soon is not begun."""
        super().shutdown()
        self._linger()
        if not self.heading and not self.transport.is_closing():
            self.stopping = True
            self._quiet()
            self.late = self.loop.call_later(GRACE, self._give_up)

    def pause_writing(self) -> None:
        """The buffer is full: start the timer."""
        super().pause_writing()
        self._calm()
        self.stuck = self.loop.call_later(self.edge.settings.send_timeout, self.transport.abort)

    def resume_writing(self) -> None:
        """The client has read most of it: stop the timer."""
        super().resume_writing()
        self._calm()

    def connection_lost(self, exc: Exception | None) -> None:
        """The connection has ended: stop the timers, free the seat."""
        self._calm()
        self._quiet()
        if self.seat is not None:
            self.seat.leave()
        self._disconnect()
        super().connection_lost(exc)

    def _next(self, heading: bool) -> None:
        self.heading = heading
        self.taken = 0
        self._quiet()

    def _give_up(self) -> None:
        """The client has not sent the rest in time."""
        self.late = None
        settings = self.edge.settings
        if self.heading:
            if self._running():  # bytes beside a response that is under way: they are not awaited
                self.late = self.loop.call_later(settings.header_timeout, self._give_up)
            else:
                self._refuse("header_timeout", _late("header", "HEADER") if self.taken or self.begun else None)
        elif self.flow.read_paused and not self.stopping:  # this server is late, not the client
            self.late = self.loop.call_later(settings.body_timeout, self._give_up)
        elif self.stopping:
            self._refuse("stopping", NotAvailable("This server stops. Send the request again."))
        else:
            self._refuse("body_timeout", _late("body", "BODY"))

    def _too_long(self) -> RefusedRequest:
        most = f"{self.edge.settings.max_header_bytes:,} bytes (DEALBOARD_MAX_HEADER_BYTES)"
        if len(getattr(self, "url", b"")) > self.taken // 2:
            return BadRequest(f"The URL is longer than the limit of {most}: send the request with POST.", status=414)
        return BadRequest(f"The headers are larger than the limit of {most}: send fewer or shorter ones.", status=431)

    def _start_asgi_task(self, cycle: RequestResponseCycle, app: ASGI3Application) -> None:
        self.running = cycle
        super()._start_asgi_task(cycle, app)

    def _disconnect(self) -> None:
        """Let the running request know that its client is gone; begin none of those behind it."""
        self.pipeline.clear()
        for cycle in (self.running, self.cycle):
            if cycle is not None and not cycle.response_complete:
                cycle.disconnected = True
                cycle.message_event.set()

    def _running(self) -> bool:
        return self.cycle is not None and not self.cycle.response_complete

    def _refuse(self, reason: str, refused: RefusedRequest | None) -> None:
        """Close the connection, with a last response unless another one is under way or has been sent."""
        self.edge.cut(reason)
        self._quiet()
        running = self._running()
        fits = not running if self.heading else running and not self.pipeline and not self.cycle.response_started
        self._disconnect()
        if refused is None or not fits:
            self.transport.abort()
            return
        self.transport.write(last_response(refused))
        self.transport.close()
        self._linger()

    def _linger(self) -> None:
        """A closing connection waits for its buffer to empty, but not forever."""
        if self.transport.is_closing() and self.transport.get_write_buffer_size() and self.stuck is None:
            self.stuck = self.loop.call_later(self.edge.settings.send_timeout, self.transport.abort)

    def _quiet(self) -> None:
        if self.late is not None:
            self.late.cancel()
            self.late = None

    def _calm(self) -> None:
        if self.stuck is not None:
            self.stuck.cancel()
            self.stuck = None


LOOSE = BadRequest("Too many bytes around the body: send no trailers and no extensions of chunks.")


def _late(what: str, setting: str) -> RefusedRequest:
    text = f"The {what} did not arrive in time (DEALBOARD_{setting}_TIMEOUT): send the request again."
    return BadRequest(text, status=408)
