"""What one connection may send, and how long it may take: over real connections, without a token."""

import asyncio
import logging
from contextlib import AsyncExitStack

import pytest

import server.edge.http_protocol
from engine.caller import Caller
from tests.support.servers.raw import cut, handshake, post, raw
from tests.support.servers.stand_in import StandIn, application, bearer, listening

GET = b"GET /graphql HTTP/1.1\r\nHost: x\r\n"
HANDSHAKE = handshake()[:-2]

ENDLESS: dict[str, tuple[bytes, bytes, int]] = {
    "a header": (GET + b"X-A: ", b"x" * 65_536, 431),
    "the name of a header": (GET, b"x" * 65_536, 431),
    "many headers": (GET, b"a: b\r\n" * 10_000, 431),
    "headers, a few at a time": (GET, b"a: b\r\n" * 10, 431),
    "a URL": (b"GET /", b"x" * 65_536, 414),
    "a query string": (b"GET /graphql?query=", b"x" * 65_536, 414),
    "empty lines before a request": (b"", b"\r\n" * 32_768, 431),
    "a header of a handshake": (HANDSHAKE + b"X-A: ", b"x" * 65_536, 431),
    "headers of a handshake": (HANDSHAKE, b"a: b\r\n" * 10_000, 431),
    "a header of the next request": (post({}) + GET + b"X-A: ", b"x" * 1_000, 431),
}
"""What begins a request, what then comes again and again, and the answer."""


@pytest.mark.parametrize("what", ENDLESS)
async def test_a_head_without_an_end(stand_in: StandIn, what: str) -> None:
    """It is refused while it arrives, and its connection closed; another one is answered."""
    start, piece, status = ENDLESS[what]
    app = application(stand_in)
    async with listening(app) as port, raw(port) as endless, raw(port) as other:
        endless.send(start)
        answer = asyncio.create_task(endless.answer())
        sent = 0
        while not answer.done() and sent < 100_000_000:
            endless.send(piece)
            sent += len(piece)
            await asyncio.sleep(0)  # the server runs in this loop
        assert sent < 10_000_000
        said = await answer
        if said:  # a client that goes on sending may lose the answer
            assert b"HTTP/1.1 %d " % status in said
            assert b"DEALBOARD_MAX_HEADER_BYTES" in said
        assert cut(app, "header_bytes") == 1
        other.send(post(bearer()))
        assert await other.line() == b"HTTP/1.1 200 OK"


@pytest.mark.parametrize("step", [1, 7, 2_000])
async def test_a_head_of_just_the_limit(stand_in: StandIn, step: int) -> None:
    """It is answered, also in small pieces; one byte more is refused."""
    async with listening(application(stand_in, max_header_bytes=2_000)) as port:
        for size, status in ((1_999, b"406"), (2_000, b"406"), (2_001, b"431")):
            head = GET.replace(b"Host", b"Accept: a/b\r\nConnection: close\r\nHost") + b"X-A: "
            head += b"x" * (size - len(head) - 4) + b"\r\n\r\n"
            async with raw(port) as client:
                for start in range(0, size, step):
                    client.send(head[start : start + step])
                    await client.writer.drain()
                assert (await client.answer())[9:12] == status


async def test_a_body_is_not_counted_as_a_head(stand_in: StandIn) -> None:
    """A small head with a large body in the same packets is answered, again and again on one connection."""
    async with listening(application(stand_in, max_header_bytes=1_024)) as port, raw(port) as client:
        for _ in range(3):
            client.send(post(bearer(), b'{"query":"{ hello }"}'.ljust(900_000)))
            assert await client.line() == b"HTTP/1.1 200 OK"


@pytest.mark.parametrize(
    ("start", "piece"),
    [
        (b"0\r\nX-A: ", b"x" * 1_000),  # one trailer
        (b"0\r\n", b"a: b\r\n" * 200),  # many
        (b"1;", b"x" * 1_000),  # an extension of a chunk
    ],
)
async def test_what_surrounds_a_body_is_counted(stand_in: StandIn, start: bytes, piece: bytes) -> None:
    """Trailers and extensions of chunks without an end are refused."""
    app = application(stand_in, max_header_bytes=1_024, max_body_bytes=1_000)
    head = post(bearer(), b"").replace(b"Content-Length: 0", b"Transfer-Encoding: chunked")
    async with listening(app) as port, raw(port) as client:
        client.send(head + start)
        answer = asyncio.create_task(client.answer())
        sent = 0
        while not answer.done() and sent < 100_000_000:
            client.send(piece)
            sent += len(piece)
            await asyncio.sleep(0)
        assert sent < 10_000_000
        assert cut(app, "body_bytes") + cut(app, "malformed") == 1


