"""The compared servers: each in a process of its own, with the same uvicorn, pool size and PostgreSQL."""

import os
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from importlib import import_module
from typing import Any

import uvicorn

POOL = 8
"""Connections to PostgreSQL of each server."""


@dataclass(frozen=True)
class Server:
    """A running server."""

    name: str
    port: int
    process: subprocess.Popen[bytes]

    @property
    def cpu_seconds(self) -> float:
        """CPU time it has used so far."""
        with open(f"/proc/{self.process.pid}/schedstat", encoding="ascii") as file:
            return int(file.read().split()[0]) / 1e9


@contextmanager
def running(name: str, url: str) -> Iterator[Server]:
    """Start the server of the module `bench.<name>`, wait until it answers, and stop it at the end."""
    port = free_port()
    command = [sys.executable, "-m", "bench.server", name, str(port)]
    process = subprocess.Popen(command, env={**os.environ, "BENCH_URL": url})
    try:
        _wait(port, process)
        yield Server(name, port, process)
    finally:
        process.terminate()
        process.wait(10)


def free_port() -> int:
    """A port without a listener."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def _wait(port: int, process: subprocess.Popen[bytes]) -> None:
    """Wait until the server accepts connections."""
    until = time.monotonic() + 30
    while time.monotonic() < until and process.poll() is None:
        with suppress(OSError), socket.create_connection(("127.0.0.1", port)):
            return
        time.sleep(0.05)
    raise RuntimeError(f"{process.args!r} does not answer")


def main() -> None:
    """Serve one of the contestants."""
    name, port = sys.argv[1], int(sys.argv[2])
    create_app: Callable[[str], Any] = import_module(f"bench.{name}").create_app
    uvicorn.run(
        create_app(os.environ["BENCH_URL"]),
        port=port,
        loop="uvloop",
        http="httptools",
        ws="websockets-sansio",
        ws_ping_interval=None,
        log_level="warning",
        access_log=False,
        server_header=False,
    )


if __name__ == "__main__":
    main()
