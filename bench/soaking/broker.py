"""NATS for the soak: killed and started again, and what its stream holds."""

import shutil
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

import nats

from bench.server import free_port
from engine.background.relay_nats import NUMBER, STREAM

SERVER = shutil.which("nats-server", path=str(Path(sys.executable).parent)) or "nats-server"


class Broker:
    """A NATS server with JetStream, on one port and one folder."""

    def __init__(self) -> None:
        self.port = free_port()
        self.folder = tempfile.TemporaryDirectory(prefix="dealboard-nats-", ignore_cleanup_errors=True)
        self.process: subprocess.Popen[bytes] | None = None

    @property
    def url(self) -> str:
        """Its address."""
        return f"nats://127.0.0.1:{self.port}"

    def start(self) -> None:
        """Start it."""
        self.process = subprocess.Popen(
            [SERVER, "-js", "-a", "127.0.0.1", "-p", str(self.port), "-sd", self.folder.name],
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )

    def kill(self) -> None:
        """Kill it; what it has acknowledged stays in its folder."""
        if self.process is not None:
            self.process.kill()
            self.process.wait(60)
            self.process = None

    def stop(self) -> None:
        """Kill it, and remove its folder."""
        self.kill()
        self.folder.cleanup()

    async def published(self) -> list[tuple[int, str]]:
        """The number and the id of each message of the stream, in order."""
        client = await nats.connect(self.url)
        try:
            jetstream = client.jetstream()
            state = (await jetstream.stream_info(STREAM)).state
            found: list[Any] = [
                await jetstream.get_msg(STREAM, number) for number in range(state.first_seq, state.last_seq + 1)
            ]
            return [(int(one.headers[NUMBER]), one.headers["Nats-Msg-Id"]) for one in found]
        finally:
            await client.close()
