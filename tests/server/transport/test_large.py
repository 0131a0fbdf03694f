"""An organisation's large requests are read one at a time, with time for others in between."""

import asyncio

import pytest
from httpx2 import AsyncClient

from engine.errors import Code, RequestError
from server.transport.large import LARGE, MOST_WAITING, LargeRequests
from tests.support.servers.sockets import socket
from tests.support.servers.stand_in import StandIn

HELLO = "query ($name: String) { hello(name: $name) }"


def unexpected(bound: str) -> None:
    raise AssertionError(f"{bound} was hit")


async def test_others_are_read_between_the_large_requests_of_one_organisation() -> None:
    """Three large requests come first: the second one is read after the large one of another and the small one."""
    large, order = LargeRequests(unexpected), list[str]()

    async def read(organisation: str, text: str) -> None:
        await large.read(organisation, text.ljust(LARGE + 1), lambda read: order.append(read.strip()))

    async with asyncio.timeout(60):
        await asyncio.gather(
            *(read("acme", f"acme {nth}") for nth in range(3)),
            read("strangers", "strangers"),
            large.read("acme", "small", order.append),
        )
        assert order == ["acme 0", "strangers", "small", "acme 1", "acme 2"]
        while large.lines:  # noqa: ASYNC110 (nothing is kept of who has nothing to read)
            await asyncio.sleep(0)


async def test_a_line_of_large_requests_is_bounded() -> None:
    """Beyond those that may wait, a large request is refused at once, unless it is patient; a cancelled one leaves."""
    hit = list[str]()
    large, text = LargeRequests(hit.append), "x" * (LARGE + 1)
    async with asyncio.timeout(60):
        assert await large.read("acme", text, len) == LARGE + 1
        waiting = [asyncio.create_task(large.read("acme", text, len)) for _ in range(MOST_WAITING)]
        await asyncio.sleep(0)
        patient = asyncio.create_task(large.read("acme", text, len, patient=True))
        with pytest.raises(RequestError) as refused:
            await large.read("acme", text, len)
        assert (refused.value.code, hit) == (Code.RATE_LIMITED, ["large_requests"])
        for task in (patient, *waiting[1:]):
            task.cancel()
        assert await waiting[0] == LARGE + 1
        assert await large.read("acme", text, len) == LARGE + 1


async def test_one_that_cannot_be_read_does_not_keep_the_line() -> None:
    """The failure is raised, and the next one is read."""
    large, text = LargeRequests(unexpected), "x" * (LARGE + 1)

    def failing(text: str) -> None:
        raise ValueError(len(text))

    async with asyncio.timeout(60):
        with pytest.raises(ValueError, match=str(LARGE + 1)):
            await large.read("acme", text, failing)
        assert await large.read("acme", text, len) == LARGE + 1


async def test_large_requests_are_answered_over_http(client: AsyncClient) -> None:
    """Several at once are all answered."""
    names = [str(nth) * (LARGE + 1) for nth in range(3)]
    bodies = [{"query": HELLO, "variables": {"name": name}} for name in names]
    answers = await asyncio.gather(*(client.post("/graphql", json=body) for body in bodies))
    assert [answer.json()["data"]["hello"] for answer in answers] == [f"Hello, {name}!" for name in names]


async def test_large_requests_are_answered_over_a_socket(stand_in: StandIn) -> None:
    """Several in a row are all answered."""
    names = [str(nth) * (LARGE + 1) for nth in range(3)]
    async with socket(stand_in) as client:
        await client.init()
        for nth, name in enumerate(names):
            await client.subscribe(str(nth), HELLO, variables={"name": name})
        answers = {}
        while len(answers) < 3:
            message = await client.take()
            if message["type"] == "next":
                answers[message["id"]] = message["payload"]["data"]["hello"]
    assert answers == {str(nth): f"Hello, {name}!" for nth, name in enumerate(names)}
