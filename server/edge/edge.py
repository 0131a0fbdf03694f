"""What the protocols of one process share: settings, the counter of cut connections, and the seats."""

import logging
import time
from http import HTTPStatus

from server.edge.admission import Seats
from server.observe.metrics import Metrics
from server.settings import Settings
from server.transport.media import RESPONSE
from server.transport.refusals import NotAvailable, RefusedRequest, TooManyConnections
from server.transport.reply import HEADERS

log = logging.getLogger("dealboard.edge")

QUIET = 60.0
"""Seconds between two lines in the log about refused connections, however many there are."""


class ConnectionEdge:
    """The edge of one process. `most` limits its connections; without it, the setting does."""

    def __init__(self, settings: Settings, metrics: Metrics, most: int | None = None) -> None:
        self.settings = settings
        self.metrics = metrics
        self.admission = Seats(most or settings.max_connections, settings.max_connections_per_address, self.cut)
        self.logged = float("-inf")

    def cut(self, reason: str) -> None:
        """Count a connection that is refused, or closed before its request was complete."""
        self.metrics.cut.labels(reason).inc()

    def crowded(self, host: str | None, reason: str) -> RefusedRequest:
        """The answer to a connection for which there is no room. Operators learn of it from the log, now and then."""
        self.cut(reason)
        if reason == "address":
            text = "connections from %s are refused: it has %d (DEALBOARD_MAX_CONNECTIONS_PER_ADDRESS; 0 for a proxy)"
            most = self.settings.max_connections_per_address
            refused: RefusedRequest = TooManyConnections(most)
        else:
            text = "connections such as from %s are refused: all %d are in use (DEALBOARD_MAX_CONNECTIONS)"
            most = self.admission.most
            refused = NotAvailable("This server has too many connections. Retry in a moment.")
        if time.monotonic() - self.logged >= QUIET:
            self.logged = time.monotonic()
            log.warning(text, host, most)
        return refused


def last_response(refused: RefusedRequest) -> bytes:
    """The bytes of a response after which the connection closes."""
    body = refused.body
    headers = [*HEADERS[RESPONSE], *refused.headers, (b"content-length", b"%d" % len(body)), (b"connection", b"close")]
    lines = [b"HTTP/1.1 %d %s" % (refused.status, HTTPStatus(refused.status).phrase.encode())]
    return b"\r\n".join([*lines, *(name + b": " + value for name, value in headers), b"", body])
