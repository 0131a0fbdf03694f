"""Several processes serve as one: on one port, and on several ports over one database."""

import asyncio
import signal
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import httpx2
import psutil

from models.database import Database
from server.process.postgres import embedded
from tests.support.process import postgres_in
from tests.support.served import Served, serving
from tests.support.workers import heard, move, subscribed, workers


def test_workers_serve_as_one_and_are_replaced(tmp_path: Path) -> None:
    """Whichever worker made a change, all sockets hear of it; a killed worker is replaced; Ctrl-C ends everything."""
    with serving(tmp_path, DEALBOARD_WORKERS="2") as served:
        first = workers(served)
        assert len(first) == 2
        with ExitStack() as stack:
            sockets = [stack.enter_context(subscribed(served)) for _ in range(8)]
            lead = move(served)
            assert [heard(socket) for socket in sockets] == [lead] * 8
        first[0].kill()
        assert served.process.stdout is not None
        assert f"worker {first[0].pid} ended with status -9" in served.process.stdout.readline()
        with subscribed(served) as socket:
            lead = move(served)
            assert heard(socket) == lead
        assert first[1] in workers(served)
    assert served.process.returncode == 0
    psutil.wait_procs(first, 20)
    assert not any(process.is_running() for process in first)
    assert postgres_in(tmp_path) == []


def test_a_worker_is_replaced_once_the_database_is_back(tmp_path: Path) -> None:
    """As long as it is away, each try is told in one line, and then the server answers as before."""
    with ExitStack() as stack:
        running = stack.enter_context(ExitStack())
        url = running.enter_context(embedded(tmp_path / "shared"))
        served = stack.enter_context(serving(tmp_path, DEALBOARD_DATABASE_URL=url, DEALBOARD_WORKERS="2"))
        assert served.process.stdout is not None
        running.close()
        for worker in workers(served):
            worker.kill()
        said = ""
        while said.count("ended with status") < 3:
            said += served.process.stdout.readline()
        assert "ended with status 2" in said
        assert "dealboard: The database cannot be reached (" in said
        assert "Traceback" not in said
        stack.enter_context(embedded(tmp_path / "shared"))
        while "data" not in (answer := asked_again(served)):
            """Until a worker has found it."""
        assert answer["data"]["__typename"] == "Query"


def asked_again(served: Served) -> dict[str, Any]:
    """The answer to a small query; nothing when there is none."""
    try:
        answer: Any = httpx2.post(
            served.url, json={"query": "{ __typename cursor }"}, headers=served.headers, timeout=2
        )
    except httpx2.TransportError:
        return {}
    return dict(answer.json())


def test_workers_end_with_a_parent_that_is_killed(tmp_path: Path) -> None:
    """Nobody is left to answer on the port, so that the next server can have it."""
    with serving(tmp_path, DEALBOARD_WORKERS="2") as served:
        running = workers(served)
        served.process.send_signal(signal.SIGKILL)
        gone, alive = psutil.wait_procs(running, 20)
        assert (len(gone), alive) == (2, [])
    with serving(tmp_path):
        """The next one takes PostgreSQL over, and stops it."""
    assert postgres_in(tmp_path) == []


async def test_workers_that_stop_take_no_connections(database: Database, tmp_path: Path) -> None:
    """While a change runs to its end, whoever comes is refused at once, instead of waiting for an answer in vain."""
    asked = {"query": 'mutation { createPipeline(input: {name: "Held", stages: [{name: "A"}]}) { pipeline { name } } }'}
    with serving(tmp_path, DEALBOARD_WORKERS="2", DEALBOARD_DATABASE_URL=database.url) as served:
        async with httpx2.AsyncClient(headers=served.headers, timeout=30) as client:
            async with database.acquire() as connection, connection.transaction():
                await connection.execute("LOCK TABLE pipeline IN EXCLUSIVE MODE")
                change = asyncio.create_task(client.post(served.url, json=asked))
                while not await database.pool.fetchval("SELECT count(*) FROM pg_locks WHERE NOT granted"):
                    """Until it waits."""
                served.process.send_signal(signal.SIGTERM)
                async with asyncio.timeout(60):
                    while await takes_connections(httpx2.URL(served.url).port):
                        """A process has not heard of it yet."""
            answer = (await change).json()
        assert answer == {"data": {"createPipeline": {"pipeline": {"name": "Held"}}}}
        assert await asyncio.to_thread(served.process.wait, 20) == 0


async def test_a_second_signal_ends_workers_at_once(database: Database, tmp_path: Path) -> None:
    """A change that waits for a lock does not hold them up for as long as a first signal would let it."""
    asked = {"query": 'mutation { createPipeline(input: {name: "Held", stages: [{name: "A"}]}) { pipeline { name } } }'}
    environment = {"DEALBOARD_DATABASE_URL": database.url, "DEALBOARD_SHUTDOWN_TIMEOUT": "600"}
    with serving(tmp_path, DEALBOARD_WORKERS="2", **environment) as served:
        async with (
            httpx2.AsyncClient(headers=served.headers, timeout=30) as client,
            database.acquire() as connection,
            connection.transaction(),
        ):
            await connection.execute("LOCK TABLE pipeline IN EXCLUSIVE MODE")
            change = asyncio.create_task(client.post(served.url, json=asked))
            while not await database.pool.fetchval("SELECT count(*) FROM pg_locks WHERE NOT granted"):
                """Until it waits."""
            served.process.send_signal(signal.SIGTERM)
            while await takes_connections(httpx2.URL(served.url).port):
                """Until the first one was heard."""
            served.process.send_signal(signal.SIGTERM)
            answer: Any = (await change).json()
            assert await asyncio.to_thread(served.process.wait, 20) == 0
    assert [error["extensions"]["code"] for error in answer["errors"]] == ["SERVICE_UNAVAILABLE"]


async def takes_connections(port: int | None) -> bool:
    """Whether somebody listens on the port."""
    try:
        _, writer = await asyncio.open_connection("127.0.0.1", port)
    except ConnectionRefusedError:
        return False
    except ConnectionResetError:
        return True  # it stopped listening with this one in its queue
    writer.close()
    return True


def test_servers_on_two_ports_hear_each_other(tmp_path: Path) -> None:
    """A change made through one server reaches the subscribers of the other, over the database that they share."""
    with embedded(tmp_path / "shared") as url, ExitStack() as stack:
        one, other = (stack.enter_context(serving(tmp_path, DEALBOARD_DATABASE_URL=url)) for _ in range(2))
        with subscribed(one) as here, subscribed(one, other.url) as there:
            lead = move(other)
            assert (heard(here), heard(there)) == (lead, lead)
            lead = move(one)
            assert (heard(here), heard(there)) == (lead, lead)
