"""/metrics, read as Prometheus reads it."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import httpx2
import pytest
from httpx2 import ASGITransport, AsyncClient

from engine.background.behind import Lag
from engine.caller import Caller
from models import Role
from models.database import Database
from server.app import create_app
from server.observe.calls import Calls
from server.observe.metrics import MOST_NAMES, Metrics
from tests.support.figures import figure, figures
from tests.support.servers.served import serving
from tests.support.servers.sockets import opened
from tests.support.servers.stand_in import bearer, listening, settings
from tests.support.servers.workers import workers


@asynccontextmanager
async def asking(database: Database, **given: Any) -> AsyncIterator[AsyncClient]:
    """A client of the application, over a pool that measures its waits."""
    metrics = Metrics()
    async with Database.open(database.url, max_size=3, waited=metrics.waited, ran=metrics.ran) as own:
        app = create_app(settings(overdue_interval=0, **given), own, calls=Calls(metrics))
        headers = bearer(role="admin")
        client = AsyncClient(transport=ASGITransport(app), base_url="http://127.0.0.1", headers=headers)
        async with app.router.lifespan_context(app), client:
            yield client


async def test_operations_are_counted_by_name_kind_and_code(database: Database) -> None:
    """The code is that of a refusal, or of the user error of a refused change."""
    delete = 'mutation Drop { deleteLead(input: {leadId: "lead_018bcfe5-6800-7000-8000-000000000000"}) { __typename } }'
    posts: list[dict[str, Any]] = [
        {"query": "query Board { pipelines { id } }"},
        {"query": "query Board { pipelines { id } }"},
        {"query": "{ cursor }"},
        {"query": "query Bad { nothing }"},
        {"query": "query Vars($id: ID!) { lead(id: $id) { id } }", "variables": {"id": 3.5}},
        {"query": delete},
    ]
    async with asking(database) as client:
        for post in posts:
            await client.post("/graphql", json=post)
        await client.post("/graphql", json=posts[0], headers={"Authorization": "Bearer x"})
        answer = await client.get("/metrics")
    assert answer.headers["content-type"].startswith("text/plain; version=")
    found = {labels: value for (name, labels), value in figures(answer.text).items() if name == "operations_total"}
    assert {tuple(sorted(dict(labels).values())): value for labels, value in found.items()} == {
        ("Board", "OK", "query"): 2,
        ("OK", "anonymous", "query"): 1,
        ("GRAPHQL_VALIDATION_FAILED", "none", "none"): 1,
        ("BAD_USER_INPUT", "other", "query"): 1,
        ("NOT_FOUND", "mutation", "other"): 1,
        ("UNAUTHENTICATED", "none", "none"): 1,
    }
    assert figure(answer.text, "operation_seconds_count", operation="Board", kind="query") == 2
    statements = figure(answer.text, "statement_seconds_count")
    waits = figure(answer.text, "pool_wait_seconds_count")
    assert statements is not None
    assert statements >= 5
    assert waits is not None
    assert waits >= 5
    assert figure(answer.text, "pool_connections", state="most") == 3
    assert figure(answer.text, "pool_connections", state="used") == 0


async def test_subscriptions_and_deliveries_are_counted(database: Database) -> None:
    """Subscribers, deliveries and their delay are counted, and so are wake-ups that came back after an interruption."""
    metrics = Metrics()
    app = create_app(settings(overdue_interval=0, event_poll_seconds=0.05), database, calls=Calls(metrics))

    async def read() -> str:
        async with AsyncClient(transport=ASGITransport(app), base_url="http://127.0.0.1") as client:
            return (await client.get("/metrics")).text

    async def until(name: str, value: float, **labels: str) -> str:
        async with asyncio.timeout(20):
            while figure(text := await read(), name, **labels) != value:
                """The event has not arrived yet."""
            return text

    async with app.router.lifespan_context(app), listening(app) as port, opened(port) as socket:
        await until("wakeups_connected", 1)
        await socket.init()
        for number in range(3):
            await socket.subscribe(
                str(number), f"subscription Live {{ events {{ {'type' if number else 'cursor'} }} }}"
            )
        text = await until("subscribers", 3)
        assert figure(text, "streams") == 2
        assert figure(text, "connections") == 1
        await change(app)
        for _ in range(3):
            assert (await socket.take())["type"] == "next"
        text = await until("event_delivery_seconds_count", 1)
        assert figure(text, "events_waiting") == 0
        assert figure(text, "events_behind") == 0
        await database.pool.execute(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = 'dealboard wake-ups'"
        )
        text = await until("wakeups_reconnects_total", 1)
        await socket.send(type="nonsense")
        assert (await socket.closed())[0] == 4400
        text = await until("subscribers", 0)
        assert figure(text, "sockets_closed_total", code="4400") == 1
        assert figure(text, "operations_total", operation="Live", kind="subscription", code="OK") == 3
        assert figure(text, "operation_seconds_count", operation="Live", kind="subscription") is None


async def change(app: Any) -> None:
    """A change with an event: a pipeline is created."""
    engine = app.service.engine
    document = 'mutation { createPipeline(input: {name: "Sales", stages: [{name: "New"}]}) { userErrors { message } } }'
    answer = await engine.execute(engine.documents.prepare(document), None, Caller("acme", "amy", Role.ADMIN))
    assert answer.code == "OK", answer.body


async def test_names_are_bounded() -> None:
    """Clients choose the names of operations: new ones take the places of those that were not used for longest."""
    metrics = Metrics()
    for number in range(2 * MOST_NAMES):
        metrics.called("Board", "query", "OK", 0.001)
        metrics.called(f"Operation{number}", "query", "OK", 0.001)
    text = (await metrics.text())[0].decode()
    assert figure(text, "operations_total", operation="Board", kind="query", code="OK") == 2 * MOST_NAMES
    assert figure(text, "operations_total", operation="Operation0", kind="query", code="OK") is None
    assert figure(text, "operation_seconds_count", operation="Operation0", kind="query") is None
    last = f"Operation{2 * MOST_NAMES - 1}"
    assert figure(text, "operations_total", operation=last, kind="query", code="OK") == 1
    assert len([name for name, _ in figures(text) if name == "operations_total"]) == MOST_NAMES


async def test_what_fails_gets_no_name() -> None:
    """Under a name that has succeeded, failures are counted by it; all others together."""
    metrics = Metrics()
    for number in range(2 * MOST_NAMES):
        metrics.called(f"Operation{number}", "query", "BAD_USER_INPUT", 0.001)
    for code in ("OK", "BAD_USER_INPUT"):
        metrics.called("Board", "query", code, 0.001)
    text = (await metrics.text())[0].decode()
    found = {
        tuple(sorted(dict(labels).values())): value
        for (name, labels), value in figures(text).items()
        if name == "operations_total"
    }
    assert found == {
        ("BAD_USER_INPUT", "other", "query"): 2 * MOST_NAMES,
        ("Board", "OK", "query"): 1,
        ("BAD_USER_INPUT", "Board", "query"): 1,
    }


@pytest.mark.parametrize(
    ("peer", "headers", "status"),
    [
        ("127.0.0.1", {}, 200),
        ("::1", {"Host": "[::1]:8000"}, 200),
        ("127.0.0.1", {"Host": "localhost:8000"}, 200),
        ("10.0.0.7", {}, 403),
        ("127.0.0.1", {"Host": "api.example"}, 403),
        ("127.0.0.1", {"Host": "[evil"}, 403),
        ("127.0.0.1", {"X-Forwarded-For": "10.0.0.7"}, 403),
    ],
)
async def test_without_a_token_only_this_machine_is_answered(
    database: Database, peer: str, headers: dict[str, str], status: int
) -> None:
    """Neither other machines, nor a proxy on this one, nor a web page that has a name of its own lead here."""
    app = create_app(settings(overdue_interval=0), database)
    client = AsyncClient(transport=ASGITransport(app, client=(peer, 1234)), base_url="http://127.0.0.1:8000")
    async with app.router.lifespan_context(app), client:
        answer = await client.get("/metrics", headers=headers)
    assert answer.status_code == status
    assert ("dealboard_operations" in answer.text) == (status == 200)
    assert ("DEALBOARD_METRICS_TOKEN" in answer.text) == (status == 403)


@pytest.mark.parametrize(("sent", "status"), [(None, 401), ("Bearer wrong", 401), ("Bearer the right one", 200)])
async def test_a_token_can_be_asked_for(database: Database, sent: str | None, status: int) -> None:
    """With the setting, only requests with the token get the metrics."""
    async with asking(database, metrics_token="the right one") as client:
        del client.headers["Authorization"]
        answer = await client.get("/metrics", headers={"Authorization": sent} if sent else {})
    assert answer.status_code == status
    assert ("dealboard_operations" in answer.text) == (status == 200)


async def test_they_can_be_switched_off(database: Database) -> None:
    """With the setting off, the path is not found."""
    async with asking(database, metrics=False) as client:
        assert (await client.get("/metrics")).status_code == 404


def test_any_worker_answers_for_all(tmp_path: Path) -> None:
    """Counters add up over all workers, also a dead one; gauges are those of the living ones."""
    with serving(tmp_path, DEALBOARD_WORKERS="2") as served:
        root = served.url.removesuffix("/graphql")

        def read() -> str:
            return httpx2.get(f"{root}/metrics", timeout=20).text

        def count(text: str) -> float | None:
            return figure(text, "operations_total", operation="Who", kind="query", code="OK")

        for _ in range(30):
            answer = httpx2.post(served.url, json={"query": "query Who { cursor }"}, headers=served.headers, timeout=20)
            assert answer.status_code == 200
        texts = [read() for _ in range(10)]
        assert {count(text) for text in texts} == {30}
        assert {figure(text, "pool_connections", state="most") for text in texts} == {20}
        workers(served)[0].kill()
        assert served.process.stdout is not None
        assert "ended with status -9" in served.process.stdout.readline()
        assert count(read()) == 30


async def test_consumers_are_watched(database: Database) -> None:
    """How far each is behind, where it fails and where it stands still; failures are counted."""
    metrics = Metrics()
    metrics.lagged({"notifications": Lag(7, 2.5, failing=1, expired=2, failures=3)})
    metrics.lagged({"notifications": Lag(0, 0.0, failures=1)})
    text = (await metrics.text())[0].decode()
    named = {"consumer": "notifications"}
    assert figure(text, "consumer_failures_total", **named) == 4
    names = ("consumer_events_behind", "consumer_seconds_behind", "consumers_failing", "consumers_expired")
    assert [figure(text, name, **named) for name in names] == [0, 0, 0, 0]
    async with asking(database, consumer_interval=0.01) as client, asyncio.timeout(20):
        while figure((await client.get("/metrics")).text, "consumer_events_behind", **named) is None:
            pass
