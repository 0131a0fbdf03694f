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
from tests.support.servers.process import postgres_in
from tests.support.servers.served import Served, serving
from tests.support.servers.workers import heard, move, subscribed, workers


def test_workers_serve_as_one_and_are_replaced(tmp_path: Path) -> None:
    """All sockets get a change of any worker, a killed worker is replaced, and Ctrl-C ends everything."""
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
    """While the database is unreachable each try logs one line, and then the server answers as before."""
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
            """No worker has reached the database yet."""
        assert answer["data"]["__typename"] == "Query"


def asked_again(served: Served) -> dict[str, Any]:
    """The answer to a small query; None when there is none."""
    try:
        answer: Any = httpx2.post(
            served.url, json={"query": "{ __typename cursor }"}, headers=served.headers, timeout=2
        )
    except httpx2.TransportError:
        return {}
    return dict(answer.json())


def test_workers_end_with_a_parent_that_is_killed(tmp_path: Path) -> None:
    """The port is free afterwards, so that the next server can have it."""
    with serving(tmp_path, DEALBOARD_WORKERS="2") as served:
        running = workers(served)
        served.process.send_signal(signal.SIGKILL)
        gone, alive = psutil.wait_procs(running, 20)
        assert (len(gone), alive) == (2, [])
    with serving(tmp_path):
        """This server takes PostgreSQL over, and stops it."""
    assert postgres_in(tmp_path) == []


async def test_workers_that_stop_take_no_connections(database: Database, tmp_path: Path) -> None:
    """While a change runs to its end, a new connection is refused at once, instead of waiting in vain."""
    asked = {"query": 'mutation { createPipeline(input: {name: "Held", stages: [{name: "A"}]}) { pipeline { name } } }'}
    with serving(tmp_path, DEALBOARD_WORKERS="2", DEALBOARD_DATABASE_URL=database.url) as served:
        async with httpx2.AsyncClient(headers=served.headers, timeout=30) as client:
            async with database.acquire() as connection, connection.transaction():
                await connection.execute("LOCK TABLE pipeline IN EXCLUSIVE MODE")
                change = asyncio.create_task(client.post(served.url, json=asked))
                while not await database.pool.fetchval("SELECT count(*) FROM pg_locks WHERE NOT granted"):
                    """The change has not come to its lock yet."""
                served.process.send_signal(signal.SIGTERM)
                async with asyncio.timeout(60):
                    while await takes_connections(httpx2.URL(served.url).port):
                        """A process has not received the signal yet."""
            answer = (await change).json()
        assert answer == {"data": {"createPipeline": {"pipeline": {"name": "Held"}}}}
        assert await asyncio.to_thread(served.process.wait, 20) == 0


async def test_a_second_signal_ends_workers_at_once(database: Database, tmp_path: Path) -> None:
    """A change that waits for a lock does not delay them for as long as it may after the first signal."""
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
                """The change has not come to its lock yet."""
            served.process.send_signal(signal.SIGTERM)
            while await takes_connections(httpx2.URL(served.url).port):
                """The processes have not received the first signal yet."""
            served.process.send_signal(signal.SIGTERM)
            answer: Any = (await change).json()
            assert await asyncio.to_thread(served.process.wait, 20) == 0
    assert [error["extensions"]["code"] for error in answer["errors"]] == ["SERVICE_UNAVAILABLE"]


async def takes_connections(port: int | None) -> bool:
    """Whether a process listens on the port."""
    try:
        _, writer = await asyncio.open_connection("127.0.0.1", port)
    except ConnectionRefusedError:
        return False
    except ConnectionResetError:
        return True  # the process stopped listening with this connection in its queue
    writer.close()
    return True


def test_servers_on_two_ports_hear_each_other(tmp_path: Path) -> None:
    """A change made through one server reaches the subscribers of the other, through their shared database."""
    with embedded(tmp_path / "shared") as url, ExitStack() as stack:
        one, other = (stack.enter_context(serving(tmp_path, DEALBOARD_DATABASE_URL=url)) for _ in range(2))
        with subscribed(one) as here, subscribed(one, other.url) as there:
            lead = move(other)
            assert (heard(here), heard(there)) == (lead, lead)
            lead = move(one)
            assert (heard(here), heard(there)) == (lead, lead)
