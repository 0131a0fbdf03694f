"""Fetching public keys (JWKS) over HTTP, within a time and a size however the other server behaves."""

import http.client
import socket
import threading
import urllib.request
from collections.abc import Callable
from typing import Any

import jwt

Fetch = Callable[[], list[jwt.PyJWK]]

LARGEST = 1_000_000
"""Bytes of a JWKS."""


class Unusable(ValueError):
    """What arrived is no JWKS."""


def fetcher(url: str, seconds: float) -> Fetch:
    """A blocking function that fetches the keys of a JWKS URL. Redirects are not followed.

    It returns within `seconds` of a connection, even from a server that sends a byte now and then: a timeout of the
    socket alone starts anew with each byte. Raises OSError, ValueError or PyJWTError.
    """

    def fetch() -> list[jwt.PyJWK]:
        watched: list[socket.socket] = []
        timer = threading.Timer(seconds, _cut, [watched])
        timer.daemon = True
        timer.start()
        try:
            with _opener(watched).open(url, timeout=seconds) as response:
                text = response.read(LARGEST + 1)
        except http.client.HTTPException as failure:
            raise OSError(f"the response breaks off: {failure!r}") from failure
        finally:
            timer.cancel()
        if len(text) > LARGEST:
            raise Unusable(f"the response is larger than {LARGEST:,} bytes")
        try:
            return list(jwt.PyJWKSet.from_json(text.decode()).keys)
        except (AttributeError, KeyError, TypeError, RecursionError) as failure:
            raise Unusable(f"the response is not a JWKS: {failure!r}") from failure

    return fetch


class _NoRedirects(urllib.request.HTTPRedirectHandler):
    def redirect_request(self, *_: Any) -> None:
        """None: the status of the redirect becomes an error."""


def _opener(watched: list[socket.socket]) -> urllib.request.OpenerDirector:
    """An opener that lists the sockets it connects."""

    class Plain(http.client.HTTPConnection):
        def connect(self) -> None:
            super().connect()
            watched.append(self.sock)

    class Secure(http.client.HTTPSConnection):
        def connect(self) -> None:
            super().connect()
            watched.append(self.sock)

    class PlainHandler(urllib.request.HTTPHandler):
        def http_open(self, request: urllib.request.Request) -> http.client.HTTPResponse:
            return self.do_open(Plain, request)

    class SecureHandler(urllib.request.HTTPSHandler):
        def https_open(self, request: urllib.request.Request) -> http.client.HTTPResponse:
            return self.do_open(Secure, request)

    return urllib.request.build_opener(_NoRedirects(), PlainHandler(), SecureHandler())


def _cut(watched: list[socket.socket]) -> None:
    for connected in watched:
        try:
            connected.shutdown(socket.SHUT_RDWR)
        except OSError:
            """It has ended by itself."""
