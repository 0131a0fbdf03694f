"""GraphQL over Server-Sent Events, over real connections."""

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import orjson
import pytest
from httpx2 import AsyncClient, Response

import server.transport.streams
from tests.support.servers.stand_in import StandIn, application, bearer, listening

STREAM = "text/event-stream"


class Events:
    """The events of a response in order, and the id of the last one, as a client remembers it."""

    def __init__(self, response: Response) -> None:
        self.lines = response.aiter_lines()
        self.id: str | None = None

    async def take(self) -> tuple[str, Any]:
        """The next event with its data; a comment is the event `:`; the end of the stream is the event `end`."""
        name, data = "", ""
        async for line in self.lines:
            field, _, value = line.partition(":")
            if line == ":":
                name = ":"
            elif field == "event":
                name = value.strip()
            elif field == "data":
                data += value.strip()
            elif field == "id":
                self.id = value.strip()
            elif not line:
                return name, orjson.loads(data) if data else None
        return "end", None


@asynccontextmanager
async def stream(
    client: AsyncClient, query: str, accept: str = STREAM, seen: str | None = None, **payload: Any
) -> AsyncIterator[Events]:
    """The events of an operation, after the one that was seen last."""
    body = {"query": query, **payload}
    headers = {"Accept": accept} if seen is None else {"Accept": accept, "Last-Event-ID": seen}
    async with client.stream("POST", "/graphql", json=body, headers=headers) as response:
        assert response.status_code == 200
        assert response.headers["content-type"] == "text/event-stream; charset=utf-8"
        assert response.headers["cache-control"] == "no-store"
        events = Events(response)
        assert await events.take() == (":", None)
        yield events


@pytest.fixture
async def client(stand_in: StandIn) -> AsyncIterator[AsyncClient]:
    async with (
        listening(application(stand_in)) as port,
        AsyncClient(base_url=f"http://127.0.0.1:{port}", headers=bearer(), timeout=20) as client,
    ):
        yield client


@pytest.mark.parametrize(
    "accept", [STREAM, "text/event-stream, application/json", "application/graphql-response+json, text/event-stream"]
)
async def test_a_subscription_from_its_begin_to_its_end(client: AsyncClient, accept: str) -> None:
    """Each result is a `next`, then `complete` is sent and the stream ends, for each type that accepts a stream."""
    query = "subscription($to: Int!) { count(to: $to) }"
    async with stream(client, query, accept, variables={"to": 2}) as events:
        assert await events.take() == ("next", {"data": {"count": 1}})
        assert await events.take() == ("next", {"data": {"count": 2}})
        assert await events.take() == ("complete", None)
        assert await events.take() == ("end", None)


async def test_a_subscription_by_get(client: AsyncClient) -> None:
    """The parameters may be in the URL."""
    params = {"query": "subscription($to: Int!) { count(to: $to) }", "variables": '{"to":1}'}
    async with client.stream("GET", "/graphql", params=params, headers={"Accept": STREAM}) as response:
        events = Events(response)
        await events.take()
        assert await events.take() == ("next", {"data": {"count": 1}})


async def test_a_client_that_comes_back_goes_on_where_it_was(client: AsyncClient) -> None:
    """The id of an event is its cursor; sent as `Last-Event-ID`, by POST or GET, the stream resumes after it."""
    query = "subscription($to: Int!) { count(to: $to) }"
    async with stream(client, query, variables={"to": 3}) as events:
        await events.take()
        await events.take()
        assert events.id == "2"
    async with stream(client, query, seen=events.id, variables={"to": 3}) as events:
        assert await events.take() == ("next", {"data": {"count": 3}})
        assert await events.take() == ("complete", None)
        assert events.id == "3"
    params = {"query": query, "variables": '{"to":3}'}
    response = await client.get("/graphql", params=params, headers={"Accept": STREAM, "Last-Event-ID": "2"})
    assert response.text == ':\n\nid: 3\nevent: next\ndata: {"data":{"count":3}}\n\nevent: complete\ndata:\n\n'


async def test_what_is_no_event_has_no_id(client: AsyncClient) -> None:
    """A query, a refusal and the end leave a client's last id as it is; an empty `Last-Event-ID` is ignored."""
    for query in ("{ hello }", "subscription { refused }"):
        response = await client.post("/graphql", json={"query": query}, headers={"Accept": STREAM, "Last-Event-ID": ""})
        assert response.text.count("event: ") == 2
        assert "id:" not in response.text


async def test_complete_has_a_data_line(client: AsyncClient) -> None:
    """Without a data line a browser's EventSource would drop the event."""
    response = await client.post("/graphql", json={"query": "{ hello }"}, headers={"Accept": STREAM})
    assert response.text.endswith("event: complete\ndata:\n\n")


