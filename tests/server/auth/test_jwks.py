"""Fetching public keys from servers that behave as no server should."""

import asyncio
import logging
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress

import jwt
import pytest

from server.auth.jwks import LARGEST, fetcher
from server.process.serving import warn_of_foreign_tokens
from tests.support.servers.stand_in import settings

OK = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n"
KEYS = b'{"keys":[{"kty":"oct","k":"c2VjcmV0","kid":"a"}]}'


@contextmanager
def answering(start: bytes, drip: bytes = b"") -> Iterator[str]:
    """A server that sends `start`, then `drip` again and again until it is cut; without one it closes."""
    listener = socket.create_server(("127.0.0.1", 0))
    stopped = threading.Event()

    def serve() -> None:
        with suppress(OSError):
            connection, _ = listener.accept()
            with connection:
                connection.recv(65536)
                connection.sendall(start)
                while drip and not stopped.wait(0.005):
                    connection.sendall(drip)

    thread = threading.Thread(target=serve)
    thread.start()
    try:
        yield f"http://127.0.0.1:{listener.getsockname()[1]}/jwks.json"
    finally:
        stopped.set()
        listener.close()
        thread.join()


async def test_keys_are_fetched() -> None:
    """A response with a length and one that ends with its connection."""
    for head in (OK + b"\r\n", OK + b"Content-Length: %d\r\n\r\n" % len(KEYS)):
        with answering(head + KEYS) as url:
            (key,) = await asyncio.to_thread(fetcher(url, 30))
        assert key.key_id == "a"


@pytest.mark.parametrize(
    ("start", "drip"),
    [
        (b"", b"x"),  # the line of the status
        (OK, b"x"),  # one header
        (OK, b"a: b\r\n"),  # headers
        (OK + b"\r\n{", b" "),  # the body
        (OK + b"Transfer-Encoding: chunked\r\n\r\n", b"1\r\n \r\n"),  # a body in chunks
    ],
)
async def test_a_server_that_drips(start: bytes, drip: bytes) -> None:
    """Each byte would begin the timeout of a socket anew; the fetch ends all the same."""
    with answering(start, drip) as url, pytest.raises((OSError, ValueError)):
        await asyncio.wait_for(asyncio.to_thread(fetcher(url, 0.2)), 30)


@pytest.mark.parametrize(
    "answer",
    [
        b"HTTP/1.1 302 Found\r\nLocation: http://127.0.0.1:1/\r\n\r\n",
        b"HTTP/1.1 500 Internal Server Error\r\n\r\n",
        b"SSH-2.0-OpenSSH\r\n",
        OK + b"Content-Length: 100\r\n\r\n{",
        OK + b"\r\n",
        OK + b"\r\n[]",
        OK + b"\r\nnull",
        OK + b"\r\n\xff",
        OK + b'\r\n{"keys":7}',
        OK + b'\r\n{"keys":[7]}',
        OK + b'\r\n{"keys":[{"kty":[]}]}',
        OK + b'\r\n{"keys":[{"kty":"RSA","n":7,"e":null}]}',
        OK + b"\r\n" + b"[" * 100_000,
        OK + b"\r\n" + b" " * (LARGEST + 1),
    ],
    ids=lambda answer: repr(answer[-30:]),
)
async def test_a_response_that_is_no_jwks(answer: bytes) -> None:
    """It is a failure of the kinds that a fetch may have, so that callers get 503 and the log a line."""
    with answering(answer) as url, pytest.raises((OSError, ValueError, jwt.PyJWTError)):
        await asyncio.to_thread(fetcher(url, 30))


@pytest.mark.parametrize(
    ("given", "lines"), [({}, 1), ({"jwt_issuer": "x"}, 0), ({"jwt_audience": "x"}, 0), ({"demo": True}, 0)]
)
def test_tokens_for_other_applications_are_warned_of(
    given: dict[str, str], lines: int, caplog: pytest.LogCaptureFixture
) -> None:
    """Neither issuer nor audience: one line at the start that says what to set."""
    with caplog.at_level(logging.WARNING):
        warn_of_foreign_tokens(settings(**given))
    assert [("DEALBOARD_JWT_AUDIENCE" in record.getMessage()) for record in caplog.records] == [True] * lines
