"""The server that is attacked, as it is started by people, and what its organisations have."""

import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import asyncpg
import httpx2
import psutil

from bench.attacking.attacker import SECRET
from bench.data import Place
from bench.server import free_port

SERVED = {
    "DEALBOARD_JWT_SECRET": SECRET,
    "DEALBOARD_OVERDUE_INTERVAL": "0",
    "DEALBOARD_ORGANISATION_RATE": "0",  # a rate would end an attack before the other bounds are measured
    "DEALBOARD_MEMBER_RATE": "0",
    "DEALBOARD_SOCKET_PING_INTERVAL": "1",  # 20 by default, which is longer than an attack here
}
OPEN_FILES = 1_024
"""The limit of the server, as it is where nobody raised it."""

DESCRIBED = """
UPDATE lead SET description = CASE WHEN id >= (SELECT id FROM lead WHERE org_id = $1 ORDER BY id DESC LIMIT 1 OFFSET $2)
    THEN rpad('', 20000, md5(id::text)) ELSE rpad('', 1000, md5(id::text)) END
WHERE org_id = $1
"""


async def describe(url: str, place: Place, long: int) -> None:
    """Give each lead a description of 1,000 characters, and the `long` newest one of 20,000."""
    connection = await asyncpg.connect(url)
    try:
        await connection.execute(DESCRIBED, place.id, long - 1)
        await connection.execute("VACUUM (ANALYZE) lead")
        await connection.execute("CHECKPOINT")
    finally:
        await connection.close()


@contextmanager
def serving(url: str, **settings: str) -> Iterator[tuple[int, int]]:
    """Start `dealboard serve` with the limit of open files; yields its port and the id of its process."""
    port = free_port()
    limited = ["sh", "-c", f'ulimit -n {OPEN_FILES} && exec "$@"', "sh"]
    command = [*limited, sys.executable, "-m", "server", "serve", "--port", str(port)]
    environment = {**psutil.Process().environ(), **SERVED, "DEALBOARD_DATABASE_URL": url, **settings}
    with process(*command, env=environment, cwd=Path(__file__).parents[2], stdout=subprocess.DEVNULL) as server:
        until = time.monotonic() + 60
        while not _ready(port):
            if server.poll() is not None or time.monotonic() > until:
                raise RuntimeError("the server does not get ready")
            time.sleep(0.1)
        yield port, server.pid


def _ready(port: int) -> bool:
    with suppress(httpx2.TransportError):
        return httpx2.get(f"http://127.0.0.1:{port}/readyz", timeout=5).status_code == 200
    return False


@contextmanager
def process(*command: str, **given: Any) -> Iterator[subprocess.Popen[bytes]]:
    """A process that is ended afterwards: a module of ours by its name, or a command."""
    words = [sys.executable, "-m", *command] if command[0].startswith("bench.") else list(command)
    pipes: dict[str, Any] = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE}
    started = subprocess.Popen(words, **(given or pipes))
    try:
        yield started
    finally:
        started.terminate()
        started.wait(60)
