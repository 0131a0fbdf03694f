"""The system under test: servers, workers, PostgreSQL, Redis and NATS, each of which can be stopped and restarted."""

import asyncio
import os
import random
import signal
import subprocess
import sys
from base64 import b64encode
from contextlib import AbstractContextManager, suppress
from dataclasses import dataclass, field
from pathlib import Path

import httpx2
import jwt
import psutil

from bench.redis_server import RedisServer
from bench.server import free_port
from bench.soaking.broker import Broker
from server.process.postgres import embedded

SECRET = "a secret that only the soak test knows"
ORGANISATION = "soak"
ROOT = Path(__file__).parents[2]

SENDING = {
    "DEALBOARD_SECRETS_KEY": b64encode(bytes(range(32))).decode(),
    "DEALBOARD_OUTGOING_PLAIN_HTTP": "true",
    "DEALBOARD_OUTGOING_NETWORKS": "127.0.0.0/8",
    "DEALBOARD_OUTGOING_TIMEOUT": "3",
}
"""Webhooks are sent to this machine alone."""

_CLAIMS = {"sub": "soaker", "org_id": ORGANISATION, "role": "admin", "exp": 4_000_000_000}
HEADERS = {"Authorization": f"Bearer {jwt.encode(_CLAIMS, SECRET, 'HS256')}", "orgid": ORGANISATION}


@dataclass
class Node:
    """One `dealboard serve` or `dealboard work`, on a fixed port."""

    environment: dict[str, str]
    workers: int = 1
    command: str = "serve"
    port: int = field(default_factory=free_port)
    process: subprocess.Popen[bytes] | None = None

    @property
    def url(self) -> str:
        """The node's URL."""
        return f"http://127.0.0.1:{self.port}/graphql"

    def start(self) -> None:
        """Start the node."""
        options = ["--port", str(self.port), "--workers", str(self.workers)] if self.command == "serve" else []
        self.process = subprocess.Popen(
            [sys.executable, "-m", "server", self.command, *options],
            env={**os.environ, "DEALBOARD_WORK_PORT": str(self.port), **self.environment},
            cwd=ROOT,
            stdout=subprocess.DEVNULL,
            stderr=None if os.environ.get("SOAK_LOGS") else subprocess.DEVNULL,
        )

    async def answers(self) -> None:
        """Wait until the node answers."""
        async with httpx2.AsyncClient(timeout=5) as client, asyncio.timeout(120):
            while True:
                with suppress(httpx2.TransportError):
                    if self.command == "work":
                        answer = await client.get(self.url.replace("graphql", "livez"))
                    else:
                        answer = await client.post(self.url, json={"query": "{ cursor }"}, headers=HEADERS)
                    if answer.is_success:
                        return
                await asyncio.sleep(0.1)

    def pids(self) -> list[int]:
        """The ids of its processes that serve requests."""
        assert self.process is not None
        if self.workers == 1:
            return [self.process.pid]
        return [child.pid for child in psutil.Process(self.process.pid).children()]

    def hit(self, number: signal.Signals) -> None:
        """Send a signal to one of its processes that serve requests."""
        with suppress(ProcessLookupError, psutil.NoSuchProcess, IndexError):
            os.kill(random.choice(self.pids()), number)

    async def end(self, number: signal.Signals) -> None:
        """End all of its processes."""
        if self.process is not None:
            self.process.send_signal(number)
            await asyncio.to_thread(self.process.wait, 60)
            self.process = None


class House:
    """PostgreSQL, Redis when it carries the wake-ups, NATS, the servers, and workers, which alone send webhooks and
    publish to NATS."""

    def __init__(self, folder: Path, nodes: list[int], redis: bool, workers: int = 0) -> None:
        self.folder = folder
        self.sizes = nodes
        self.worker_count = workers
        self.broker = Broker() if workers else None
        self.workers: list[Node] = []
        self.redis = RedisServer() if redis else None
        self.postgres: AbstractContextManager[str] | None = None
        self.url = ""
        self.nodes: list[Node] = []

    async def start(self) -> None:
        """Start everything, and wait until it answers."""
        self.start_postgres()
        environment = {
            "DEALBOARD_DATABASE_URL": self.url,
            "DEALBOARD_JWT_SECRET": SECRET,
            "DEALBOARD_ORGANISATION_RATE": "0",
            "DEALBOARD_MEMBER_RATE": "0",
            **SENDING,
        }
        if self.worker_count:
            environment |= {"DEALBOARD_WEBHOOK_INTERVAL": "0", "DEALBOARD_CONSUMER_INTERVAL": "0"}
        if self.redis is not None:
            self.redis.start()
            environment["DEALBOARD_EVENTS_URL"] = self.redis.url
        for workers in self.sizes:
            node = Node(environment, workers)
            node.start()
            await node.answers()
            self.nodes.append(node)
        if self.broker is not None:
            self.broker.start()
            environment["DEALBOARD_RELAY_URL"] = self.broker.url
        for _ in range(self.worker_count):
            worker = Node(environment, command="work")
            worker.start()
            await worker.answers()
            self.workers.append(worker)

    async def stop_processes(self) -> None:
        """Stop servers and workers as an operator does it."""
        for node in (*self.nodes, *self.workers):
            await node.end(signal.SIGTERM)

    async def stop(self) -> None:
        """Stop everything, whatever its state."""
        await self.stop_processes()
        if self.redis is not None:
            self.redis.stop()
        if self.broker is not None:
            self.broker.stop()
        self.stop_postgres()

    def start_postgres(self) -> None:
        """Start PostgreSQL on its data."""
        self.postgres = embedded(self.folder)
        self.url = self.postgres.__enter__()

    def stop_postgres(self) -> None:
        """Stop PostgreSQL; open connections are cut."""
        if self.postgres is not None:
            self.postgres.__exit__(None, None, None)
            self.postgres = None
