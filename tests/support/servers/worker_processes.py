"""Processes of `dealboard work`: as it is, and with what a test has it do."""

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from subprocess import DEVNULL, PIPE, STDOUT, Popen

ROOT = Path(__file__).parents[3]


@contextmanager
def killed_worker(environment: dict[str, str]) -> Iterator[Popen[bytes]]:
    """A process of `dealboard work`, killed at the end."""
    process = Popen([sys.executable, "-m", "server", "work"], env=environment, cwd=ROOT, stdout=DEVNULL, stderr=DEVNULL)
    try:
        yield process
    finally:
        process.kill()
        process.wait(60)


@contextmanager
def worker_of(module: str, *arguments: str, url: str, environment: dict[str, str]) -> Iterator[tuple[Popen[str], str]]:
    """A process of a module that works on this database, and prints `working` and the address of its probes when it
    begins; until it is stopped."""
    given = {"DEALBOARD_WORK_PORT": "0", "DEALBOARD_DATABASE_URL": url, "DEALBOARD_JWT_SECRET": "s" * 40}
    process = Popen(
        [sys.executable, "-m", module, *arguments],
        env={**environment, **given, "PYTHONUNBUFFERED": "1"},
        cwd=ROOT,
        stdout=PIPE,
        stderr=STDOUT,
        text=True,
    )
    assert process.stdout is not None
    try:
        line = process.stdout.readline()
        assert "working" in line, line + process.stdout.read()
        yield process, line.split()[1]
    finally:
        if process.poll() is None:
            process.terminate()
        process.wait(60)
        process.stdout.close()
