"""A victim: an organisation that does what people do, a board, a move and a ping at a time, and measures how long each
takes.

As a process it reads a job as a line of JSON and answers with a line. The board takes a new connection each time, so
that it is known whether the server accepts one; moves keep theirs, and pings have a socket.
"""

import asyncio
import sys
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field

import orjson
import uvloop
from websockets.asyncio.client import ClientConnection, connect

from bench.attacking.attacker import headers, outcome
from bench.data import Place
from bench.queries import BOARD, MOVE

PAUSE = 0.02
"""Seconds between an answer and the next request."""
PATIENCE = 60.0
WORK = ("board", "move", "ping")


@dataclass
class Victim:
    """A member of the victim's organisation, the seconds that each kind of its work took, and what was refused."""

    port: int
    place: Place
    moves: int = 0
    taken: dict[str, list[float]] = field(default_factory=lambda: {name: [] for name in WORK})
    refused: list[str] = field(default_factory=list)

    async def work(self, more: Callable[[], bool]) -> None:
        """Work as long as there is more to do; each kind at least once."""
        url = f"ws://127.0.0.1:{self.port}/graphql"
        async with connect(url, subprotocols=["graphql-transport-ws"]) as socket:  # type: ignore[list-item]
            await socket.send(
                orjson.dumps({"type": "connection_init", "payload": headers(self.place.key, "admin")}), text=True
            )
            await socket.recv()
            await asyncio.gather(self._boards(more), self._moves(more), self._pings(more, socket))

    async def _boards(self, more: Callable[[], bool]) -> None:
        body = {"query": BOARD, "variables": {"id": self.place.pipeline, "first": 50}}
        while True:
            began = time.perf_counter()
            with suppress(OSError):
                line = await self._connected()
                await self._ask("board", line, body, began)
                line[1].close()
            await asyncio.sleep(PAUSE)
            if not more():
                return

    async def _moves(self, more: Callable[[], bool]) -> None:
        line = await self._connected()
        stages, leads = self.place.stages, self.place.leads
        while True:
            nth = self.moves % len(leads)
            stage = stages[(self.place.standing[nth] + self.moves // len(leads) + 1) % len(stages)]
            self.moves += 1
            body = {"query": MOVE, "variables": {"input": {"leadId": leads[nth], "stageId": stage}}}
            if not await self._ask("move", line, body, time.perf_counter()):
                line = await self._connected()
            await asyncio.sleep(PAUSE)
            if not more():
                line[1].close()
                return

    async def _pings(self, more: Callable[[], bool], socket: ClientConnection) -> None:
        while True:
            began = time.perf_counter()
            await socket.send('{"type":"ping"}')
            async with asyncio.timeout(PATIENCE):
                while (kind := orjson.loads(await socket.recv())["type"]) == "ping":
                    await socket.send('{"type":"pong"}')
            self.taken["ping"].append(time.perf_counter() - began)
            if kind != "pong":
                self.refused.append(f"ping: {kind}")
            await asyncio.sleep(PAUSE)
            if not more():
                return

    async def _connected(self) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        try:
            async with asyncio.timeout(PATIENCE):
                return await asyncio.open_connection("127.0.0.1", self.port, limit=2**24)
        except OSError as failure:  # TimeoutError is one
            self.refused.append(f"connection: {failure!r}")
            raise

    async def _ask(
        self, name: str, line: tuple[asyncio.StreamReader, asyncio.StreamWriter], body: object, began: float
    ) -> bool:
        """Ask, and keep the time and what was refused; false when the connection is of no use any more."""
        reader, writer = line
        data = orjson.dumps(body)
        given = {**headers(self.place.key, "admin"), "Host": "x", "Content-Type": "application/json"}
        head = "".join(f"{key}: {value}\r\n" for key, value in given.items())
        writer.write(f"POST /graphql HTTP/1.1\r\n{head}Content-Length: {len(data)}\r\n\r\n".encode() + data)
        try:
            async with asyncio.timeout(PATIENCE):
                answered = await reader.readuntil(b"\r\n\r\n")
                length = int(answered.lower().partition(b"content-length:")[2].split(b"\r\n")[0])
                found = orjson.loads(await reader.readexactly(length))
        except (OSError, EOFError) as failure:
            self.refused.append(f"{name}: {failure!r}")
            return False
        self.taken[name].append(time.perf_counter() - began)
        if (code := outcome(found)) != "OK" or not answered.startswith(b"HTTP/1.1 200"):
            self.refused.append(f"{name}: {code}")
        return True


async def worked(victim: Victim, seconds: float) -> dict[str, object]:
    """Work for so long: p50, p99 and the number of each kind of work, and what was refused."""
    until = time.monotonic() + seconds
    await victim.work(lambda: time.monotonic() < until)
    found: dict[str, object] = {"refused": victim.refused}
    for name, taken in victim.taken.items():
        ordered = sorted(taken)
        last = min(int(len(ordered) * 0.99), len(ordered) - 1)
        found[name] = [ordered[len(ordered) // 2] * 1000, ordered[last] * 1000, len(ordered)] if ordered else [0, 0, 0]
    return found


def main() -> None:
    """Run jobs until there are no more."""
    moves = 0
    for line in sys.stdin.buffer:
        port, place, seconds = orjson.loads(line)
        victim = Victim(port, Place(**place), moves)
        sys.stdout.buffer.write(orjson.dumps(uvloop.run(worked(victim, seconds))) + b"\n")
        sys.stdout.buffer.flush()
        moves = victim.moves


if __name__ == "__main__":
    main()
