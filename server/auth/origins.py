"""The web pages that may call this server: one setting for cross-origin requests and the handshake of sockets."""

from collections.abc import Sequence
from urllib.parse import urlsplit

from starlette.types import ASGIApp, Message, Receive, Scope, Send

PREFLIGHT_SECONDS = b"600"
METHODS = b"GET, POST, OPTIONS"
HEADERS = b"authorization, content-type, orgid, accept"
"""Allowed when a preflight names none."""


class Origins:
    """The allowed origins. `*` allows all; the server's own origin is always allowed."""

    def __init__(self, allowed: Sequence[str]) -> None:
        self.everyone = "*" in allowed
        self.allowed = frozenset(origin.rstrip("/").lower() for origin in allowed)

    def allows(self, origin: str | None, host: str | None) -> bool:
        """Whether a page of this origin may call. Clients other than browsers send no origin, and may.

        The scheme of the own origin is not compared: it is unknown behind a proxy that terminates TLS.
        """
        if origin is None or self.everyone or origin.lower() in self.allowed:
            return True
        try:
            return host is not None and urlsplit(origin).netloc.lower() == host.lower()
        except ValueError:  # not the URL of a page
            return False


class CrossOrigin:
    """ASGI middleware: answers preflights, and allows pages of allowed origins to read responses (CORS)."""

    def __init__(self, app: ASGIApp, origins: Origins) -> None:
        self.app = app
        self.origins = origins

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Add the headers of CORS, when there is an Origin."""
        origin = header(scope, b"origin") if scope["type"] == "http" else None
        if origin is None:
            await self.app(scope, receive, send)
            return
        added = self._headers(origin, header(scope, b"host"))
        if scope["method"] == "OPTIONS" and header(scope, b"access-control-request-method") is not None:
            await self._preflight(scope, send, added)
            return

        async def sending(message: Message) -> None:
            if message["type"] == "http.response.start":
                message = {**message, "headers": [*message.get("headers", ()), *added]}
            await send(message)

        await self.app(scope, receive, sending)

    def _headers(self, origin: bytes, host: bytes | None) -> list[tuple[bytes, bytes]]:
        if self.origins.everyone:
            return [(b"access-control-allow-origin", b"*")]
        if self.origins.allows(origin.decode("latin-1"), host.decode("latin-1") if host else None):
            return [(b"access-control-allow-origin", origin), (b"vary", b"origin")]
        return [(b"vary", b"origin")]

    async def _preflight(self, scope: Scope, send: Send, added: list[tuple[bytes, bytes]]) -> None:
        allowed = added[0][0] == b"access-control-allow-origin"
        headers = [*added, (b"content-length", b"0")]
        if allowed:
            wanted = header(scope, b"access-control-request-headers") or HEADERS
            headers += [
                (b"access-control-allow-methods", METHODS),
                (b"access-control-allow-headers", wanted),
                (b"access-control-max-age", PREFLIGHT_SECONDS),
            ]
        await send({"type": "http.response.start", "status": 204 if allowed else 403, "headers": headers})
        await send({"type": "http.response.body", "body": b""})


def header(scope: Scope, name: bytes) -> bytes | None:
    """The first header of that name."""
    for key, value in scope["headers"]:
        if key == name:
            return bytes(value)
    return None
