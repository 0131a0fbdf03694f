"""The opening of a WebSocket: the origin of the page, and the subprotocol."""

from starlette.types import Receive, Scope, Send
from starlette.websockets import WebSocket

from server.auth.origins import Origins
from server.observe.calls import request_id
from server.transport.http import repeated
from server.transport.refusals import BadRequest, NotAllowed, RefusedRequest
from server.transport.service import Service
from server.transport.sockets import Socket

PROTOCOL = "graphql-transport-ws"
"""The only one. The older `graphql-ws` cannot refuse an operation that starts before its sender is known."""


class Sockets:
    """The ASGI application for WebSockets at /graphql."""

    def __init__(self, service: Service, origins: Origins) -> None:
        self.service = service
        self.origins = origins

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Accept the connection, then serve it until it closes."""
        websocket = WebSocket(scope, receive, send)
        if name := repeated(scope["headers"]):
            await _deny(scope, send, BadRequest(f"The header `{name}` is there twice: send it once."))
            return
        if not self.origins.allows(websocket.headers.get("origin"), websocket.headers.get("host")):
            self.service.calls.metrics.cut.labels("origin").inc()
            text = "Pages of this origin may not connect: add the origin to DEALBOARD_ALLOWED_ORIGINS."
            await _deny(scope, send, NotAllowed(text))
            return
        if PROTOCOL not in scope["subprotocols"]:
            # Accepted first, because a refused handshake cannot carry a code.
            await websocket.accept()
            await websocket.close(4406, f"Subprotocol not acceptable: use {PROTOCOL}")
            return
        headers = dict(scope["headers"])
        id_ = request_id(headers)
        await websocket.accept(PROTOCOL, [(b"x-request-id", id_.encode())])
        await Socket(self.service, websocket, {b"traceparent": headers.get(b"traceparent", b"")}, id_).serve()


async def _deny(scope: Scope, send: Send, refused: RefusedRequest) -> None:
    """Refuse the handshake, with the reason where the server supports it, and otherwise with 403."""
    if "websocket.http.response" not in scope.get("extensions", {}):
        await send({"type": "websocket.close"})
        return
    body = refused.body
    headers = [(b"content-type", b"application/json; charset=utf-8"), (b"content-length", b"%d" % len(body))]
    await send({"type": "websocket.http.response.start", "status": refused.status, "headers": headers})
    await send({"type": "websocket.http.response.body", "body": body})
