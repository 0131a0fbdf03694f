"""Disturbances of servers, workers, PostgreSQL, Redis, NATS, subscribers and a receiver of webhooks while changes are
made. Each restores what it stopped."""

import asyncio
import os
import random
import signal
from collections.abc import Awaitable, Callable, Sequence
from functools import partial
from typing import Any

import asyncpg

from bench.soaking.hook import FAULTS, WELL, Hook
from bench.soaking.house import House, Node
from bench.soaking.subscriber import Subscriber

Disturb = Callable[[], Awaitable[None]]


class Disturbances:
    """All disturbances. `silently` makes a change without a wake-up to any process; `enable` enables the webhook."""

    def __init__(
        self, house: House, subscribers: Sequence[Subscriber], silently: Disturb, hook: Hook, enable: Disturb
    ) -> None:
        self.house = house
        self.subscribers = subscribers
        self.silently = silently
        self.hook = hook
        self.enable = enable

    def all(self) -> dict[str, Disturb]:
        """Every disturbance that applies to the house, by its description."""
        found: dict[str, Disturb] = {
            "sockets cut": self.cut_sockets,
            "server killed": self.kill_server,
            "server stopped by SIGTERM": self.restart_server,
            "server frozen for 3 s": self.freeze_server,
            "every PostgreSQL backend terminated": self.terminate_backends,
            "PostgreSQL stopped for 5 s": self.stop_postgres,
            "wake-up dropped": self.silently,
        }
        if self.house.redis is not None:
            found["Redis killed and started"] = self.restart_redis
        if any(node.workers > 1 for node in self.house.nodes):
            found["worker killed"] = self.kill_worker
        if self.house.broker is not None:
            found["NATS killed and started"] = self.restart_nats
        if self.house.workers:
            found["dealboard work killed"] = self.kill_work
            found["dealboard work stopped by SIGTERM"] = self.restart_work
            found |= {name: partial(self.fault, mood) for name, mood in FAULTS.items()}
        return found

    async def cut_sockets(self) -> None:
        """Half of the subscribers lose their connection."""
        for subscriber in self.subscribers[:: random.choice([1, 2, 3])]:
            subscriber.cut()

    async def kill_server(self) -> None:
        """SIGKILL for one server, which is started again."""
        await self._replaced(random.choice(self.house.nodes), signal.SIGKILL)

    async def restart_server(self) -> None:
        """A restart as an operator does it."""
        await self._replaced(random.choice(self.house.nodes), signal.SIGTERM)

    async def _replaced(self, node: Node, number: signal.Signals) -> None:
        await node.end(number)
        await asyncio.sleep(random.random())
        node.start()
        await node.answers()

    async def kill_worker(self) -> None:
        """SIGKILL for one of several workers, whose parent replaces it."""
        random.choice([node for node in self.house.nodes if node.workers > 1]).hit(signal.SIGKILL)

    async def kill_work(self) -> None:
        """SIGKILL for a worker, which is started again."""
        await self._replaced(random.choice(self.house.workers), signal.SIGKILL)

    async def restart_work(self) -> None:
        """A restart as an operator does it."""
        await self._replaced(random.choice(self.house.workers), signal.SIGTERM)

    async def restart_nats(self) -> None:
        """NATS is killed, and is away for a second."""
        assert self.house.broker is not None
        self.house.broker.kill()
        await asyncio.sleep(1)
        self.house.broker.start()

    async def fault(self, mood: str) -> None:
        """The receiver of the webhook is at fault for two seconds. One that says it is gone is enabled again."""
        self.hook.be(mood)
        await asyncio.sleep(2)
        self.hook.be(WELL)
        await self.enable()

    async def freeze_server(self) -> None:
        """One process stops for three seconds; its connections stay open."""
        node = random.choice(self.house.nodes)
        for pid in node.pids():
            os.kill(pid, signal.SIGSTOP)
        await asyncio.sleep(3)
        for pid in node.pids():
            os.kill(pid, signal.SIGCONT)

    async def terminate_backends(self) -> None:
        """PostgreSQL cuts every connection to the database."""
        connection: Any = await asyncpg.connect(self.house.url)
        await connection.execute(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
            " WHERE pid <> pg_backend_pid() AND backend_type = 'client backend'"
        )
        await connection.close()

    async def stop_postgres(self) -> None:
        """PostgreSQL is stopped for five seconds."""
        await asyncio.to_thread(self.house.stop_postgres)
        await asyncio.sleep(5)
        await asyncio.to_thread(self.house.start_postgres)

    async def restart_redis(self) -> None:
        """Redis is stopped for a second, and loses its state."""
        assert self.house.redis is not None
        self.house.redis.stop()
        await asyncio.sleep(1)
        await asyncio.to_thread(self.house.redis.start)
