"""Answers are compressed over HTTP: those that gain by it, in the coding of the client, and off the event loop."""

import asyncio
import gzip
from collections.abc import AsyncIterator, Callable
from itertools import pairwise
from random import Random

import brotli
import orjson
import pytest
from httpx2 import AsyncClient, Response

from server.compression.compressor import AT_ONCE, SMALLEST, compress, zstd
from tests.support.servers.stand_in import StandIn, application, bearer, listening

READ: dict[str, Callable[[bytes], bytes]] = {"zstd": zstd.decompress, "br": brotli.decompress, "gzip": gzip.decompress}
SIZES = [SMALLEST, AT_ONCE + 1]
"""The smallest that is compressed, and one that is compressed in a thread."""


@pytest.fixture
async def client(stand_in: StandIn) -> AsyncIterator[AsyncClient]:
    app = application(stand_in, allowed_origins=["https://crm.example"])
    async with (
        listening(app) as port,
        AsyncClient(base_url=f"http://127.0.0.1:{port}", headers=bearer(), timeout=60) as client,
    ):
        yield client


def text(size: int) -> str:
    """Words, so many bytes of them, that repeat no more than those of records do."""
    random = Random(1)
    return " ".join(str(random.randrange(10_000)) for _ in range(size // 4))[:size]


async def ask(client: AsyncClient, size: int, encoding: str, **headers: str) -> tuple[Response, bytes]:
    """The response to a query whose answer is `size` bytes long, and its body as it was sent."""
    name = text(size - len('{"data":{"hello":"Hello, !"}}'))
    body = orjson.dumps({"query": "query($n: String) { hello(name: $n) }", "variables": {"n": name}})
    given = {"Accept-Encoding": encoding, "Content-Type": "application/json", **headers}
    async with client.stream("POST", "/graphql", content=body, headers=given) as response:
        raw = b"".join([chunk async for chunk in response.aiter_raw()])
    return response, raw


def plain(size: int) -> bytes:
    return b'{"data":{"hello":"Hello, %s!"}}' % text(size - len('{"data":{"hello":"Hello, !"}}')).encode()


@pytest.mark.parametrize("coding", READ)
@pytest.mark.parametrize("size", SIZES)
async def test_each_coding(client: AsyncClient, coding: str, size: int) -> None:
    """The body is the same once it is decoded, fewer bytes are sent, and the headers say so."""
    response, raw = await ask(client, size, f"{coding}, deflate")
    assert response.status_code == 200
    assert response.headers["content-encoding"] == coding
    assert response.headers["content-length"] == str(len(raw))
    assert response.headers.get_list("vary", split_commas=True) == ["accept", "accept-encoding"]
    assert response.headers["x-request-id"]
    assert READ[coding](raw) == plain(size)
    assert len(raw) < 0.8 * size


@pytest.mark.parametrize(
    ("size", "encoding"), [(SMALLEST - 1, "zstd"), (90_000, "identity"), (90_000, "deflate"), (90_000, "")]
)
async def test_what_is_not_compressed(client: AsyncClient, size: int, encoding: str) -> None:
    """Small answers, and those of clients that take none of the codings; caches learn that it depends on the client."""
    response, raw = await ask(client, size, encoding)
    assert "content-encoding" not in response.headers
    assert response.headers["content-length"] == str(size)
    assert response.headers.get_list("vary", split_commas=True) == ["accept", "accept-encoding"]
    assert raw == plain(size)


async def test_a_client_that_takes_only_compressed_answers(client: AsyncClient) -> None:
    """Then even a small one is, and an error too."""
    response, raw = await ask(client, 40, "gzip, identity;q=0")
    assert response.headers["content-encoding"] == "gzip"
    assert gzip.decompress(raw) == plain(40)
    refused = await client.post("/graphql", content=b"{", headers={"Accept-Encoding": "gzip, *;q=0"})
    assert refused.status_code == 415
    assert refused.headers["content-encoding"] == "gzip"
    assert refused.json()["errors"][0]["extensions"]["code"] == "BAD_REQUEST"


async def test_a_client_that_takes_nothing(client: AsyncClient, stand_in: StandIn) -> None:
    """It learns what it can take, and nothing runs."""
    body = {"query": "mutation { add(n: 1) }"}
    response = await client.post("/graphql", json=body, headers={"Accept-Encoding": "deflate, identity;q=0"})
    assert response.status_code == 406
    assert response.json()["errors"][0]["message"] == "`Accept-Encoding` must take zstd, br, gzip or identity."
    assert stand_in.added == []


async def test_a_page_of_another_origin(client: AsyncClient) -> None:
    """Its headers stay beside those of the compression."""
    response, _ = await ask(client, 20_000, "br", Origin="https://crm.example")
    assert response.headers["access-control-allow-origin"] == "https://crm.example"
    assert set(response.headers.get_list("vary", split_commas=True)) == {"accept", "accept-encoding", "origin"}


async def test_streams_are_not_compressed(client: AsyncClient) -> None:
    """Neither those of events, however large, nor a result that is sent as one."""
    for query, variables in (
        ("subscription($to: Int!) { count(to: $to) }", {"to": 2, "width": 5000}),
        ("query($n: String) { hello(name: $n) }", {"n": text(5000)}),
    ):
        headers = {"Accept": "text/event-stream", "Accept-Encoding": "zstd, br, gzip"}
        response = await client.post("/graphql", json={"query": query, "variables": variables}, headers=headers)
        assert "content-encoding" not in response.headers
        assert response.text.endswith("event: complete\ndata:\n\n")
        assert len(response.content) > 5000


@pytest.mark.parametrize("coding", READ)
async def test_a_large_answer_does_not_hold_the_event_loop(coding: str) -> None:
    """While the largest answer is compressed, in as much as a second, the event loop goes on."""
    body = text(8_000_000).encode()
    loop = asyncio.get_running_loop()
    beats: list[float] = []

    async def beat() -> None:
        while True:
            beats.append(loop.time())
            await asyncio.sleep(0.001)

    beating = asyncio.create_task(beat())
    raw = await compress(coding.encode(), body)
    beats.append(loop.time())
    beating.cancel()
    assert READ[coding](raw) == body
    assert len(beats) > 3
    # Another process may have the processor meanwhile: that counts for one pause, and not for most.
    pauses = sorted(later - earlier for earlier, later in pairwise(beats))
    assert pauses[len(pauses) // 2] < 0.05


@pytest.mark.parametrize("coding", READ)
async def test_what_is_compressed_at_once_takes_no_thread(coding: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """A thread would take longer than a small answer does; a larger one has one."""
    used: list[int] = []

    async def in_thread(_: object, work: Callable[[bytes], bytes], body: bytes) -> bytes:
        used.append(len(body))
        return work(body)

    monkeypatch.setattr(asyncio.get_running_loop(), "run_in_executor", in_thread)
    for size in (AT_ONCE, AT_ONCE + 1):
        assert READ[coding](await compress(coding.encode(), text(size).encode())) == text(size).encode()
    assert used == [AT_ONCE + 1]
