"""Handshakes and frames that anyone can send: each has its answer, and none is a failure in the log."""

import asyncio
import logging
from collections.abc import Iterator

import pytest

from tests.support.servers.raw import cut, handshake, post, raw
from tests.support.servers.stand_in import StandIn, application, bearer, listening


@pytest.fixture(autouse=True)
def quiet(caplog: pytest.LogCaptureFixture) -> Iterator[None]:
    """Nothing is logged as an error."""
    yield
    assert [record.getMessage() for record in caplog.records if record.levelno >= logging.ERROR] == []


@pytest.mark.parametrize("path", ["/graphql", "/graphql/"])
@pytest.mark.parametrize("origin", ["https://evil.example", "null", "http://[x"])
async def test_a_page_of_a_foreign_origin(stand_in: StandIn, path: str, origin: str) -> None:
    """It is refused with 403 and counted."""
    app = application(stand_in)
    async with listening(app) as port, raw(port) as client:
        client.send(handshake(path, Origin=origin))
        answer = await client.answer()
    assert answer.startswith(b"HTTP/1.1 403 ")
    assert b"DEALBOARD_ALLOWED_ORIGINS" in answer
    assert cut(app, "origin") == 1


@pytest.mark.parametrize("path", ["/graphql", "/graphql/"])
async def test_a_slash_at_the_end(stand_in: StandIn, path: str) -> None:
    """A socket opens there as well: its clients follow no redirect."""
    async with listening(application(stand_in)) as port, raw(port) as client:
        client.send(handshake(path))
        assert (await client.head()).startswith(b"HTTP/1.1 101 ")


@pytest.mark.parametrize("name", ["Origin", "Host", "Authorization"])
async def test_a_header_that_is_there_twice(stand_in: StandIn, name: str) -> None:
    """It is refused with 400."""
    twice = f"{name}: http://x\r\n".encode() * (1 if name == "Host" else 2)
    async with listening(application(stand_in)) as port, raw(port) as client:
        client.send(handshake()[:-2] + twice + b"\r\n")
        assert (await client.answer()).startswith(b"HTTP/1.1 400 ")


FRAMES = {
    "a text that is not UTF-8": (b"\x81\x82\0\0\0\0\xff\xff", 1007),
    "a text in pieces that is not UTF-8": (b"\x01\x81\0\0\0\0\xc3\x80\x81\0\0\0\0x", 1007),
    "no mask": (b"\x81\x01x", 1002),
    "an unknown opcode": (b"\xff\xff\xff\xff", 1002),
    "a piece of nothing": (b"\x80\x81\0\0\0\0x", 1002),
}


@pytest.mark.parametrize("what", FRAMES)
async def test_a_frame_that_is_none(stand_in: StandIn, what: str) -> None:
    """The socket is closed with the code of the protocol."""
    frame, code = FRAMES[what]
    async with listening(application(stand_in)) as port, raw(port) as client:
        client.send(handshake())
        await client.head()
        client.send(frame)
        answer = await client.answer()
    assert (answer[0], int.from_bytes(answer[2:4])) == (0x88, code)


async def test_a_text_in_pieces(stand_in: StandIn) -> None:
    """A character may be cut in two: it is the whole text that is UTF-8."""
    ping = b'{"type":"ping","payload":{"a":"\xc3\xa9"}}'
    at = ping.index(b"\xa9")
    pieces = (bytes([0x01, 0x80 + at]), ping[:at]), (bytes([0x80, 0x80 + len(ping) - at]), ping[at:])
    async with listening(application(stand_in)) as port, raw(port) as client:
        client.send(handshake())
        await client.head()
        client.send(b"".join(head + bytes(4) + part for head, part in pieces))
        pong = await asyncio.wait_for(client.reader.readuntil(b"}}"), 30)
    assert pong[2:] == ping.replace(b"ping", b"pong")


async def test_a_client_that_reads_no_pongs(stand_in: StandIn) -> None:
    """Pings without an end leave nothing behind on the server: it answers no more of them than the client reads."""
    app = application(stand_in, send_timeout=60)
    ping = (b"\x89\xfd" + bytes(4) + b"x" * 125) * 1000
    async with listening(app) as port, raw(port) as client:
        client.send(handshake())
        await client.head()
        client.writer.transport.pause_reading()  # type: ignore[attr-defined]
        for _ in range(200):
            client.send(ping)
            await client.writer.drain()
        client.writer.transport.resume_reading()  # type: ignore[attr-defined]
        client.send(b"\x88\x80" + bytes(4))  # closes
        assert len(await client.answer()) < 200 * len(ping) * 3 / 4  # the rest is more than the system's buffers hold


async def test_a_client_that_leaves_requests_behind(stand_in: StandIn) -> None:
    """The running change ends; the requests behind it are not begun."""
    app = application(stand_in)
    held = post(bearer(), b'{"query":"mutation { held }"}')
    async with listening(app) as port:
        async with raw(port) as client:
            client.send(held + post(bearer(), b'{"query":"mutation { add(n: 1) }"}') * 3)
            await stand_in.begun.wait()
        async with raw(port) as other:
            other.send(post(bearer()))
            await other.line()
        stand_in.release.set()
    assert (stand_in.finished, stand_in.added) == (["held"], [])


async def test_a_stream_with_a_request_behind_it(stand_in: StandIn) -> None:
    """When its client leaves, the stream ends, although another request waits on the connection."""
    app = application(stand_in)
    stream = post({**bearer(), "Accept": "text/event-stream"}, b'{"query":"subscription { follow }"}')
    async with listening(app) as port:
        async with raw(port) as client:
            client.send(stream + post(bearer()))
            await asyncio.wait_for(client.reader.readuntil(b"data:"), 30)
        async with raw(port) as other, asyncio.timeout(30):
            while not stand_in.finished:
                other.send(post(bearer()))
                await other.line()
    assert stand_in.finished == ["subscription"]