@pytest.mark.parametrize("head", [b"a: b\r\n" * 200, b"X-A: " + b"x" * 9_000 + b"\r\n"])
async def test_a_handshake_that_is_too_much_for_its_parser(stand_in: StandIn, head: bytes) -> None:
    """More headers or longer ones than a handshake can have are refused, rather than left without an answer."""
    app = application(stand_in)
    async with listening(app) as port, raw(port) as client:
        client.send(HANDSHAKE + head + b"\r\n")
        assert (await client.answer()).startswith(b"HTTP/1.1 431 ")
        assert cut(app, "header_bytes") == 1


async def test_requests_that_are_sent_ahead_are_limited(stand_in: StandIn) -> None:
    """A thousand requests behind one that runs close their connection; what runs is ended."""
    app = application(stand_in)
    async with listening(app) as port, raw(port) as client:
        client.send(post(bearer(), b'{"query":"mutation { held }"}') + post(bearer()) * 1_000)
        assert b"HTTP/1.1 400 " in await client.answer()
        assert cut(app, "malformed") == 1
        stand_in.release.set()


OWED: dict[str, tuple[bytes, bytes, bytes, str]] = {
    "nothing at all": (b"", b"", b"", "header_timeout"),
    "half a head": (GET, b"", b"HTTP/1.1 408 ", "header_timeout"),
    "a head, byte by byte": (GET + b"X-A: ", b"x", b"HTTP/1.1 408 ", "header_timeout"),
    "half a body": (post(bearer(), b"{", 100), b"", b"HTTP/1.1 408 ", "body_timeout"),
    "a body, byte by byte": (post(bearer(), b"{", 900_000), b" ", b"HTTP/1.1 408 ", "body_timeout"),
    "the rest of a refused body": (post({}, b"{", 900_000), b" ", b"HTTP/1.1 401 ", "body_timeout"),
    "half of a second head": (post(bearer()) + GET, b"", b"HTTP/1.1 200 ", "header_timeout"),
}
"""What is sent, what then comes again and again, how the answer begins, and the reason that is counted."""


@pytest.mark.parametrize("what", OWED)
async def test_a_client_that_owes_the_rest(stand_in: StandIn, what: str) -> None:
    """Its connection is closed in time, however slowly it sends."""
    sent, more, said, reason = OWED[what]
    app = application(stand_in, header_timeout=0.2, body_timeout=0.2, max_header_bytes=10_000_000)
    async with listening(app) as port, raw(port) as client:
        client.send(sent)
        answer = asyncio.create_task(client.answer())
        while not answer.done():
            client.send(more)
            await asyncio.sleep(0)  # the server runs in this loop
        assert (await answer).startswith(said)
        assert cut(app, reason) == 1


async def test_a_slow_answer_is_not_late(stand_in: StandIn) -> None:
    """The limits are for what a client owes: a running request outlasts them, with stray bytes behind it too."""
    app = application(stand_in, header_timeout=0.05, body_timeout=0.05)
    async with listening(app) as port, raw(port) as client:
        client.send(post(bearer(), b'{"query":"mutation { held }"}') + b"\r\n")
        await stand_in.begun.wait()
        for _ in range(3):
            async with raw(port) as silent:
                assert await silent.answer() == b""
        stand_in.release.set()
        assert await client.line() == b"HTTP/1.1 200 OK"


async def test_a_stopping_server_does_not_wait_for_bodies(
    stand_in: StandIn, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """Requests without their whole body are refused with 503, and none of it is a failure in the log."""
    monkeypatch.setattr(server.edge.http_protocol, "GRACE", 0.01)
    known = asyncio.Event()

    async def admit(who: Caller) -> Caller:
        known.set()
        return who

    app = application(stand_in)
    app.service.authenticator.admit = admit
    async with AsyncExitStack() as open_ones:
        async with listening(app) as port:
            client, other, _ = connections = [await open_ones.enter_async_context(raw(port)) for _ in range(3)]
            client.send(post(bearer(), b"{", 100))
            other.send(GET)
            await known.wait()  # the body is awaited next
        answers = [await one.answer() for one in connections]
    assert answers[0].startswith(b"HTTP/1.1 503 ")
    assert answers[1:] == [b"", b""]
    assert cut(app, "stopping") == 1
    assert [record.message for record in caplog.records if record.levelno >= logging.WARNING] == []
