"""The load: a process that sends ready-made HTTP/1.1 requests over kept connections and measures the time.

It reads a job as a line of JSON and answers with a line. It only counts the bytes of a response, to leave the processor
to the servers.
"""

import asyncio
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from typing import cast

import orjson
import uvloop


@dataclass
class Run:
    """One run: all connections take the requests in turn, until the time is over."""

    requests: list[bytes]
    until: float
    sent: int
    taken: list[float]
    lengths: set[int]

    def next(self) -> bytes:
        """The next request."""
        request = self.requests[self.sent % len(self.requests)]
        self.sent += 1
        return request


class Client(asyncio.Protocol):
    """One connection: sends a request once the response to the one before is complete."""

    transport: asyncio.Transport

    def __init__(self, run: Run, done: asyncio.Future[None]) -> None:
        self.run = run
        self.done = done
        self.missing = 0
        self.head = b""
        self.started = 0.0

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Begin."""
        self.transport = cast(asyncio.Transport, transport)
        self._send()

    def _send(self) -> None:
        self.started = time.perf_counter()
        self.transport.write(self.run.next())

    def data_received(self, data: bytes) -> None:
        """Count the bytes received."""
        if self.missing == 0:
            data = self.head + data
            end = data.find(b"\r\n\r\n")
            if end < 0:
                self.head = data
                return
            self.head = b""
            length = self._length(data[:end])
            if length is None:
                return
            self.missing = length + end + 4
        self.missing -= len(data)
        if self.missing > 0:
            return
        self.run.taken.append(time.perf_counter() - self.started)
        if self.started < self.run.until:
            self._send()
        elif not self.done.done():
            self.done.set_result(None)

    def _length(self, head: bytes) -> int | None:
        """The length of the body, if the response is a success."""
        lower = head.lower()
        at = lower.find(b"\r\ncontent-length:")
        if not head.startswith(b"HTTP/1.1 200") or at < 0:
            self.connection_lost(RuntimeError(f"not a good answer: {head.decode(errors='replace')}"))
            return None
        length = int(lower[at + 17 :].split(b"\r\n", 1)[0])
        self.run.lengths.add(length)
        return length

    def connection_lost(self, exc: Exception | None) -> None:
        """The server must not close the connection."""
        if not self.done.done():
            self.done.set_exception(exc or RuntimeError("the server closed the connection"))


async def run(port: int, requests: list[bytes], connections: int, seconds: float, start: int) -> dict[str, object]:
    """Send requests for so long, from the request `start` on, and report the result."""
    loop = asyncio.get_running_loop()
    began = time.perf_counter()
    found = Run(requests, began + seconds, start, [], set())
    ended = [loop.create_future() for _ in range(connections)]
    opened = [await loop.create_connection(partial(Client, found, done), "127.0.0.1", port) for done in ended]
    await asyncio.gather(*ended)
    elapsed = time.perf_counter() - began
    for transport, _ in opened:
        transport.close()
    ordered = sorted(found.taken)
    return {
        "count": len(ordered),
        "rate": len(ordered) / elapsed,
        "p50": ordered[len(ordered) // 2] * 1000,
        "p99": ordered[min(int(len(ordered) * 0.99), len(ordered) - 1)] * 1000,
        "length": sum(found.lengths) / len(found.lengths),
        "sent": found.sent,
    }


class Load:
    """The load process, from the side of its client."""

    def __init__(self, process: subprocess.Popen[bytes]) -> None:
        self.process = process

    def run(
        self, port: int, requests: Sequence[str], *, connections: int, seconds: float, start: int = 0
    ) -> dict[str, float]:
        """Run a job: rate, p50 and p99 in milliseconds."""
        assert self.process.stdin is not None
        assert self.process.stdout is not None
        self.process.stdin.write(orjson.dumps([port, requests, connections, seconds, start]) + b"\n")
        self.process.stdin.flush()
        answer = orjson.loads(self.process.stdout.readline() or b'{"error":"the load process ended"}')
        if "error" in answer:
            raise RuntimeError(answer["error"])
        found: dict[str, float] = answer
        return found


@contextmanager
def loading() -> Iterator[Load]:
    """The load process, started here and ended afterwards."""
    command = [sys.executable, "-m", "bench.load"]
    process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    try:
        yield Load(process)
    finally:
        assert process.stdin is not None
        process.stdin.close()
        process.wait(10)


def main() -> None:
    """Run jobs until there are no more."""
    for line in sys.stdin.buffer:
        port, requests, connections, seconds, start = orjson.loads(line)
        texts = [request.encode() for request in requests]
        try:
            answer = uvloop.run(run(port, texts, connections, seconds, start))
        except Exception as failure:
            answer = {"error": f"{type(failure).__name__}: {failure}"}
        sys.stdout.buffer.write(orjson.dumps(answer) + b"\n")
        sys.stdout.buffer.flush()


if __name__ == "__main__":
    main()
