"""Subscribers by the thousand: a process that opens sockets, triggers an event, and records when each socket received
it.

It implements only the part of the WebSocket protocol that it needs, to leave the processor to the servers. It reads
jobs as lines of JSON and answers each with a line.
"""

import asyncio
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import datetime
from functools import partial
from typing import Any, cast

import orjson
import uvloop

UPGRADE = (
    "GET /graphql HTTP/1.1\r\nHost: 127.0.0.1\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
    "Sec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\nSec-WebSocket-Version: 13\r\n"
    "Sec-WebSocket-Protocol: graphql-transport-ws\r\n\r\n"
)
PATIENCE = 10.0


def frame(message: Any) -> bytes:
    """A text frame of a client, masked with zeros."""
    payload = orjson.dumps(message)
    size = len(payload)
    head = bytes([0x81, 0x80 | size]) if size < 126 else bytes([0x81, 0xFE]) + size.to_bytes(2)
    return head + b"\0\0\0\0" + payload


class Fleet:
    """The sockets of one server."""

    def __init__(self) -> None:
        self.sockets: list[Socket] = []
        self.got = 0
        self.due = 0
        self.first = self.last = 0.0
        self.late: list[float] = []
        self.sample = b""
        self.all = asyncio.Event()

    def expect(self, events: int) -> None:
        """From now on, expect so many events for each socket."""
        self.got, self.due, self.first = 0, events * len(self.sockets), 0.0
        self.late = []
        self.all.clear()

    def note(self, payload: bytes) -> None:
        """Count an event that arrived."""
        self.last = time.perf_counter()
        self.first = self.first or self.last
        self.got += 1
        self.sample = payload
        if len(self.sockets) == 1:
            at = payload.index(b'"occurredAt":"')
            written = payload[at + 14 : payload.index(b'"', at + 14)].decode()
            self.late.append((time.time() - datetime.fromisoformat(written).timestamp()) * 1000)
        if self.got == self.due:
            self.all.set()


class Socket(asyncio.Protocol):
    """One subscriber."""

    def __init__(self, fleet: Fleet, init: Any, subscribe: Any, ready: asyncio.Future[None]) -> None:
        self.fleet = fleet
        self.init = frame(init)
        self.subscribe = frame(subscribe)
        self.ready = ready
        self.buffer = b""
        self.open = False

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Request the protocol."""
        self.transport = cast(asyncio.Transport, transport)
        self.transport.write(UPGRADE.encode())

    def data_received(self, data: bytes) -> None:
        """Process whole frames."""
        self.buffer += data
        if not self.open:
            head, found, rest = self.buffer.partition(b"\r\n\r\n")
            if not found:
                return
            assert b" 101 " in head, head
            self.open, self.buffer = True, rest
            self.transport.write(self.init)
        while (payload := self._frame()) is not None:
            if b'"next"' in payload:
                self.fleet.note(payload)
            elif b"connection_ack" in payload:
                self.transport.write(self.subscribe)
                self.ready.set_result(None)
            elif b'"error"' in payload:
                print(payload, file=sys.stderr)

    def _frame(self) -> bytes | None:
        buffer = self.buffer
        if len(buffer) < 4:
            return None
        size, start = buffer[1], 2
        if size == 126:
            size, start = int.from_bytes(buffer[2:4]), 4
        if len(buffer) < start + size:
            return None
        self.buffer = buffer[start + size :]
        return buffer[start : start + size]


class Jobs:
    """The jobs of this process."""

    def __init__(self) -> None:
        self.fleets: dict[str, Fleet] = {}

    async def open(self, name: str, port: int, count: int, init: Any, documents: Sequence[str]) -> dict[str, Any]:
        """Open and subscribe so many sockets to a server; the documents take turns."""
        fleet = self.fleets[name] = Fleet()
        loop = asyncio.get_running_loop()
        for nth in range(count):
            payload = {"query": documents[nth % len(documents)]}
            subscribe = {"id": f"sub-{nth}", "type": "subscribe", "payload": payload}
            socket = Socket(fleet, init, subscribe, loop.create_future())
            await loop.create_connection(partial(_same, socket), "127.0.0.1", port)
            fleet.sockets.append(socket)
            await socket.ready
        return {"open": len(fleet.sockets)}

    async def close(self, name: str) -> dict[str, Any]:
        """Close the sockets of a server."""
        for socket in self.fleets.pop(name).sockets:
            socket.transport.abort()
        return {}

    async def event(self, name: str, port: int, requests: Sequence[str]) -> dict[str, Any]:
        """Send requests one after the other, each of which causes an event; wait until every socket has received
        all."""
        fleet = self.fleets[name]
        fleet.expect(len(requests))
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        began = time.perf_counter()
        for request in requests:
            writer.write(request.encode())
            head = await reader.readuntil(b"\r\n\r\n")
            length = int(head.lower().partition(b"content-length:")[2].split(b"\r\n")[0])
            await reader.readexactly(length)
        answered = time.perf_counter()
        try:
            await asyncio.wait_for(fleet.all.wait(), PATIENCE)
        except TimeoutError:
            return {"error": f"{name}: {fleet.got} of {fleet.due} came"}
        finally:
            writer.close()
        return {
            "answered": (answered - began) * 1000,
            "first": (fleet.first - began) * 1000,
            "last": (fleet.last - began) * 1000,
            "late": fleet.late,
            "sample": fleet.sample.decode(),
        }


def _same(socket: Socket) -> Socket:
    return socket


class Load:
    """The process, from the side of its client."""

    def __init__(self, process: subprocess.Popen[bytes]) -> None:
        self.process = process

    def do(self, job: str, *arguments: Any) -> dict[str, Any]:
        """Run a job. Raises `RuntimeError` when it fails."""
        assert self.process.stdin is not None
        assert self.process.stdout is not None
        self.process.stdin.write(orjson.dumps([job, *arguments]) + b"\n")
        self.process.stdin.flush()
        answer: dict[str, Any] = orjson.loads(self.process.stdout.readline() or b'{"error":"the load process ended"}')
        if "error" in answer:
            raise RuntimeError(answer["error"])
        return answer


@contextmanager
def loading() -> Iterator[Load]:
    """The load process, started here and ended afterwards."""
    command = [sys.executable, "-m", "bench.live_load"]
    process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    try:
        yield Load(process)
    finally:
        assert process.stdin is not None
        process.stdin.close()
        process.wait(10)


async def main() -> None:
    """Run jobs until there are no more."""
    jobs = Jobs()
    reader = asyncio.StreamReader(limit=2**24)
    await asyncio.get_running_loop().connect_read_pipe(lambda: asyncio.StreamReaderProtocol(reader), sys.stdin)
    while line := await reader.readline():
        job, *arguments = orjson.loads(line)
        try:
            answer = await getattr(jobs, job)(*arguments)
        except Exception as failure:
            answer = {"error": f"{type(failure).__name__}: {failure}"}
        sys.stdout.buffer.write(orjson.dumps(answer) + b"\n")
        sys.stdout.buffer.flush()


if __name__ == "__main__":
    uvloop.run(main())
