"""Units of cost a minute: 429 with the seconds to wait, on every transport, and nothing is run."""

from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import Any

import orjson
import pytest
from httpx2 import ASGITransport, AsyncClient, Response

from engine.bounds.rates import Rates
from models.database import Database
from server.app import Application, create_app
from tests.support.servers.sockets import opened
from tests.support.servers.stand_in import bearer, listening, settings, token
from tests.support.sql.counting import Counting
from tests.support.world import tables

READ = "{ customers(first: 40) { nodes { name } } }"
CHANGE = 'mutation { createCustomer(input: {name: "Acme"}) { customer { name } userErrors { code } } }'
FOLLOW = "subscription { stageChanged { lead { id owner { name } } } }"
RESPONSE = "application/graphql-response+json"
COST = {"cost": True}

MESSAGE = (
    "You may use 60 units of cost a minute (setting DEALBOARD_MEMBER_RATE): 20 are left, and this operation costs 40."
    " Wait 20 seconds, then send it again."
)
ERROR = {
    "message": MESSAGE,
    "extensions": {"code": "RATE_LIMITED", "value": 40, "limit": 60, "remaining": 20, "retryAfter": 20},
}


@dataclass
class Limited:
    """An application in which a member has 60 units a minute and an organisation 90, and no time passes."""

    app: Application
    client: AsyncClient
    counting: Counting
    now: float = 0.0

    async def send(self, query: str, accept: str = RESPONSE, sub: str = "ann", **more: Any) -> Response:
        headers = {**bearer(sub=sub, role="admin"), "Accept": accept}
        return await self.client.post("/graphql", json={"query": query, **more}, headers=headers)

    @property
    def rates(self) -> Rates:
        return self.app.service.engine.rates  # type: ignore[attr-defined, no-any-return]


@pytest.fixture
async def limited(database: Database) -> AsyncIterator[Limited]:
    counting = Counting(database.pool, database.spare, database.url)
    given = settings(
        member_rate=60, organisation_rate=90, overdue_interval=0, event_poll_seconds=30, metrics_token="m" * 32
    )
    app = create_app(given, counting)
    async with (
        app.router.lifespan_context(app),
        AsyncClient(transport=ASGITransport(app), base_url="http://api.example") as client,
    ):
        found = Limited(app, client, counting)
        found.rates.clock = lambda: found.now
        yield found


async def test_a_member_over_the_rate_gets_429_and_nothing_runs(limited: Limited) -> None:
    """With both media types, and no statement is sent; the same request runs after the seconds of `Retry-After`."""
    assert (await limited.send(READ)).json() == {"data": {"customers": {"nodes": []}}}
    sent = len(limited.counting.sent)
    for accept in (RESPONSE, "application/json"):
        refused = await limited.send(READ, accept)
        assert (refused.status_code, refused.headers["retry-after"]) == (429, "20")
        assert refused.json() == {"errors": [ERROR]}
    assert limited.counting.sent[sent:] == []
    limited.now = 19.9
    assert (await limited.send(READ)).headers["retry-after"] == "1"
    limited.now = 20.0
    assert (await limited.send(READ)).status_code == 200


async def test_a_change_over_the_rate_changes_nothing(limited: Limited) -> None:
    """Neither rows nor events; and a colleague is refused when the organisation has nothing left."""
    for _ in range(5):
        assert (await limited.send(CHANGE)).status_code == 200  # 12 units each
    before = await tables(limited.counting)
    refused = await limited.send(CHANGE)
    assert (refused.status_code, refused.headers["retry-after"]) == (429, "12")
    assert await tables(limited.counting) == before
    assert (await limited.send("{ cursor }", sub="ben")).status_code == 200
    refused = await limited.send(READ, sub="ben")
    assert refused.json()["errors"][0]["message"] == (
        "Your organisation may use 90 units of cost a minute (setting DEALBOARD_ORGANISATION_RATE): 29 are left, and"
        " this operation costs 40. Wait 8 seconds, then send it again."
    )
    assert refused.headers["retry-after"] == "8"
    text = (await limited.client.get("/metrics", headers={"authorization": f"Bearer {'m' * 32}"})).text
    for kind in ("member", "organisation"):
        assert f'dealboard_bounds_hit_total{{bound="{kind}_rate"}} 1.0' in text


async def test_what_is_left_is_reported_when_asked_for(limited: Limited) -> None:
    """Beside the cost of the operation, after it was taken; without asking, nothing is added."""
    assert (await limited.send(READ, extensions=COST)).json() == {
        "data": {"customers": {"nodes": []}},
        "extensions": {
            "cost": {
                "value": 40,
                "limit": 50_000,
                "organisation": {"limit": 90, "remaining": 50, "resetSeconds": 27},
                "member": {"limit": 60, "remaining": 20, "resetSeconds": 40},
            }
        },
    }
    assert "extensions" not in (await limited.send("{ cursor }")).json()


async def test_an_operation_that_could_never_run_is_too_costly(limited: Limited) -> None:
    """400 and no `Retry-After`: waiting does not help."""
    refused = await limited.send(READ.replace("40", "61"))
    assert (refused.status_code, refused.headers.get("retry-after")) == (400, None)
    (error,) = refused.json()["errors"]
    assert error["extensions"] == {"code": "TOO_COSTLY", "value": 61, "limit": 60}


async def test_sockets_and_streams_get_it_as_the_error_of_the_operation(limited: Limited) -> None:
    """The socket stays, its other operations too; a stream has the error as its only event."""
    async with listening(limited.app) as port, opened(port) as socket:
        limited.rates.clock = lambda: limited.now
        await socket.init(Authorization=f"Bearer {token(role='admin')}")
        await socket.subscribe("a", READ)
        assert (await socket.take())["payload"] == {"data": {"customers": {"nodes": []}}}
        assert (await socket.take())["type"] == "complete"
        await socket.subscribe("b", READ)
        assert await socket.take() == {"id": "b", "type": "error", "payload": [ERROR]}
        await socket.subscribe("c", "{ __typename }")
        assert (await socket.take())["payload"] == {"data": {"__typename": "Query"}}
        assert (await socket.take())["type"] == "complete"
        assert (await limited.send(READ.replace("40", "19"))).status_code == 200
        await socket.subscribe("d", FOLLOW)
        (error,) = (await socket.take())["payload"]
        assert error["extensions"]["code"] == "RATE_LIMITED"
        await socket.alive()


@pytest.mark.parametrize("query", [READ, FOLLOW])
async def test_a_stream_has_the_error_as_its_only_event(limited: Limited, query: str) -> None:
    """Then it completes."""
    await limited.send(READ)
    await limited.send("{ customers(first: 20) { nodes { name } } }")
    answer = await limited.send(query, "text/event-stream")
    events = [line for line in answer.text.split("\n\n") if line.startswith("event")]
    assert [event.splitlines()[0] for event in events] == ["event: next", "event: complete"]
    (error,) = orjson.loads(events[0].split("data: ")[1])["errors"]
    assert error["extensions"]["code"] == "RATE_LIMITED"
