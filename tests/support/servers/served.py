"""A server process of its own, as a person starts it, for tests that need one."""

import os
import re
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO


@dataclass(frozen=True)
class Served:
    """A running server: its address, and the token that it printed."""

    url: str
    token: str
    process: subprocess.Popen[str]

    @property
    def headers(self) -> dict[str, str]:
        """The headers of an admin of the demo organisation."""
        return {"Authorization": f"Bearer {self.token}", "orgid": "demo"}


@contextmanager
def serving(folder: Path, **environment: str) -> Iterator[Served]:
    """Start `dealboard serve --demo` on a free port with its data in `folder`; stop it with Ctrl-C."""
    process = subprocess.Popen(
        [sys.executable, "-m", "server", "serve", "--demo", "--port", "0"],
        env={
            **os.environ,
            "DEALBOARD_DATA_DIR": str(folder),
            "PYTHONUNBUFFERED": "1",
            "COLUMNS": "1000",
            **environment,
        },
        cwd=Path(__file__).parents[3],
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    try:
        assert process.stdout is not None
        yield _announced(process, process.stdout)
    finally:
        if process.poll() is None:
            process.send_signal(signal.SIGINT)
        process.wait(60)
        if process.stdout is not None:
            process.stdout.close()


@contextmanager
def working(folder: Path, **environment: str) -> Iterator[tuple[subprocess.Popen[str], str]]:
    """Start `dealboard work`, and wait until it says so; yields the process and what it said. Stop it with SIGTERM."""
    process = subprocess.Popen(
        [sys.executable, "-m", "server", "work"],
        env={**os.environ, "DEALBOARD_DATA_DIR": str(folder), "PYTHONUNBUFFERED": "1", **environment},
        cwd=Path(__file__).parents[3],
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    assert process.stdout is not None
    try:
        said = ""
        for line in process.stdout:
            said += line
            if line.startswith("Working."):
                break
        assert "Working." in said, said
        yield process, said
    finally:
        if process.poll() is None:
            process.terminate()
        process.wait(60)
        process.stdout.close()


def _announced(process: subprocess.Popen[str], output: IO[str]) -> Served:
    """Read the server's output until it announces its address."""
    said = ""
    for line in output:
        said += line
        if "Ctrl-C" in line:
            break
    url = re.search(r"http://\S+/graphql", said)
    token = re.search(r"Bearer (\S+)", said)
    assert url, said
    assert token, said
    return Served(url[0], token[1], process)