async def test_queries_and_mutations_work_too(client: AsyncClient, stand_in: StandIn) -> None:
    """One result is sent, then `complete`; if preferred, a stream is sent also where JSON would do."""
    async with stream(client, "{ who }") as events:
        assert await events.take() == ("next", {"data": {"who": "ann of acme as REP"}})
        assert await events.take() == ("complete", None)
    async with stream(client, "mutation { add(n: 2) }", "text/event-stream, application/json;q=0.5") as events:
        assert await events.take() == ("next", {"data": {"add": 2}})
    assert stand_in.added == [2]
    response = await client.post(
        "/graphql", json={"query": "{ hello }"}, headers={"Accept": "application/json, text/event-stream"}
    )
    assert response.json() == {"data": {"hello": "Hello, world!"}}


async def test_line_breaks_in_json_do_not_end_an_event(client: AsyncClient) -> None:
    """PostgreSQL may write line breaks between the parts of its JSON."""
    async with stream(client, "{ lines }") as events:
        assert await events.take() == ("next", {"data": {"lines": 1}})
        assert await events.take() == ("complete", None)


@pytest.mark.parametrize(
    ("query", "code"),
    [
        ("{", "GRAPHQL_PARSE_FAILED"),
        ("subscription { unknown }", "GRAPHQL_VALIDATION_FAILED"),
        ("query($n: Int!) { number(n: $n) }", "BAD_USER_INPUT"),
        ("{ secret }", "FORBIDDEN"),
        ("subscription { refused }", "BAD_USER_INPUT"),
    ],
)
async def test_a_refused_operation_is_reported_in_the_stream(client: AsyncClient, query: str, code: str) -> None:
    """A client that accepts only a stream gets the errors as `next`, then `complete`, as the protocol requires."""
    async with stream(client, query) as events:
        name, body = await events.take()
        assert name == "next"
        assert list(body) == ["errors"]
        assert body["errors"][0]["extensions"]["code"] == code
        assert await events.take() == ("complete", None)


async def test_a_refused_document_is_json_for_who_takes_json(client: AsyncClient) -> None:
    """Before the stream has begun, the status can still say that it is refused."""
    accept = "text/event-stream, application/graphql-response+json"
    response = await client.post("/graphql", json={"query": "subscription {"}, headers={"Accept": accept})
    assert response.status_code == 400
    assert response.json()["errors"][0]["extensions"]["code"] == "GRAPHQL_PARSE_FAILED"


async def test_a_malformed_request_is_refused_before_the_stream(client: AsyncClient) -> None:
    """Without a token or with invalid JSON, the answer is a status with a GraphQL body."""
    headers = {"Accept": STREAM, "Content-Type": "application/json"}
    assert (await client.post("/graphql", content=b"{", headers=headers)).status_code == 400
    response = await client.post("/graphql", content=b"{}", headers={**headers, "Authorization": "Bearer x"})
    assert response.status_code == 401
    assert response.json()["errors"][0]["extensions"]["code"] == "UNAUTHENTICATED"


async def test_a_subscription_that_breaks(client: AsyncClient) -> None:
    """Earlier events have been sent, and the last result is the failure, masked."""
    async with stream(client, "subscription { breaks }") as events:
        assert await events.take() == ("next", {"data": {"follow": 0}})
        _, body = await events.take()
        assert body["errors"][0]["extensions"]["code"] == "INTERNAL_SERVER_ERROR"
        assert "secret inside" not in str(body)
        assert await events.take() == ("complete", None)


async def test_leaving_ends_the_subscription(client: AsyncClient, stand_in: StandIn) -> None:
    """When the client leaves, the source ends, also when no event arrives."""
    async with stream(client, "subscription { follow }") as events:
        assert await events.take() == ("next", {"data": {"follow": 0}})
    async with asyncio.timeout(20):
        while not stand_in.finished:
            await client.post("/graphql", json={"query": "{ hello }"})
    assert stand_in.finished == ["subscription"]


async def test_silence_is_filled_with_comments(
    client: AsyncClient, stand_in: StandIn, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Comments keep proxies from closing the stream as dead; events still arrive."""
    monkeypatch.setattr(server.transport.streams, "HEARTBEAT", 0.05)
    async with stream(client, "subscription { follow }") as events:
        assert await events.take() == ("next", {"data": {"follow": 0}})
        assert [await events.take() for _ in range(3)] == [(":", None)] * 3
        stand_in.news.put_nowait(4)
        while (event := await events.take()) == (":", None):
            pass
        assert event == ("next", {"data": {"follow": 4}})


async def test_an_expired_token_ends_the_stream(
    client: AsyncClient, stand_in: StandIn, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Until the token expires all is delivered; then the last result says so."""
    end = int(time.time()) + 3600
    client.headers.update(bearer(exp=end))
    monkeypatch.setattr(server.transport.streams, "LEEWAY", time.time() + 3 - end)
    async with stream(client, "subscription { follow }") as events:
        assert await events.take() == ("next", {"data": {"follow": 0}})
        name, body = await events.take()
        assert name == "next"
        assert body["errors"][0]["extensions"]["code"] == "UNAUTHENTICATED"
        assert await events.take() == ("complete", None)
    assert stand_in.finished == ["subscription"]
