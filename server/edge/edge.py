"""What the protocols of one process share: settings, the counter of cut connections, and the seats."""

from http import HTTPStatus

from server.edge.admission import Seats
from server.observe.metrics import Metrics
from server.settings import Settings
from server.transport.media import RESPONSE
from server.transport.refusals import RefusedRequest
from server.transport.reply import HEADERS


class ConnectionEdge:
    """The edge of one process. `most` limits its connections; without it, the setting does."""

    def __init__(self, settings: Settings, metrics: Metrics, most: int | None = None) -> None:
        self.settings = settings
        self.metrics = metrics
        self.admission = Seats(most or settings.max_connections, settings.max_connections_per_address, self.cut)

    def cut(self, reason: str) -> None:
        """Count a connection that is refused, or closed before its request was complete."""
        self.metrics.cut.labels(reason).inc()


def last_response(refused: RefusedRequest) -> bytes:
    """The bytes of a response after which the connection closes."""
    body = refused.body
    headers = [*HEADERS[RESPONSE], *refused.headers, (b"content-length", b"%d" % len(body)), (b"connection", b"close")]
    lines = [b"HTTP/1.1 %d %s" % (refused.status, HTTPStatus(refused.status).phrase.encode())]
    return b"\r\n".join([*lines, *(name + b": " + value for name, value in headers), b"", body])
