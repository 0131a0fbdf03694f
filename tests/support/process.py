"""A server process of a test: how to query it, and the PostgreSQL it leaves behind."""

from pathlib import Path

import httpx2
import psutil


def postgres_in(folder: Path) -> list[psutil.Process]:
    """The PostgreSQL servers that run on data in this folder."""
    return [
        process
        for process in psutil.process_iter(["cmdline"])
        if any(str(folder) in part for part in process.info["cmdline"] or ())
        and "postgres" in process.info["cmdline"][0]
    ]


def ask(url: str, headers: dict[str, str], query: str) -> dict[str, object]:
    """Send a query over HTTP."""
    answer: dict[str, object] = httpx2.post(url, json={"query": query}, headers=headers, timeout=20).json()
    return answer
