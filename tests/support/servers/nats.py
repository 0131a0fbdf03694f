"""A NATS server with JetStream that is killed and started again, and what its stream holds."""

import json
import shutil
import socket
import subprocess
import sys
from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path
from typing import Any

import nats
from nats.js import JetStreamContext
from nats.js.api import RawStreamMsg
from nats.js.errors import NotFoundError

from engine.background.relay_nats import NUMBER, STREAM, SUBJECTS

SERVER = shutil.which("nats-server", path=str(Path(sys.executable).parent)) or "nats-server"


class Nats:
    """A NATS server on one port and one folder."""

    def __init__(self, folder: Path) -> None:
        with socket.create_server(("127.0.0.1", 0)) as free:
            self.port = free.getsockname()[1]
        self.folder = folder
        self.url = f"nats://127.0.0.1:{self.port}"
        self.process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        """Start it, and wait until it takes connections."""
        self.process = subprocess.Popen(
            [SERVER, "-js", "-a", "127.0.0.1", "-p", str(self.port), "-sd", str(self.folder)],
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        while self.process.poll() is None:
            try:
                with socket.create_connection(("127.0.0.1", self.port), timeout=1) as line:
                    line.recv(1)
                return
            except OSError:
                pass
        raise AssertionError(f"nats-server ended with {self.process.returncode}")

    def kill(self) -> None:
        """Kill it; what it has acknowledged is in its folder."""
        assert self.process is not None
        self.process.kill()
        self.process.wait(60)

    @asynccontextmanager
    async def jetstream(self) -> AsyncIterator[JetStreamContext]:
        """A connection for a test."""
        client = await nats.connect(self.url, allow_reconnect=False)
        try:
            yield client.jetstream()
        finally:
            await client.close()

    async def count(self) -> int:
        """How many messages the stream holds."""
        async with self.jetstream() as jetstream:
            try:
                return (await jetstream.stream_info(STREAM)).state.messages
            except NotFoundError:
                return 0

    async def published(self) -> Sequence[tuple[int, str, str, Any]]:
        """What the stream holds: the number, the id, the subject and the content of each message, in order."""
        async with self.jetstream() as jetstream:
            try:
                state = (await jetstream.stream_info(STREAM)).state
            except NotFoundError:
                return []
            numbers = range(state.first_seq, state.last_seq + 1) if state.messages else ()
            return [_read(await jetstream.get_msg(STREAM, number)) for number in numbers]

    async def forgetful(self, seconds: float = 0.1) -> None:
        """Create the stream so that it forgets ids after so many seconds."""
        async with self.jetstream() as jetstream:
            await jetstream.add_stream(name=STREAM, subjects=[SUBJECTS], duplicate_window=seconds)


def _read(message: RawStreamMsg) -> tuple[int, str, str, Any]:
    headers = message.headers or {}
    return int(headers[NUMBER]), headers["Nats-Msg-Id"], message.subject or "", json.loads(message.data or b"")


@contextmanager
def serving_nats(folder: Path) -> Iterator[Nats]:
    """A NATS server that is started, and stopped at the end."""
    server = Nats(folder)
    server.start()
    try:
        yield server
    finally:
        if server.process is not None and server.process.poll() is None:
            server.kill()
