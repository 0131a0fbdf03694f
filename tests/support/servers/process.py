"""A server process of a test: how to query it, and the PostgreSQL it leaves behind."""

from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import httpx2
import psutil


def postgres_in(folder: Path) -> list[psutil.Process]:
    """The PostgreSQL servers that run on data in this folder, one process each.

    A server forks a process for each connection, which has the same command line until it is renamed: such a child
    does not count.
    """
    found = {
        process.pid: process
        for process in psutil.process_iter(["cmdline", "ppid"])
        if any(str(folder) in part for part in process.info["cmdline"] or ())
        and "postgres" in process.info["cmdline"][0]
    }
    return [process for process in found.values() if process.info["ppid"] not in found]


@contextmanager
def frozen_postgres(folder: Path) -> Iterator[None]:
    """While this lasts, no process of the PostgreSQL server in `folder` runs."""
    (server,) = postgres_in(folder)
    stopped = [server]
    server.suspend()  # first: from here on there are no new children
    try:
        for child in server.children(recursive=True):
            with suppress(psutil.NoSuchProcess):
                child.suspend()
                stopped.append(child)
        yield
    finally:
        for process in stopped:
            with suppress(psutil.NoSuchProcess):
                process.resume()


def ask(url: str, headers: dict[str, str], query: str) -> dict[str, object]:
    """Send a query over HTTP."""
    answer: dict[str, object] = httpx2.post(url, json={"query": query}, headers=headers, timeout=20).json()
    return answer
