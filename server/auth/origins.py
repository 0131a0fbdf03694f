"""The web pages that may call this server: one setting for cross-origin requests and the handshake of sockets."""

import logging
import re
from collections.abc import Sequence
from urllib.parse import urlsplit

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from server.auth.loopback import is_loopback

log = logging.getLogger("dealboard.origins")

PREFLIGHT_SECONDS = b"600"
METHODS = b"GET, POST, OPTIONS"
HEADERS = b"authorization, content-type, orgid, accept"
"""Allowed when a preflight names none."""
EXPOSED = b"x-request-id, retry-after"
"""The headers of an answer that a page may read, besides those that every page may."""

MOST_LOGGED = 100
"""Refused origins that are logged, each once. Anybody can send another one."""

LONGEST_LOGGED = 200
"""Characters of a refused origin that are logged."""

ORIGIN = re.compile(r"[a-z][a-z0-9+.-]*://(\*\.)?(\[[0-9a-f:.]+\]|[a-z0-9._-]+)(:[0-9]{1,5})?", re.IGNORECASE)


def expect_origin(text: str) -> str:
    """An origin of the setting. Raises `ValueError` where it is none."""
    found = ORIGIN.fullmatch(text.rstrip("/"))
    if text != "*" and found is None:
        raise ValueError(
            f"{text[:LONGEST_LOGGED]!r} is no origin. Write a scheme, a host and, if need be, a port, such as"
            " https://crm.example.com; https://*.example.com for all hosts below; or * for every origin"
        )
    if found is not None and found[1] and "." not in found[2].strip(".") and found[2].lower() != "localhost":
        raise ValueError(f"{text!r} allows the pages of everybody below .{found[2]}. Write a host of your own after *.")
    return text


class Origins:
    """The allowed origins. `*` allows all, `https://*.example.org` all hosts below; the server's own origin is always
    allowed, and with `local` those of this machine, at any port."""

    def __init__(self, allowed: Sequence[str], *, local: bool = False) -> None:
        self.everyone = "*" in allowed
        self.local = local
        texts = [origin.rstrip("/").lower() for origin in allowed]
        self.allowed = frozenset(text for text in texts if "://*." not in text)
        below = [text.split("*", 1) for text in texts if "://*." in text]
        self.below = [re.compile(re.escape(start) + r"[a-z0-9._-]+" + re.escape(end)) for start, end in below]
        self.logged: set[str] = set()

    def allows(self, origin: str | None, host: str | None) -> bool:
        """Whether a page of this origin may call. Clients other than browsers send no origin, and may.

        The scheme of the own origin is not compared: it is unknown behind a proxy that terminates TLS.
        """
        if origin is None or self.everyone or origin.lower() in self.allowed:
            return True
        if any(pattern.fullmatch(origin.lower()) for pattern in self.below):
            return True
        try:
            url = urlsplit(origin)
            own = host is not None and url.netloc.lower() == host.lower()
            if own or (self.local and url.scheme in ("http", "https") and is_loopback(url.hostname)):
                return True
        except ValueError:  # not the URL of a page
            pass
        self._log(origin[:LONGEST_LOGGED])
        return False

    def _log(self, origin: str) -> None:
        if origin in self.logged or len(self.logged) >= MOST_LOGGED:
            return
        self.logged.add(origin)
        log.warning(
            "a page of the origin %r was refused: add it to DEALBOARD_ALLOWED_ORIGINS if it may call the API%s",
            origin,
            "; further origins are not logged" if len(self.logged) == MOST_LOGGED else "",
        )


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
            return [(b"access-control-allow-origin", b"*"), (b"access-control-expose-headers", EXPOSED)]
        if self.origins.allows(origin.decode("latin-1"), host.decode("latin-1") if host else None):
            return [
                (b"access-control-allow-origin", origin),
                (b"access-control-expose-headers", EXPOSED),
                (b"vary", b"origin"),
            ]
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
