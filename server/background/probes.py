"""What `dealboard work` answers on a port of its own, where the settings name one: /livez, /readyz and /metrics."""

import asyncio
import socket
from collections.abc import AsyncIterator, Callable, Iterator, Mapping
from contextlib import asynccontextmanager, contextmanager

import uvicorn
from starlette.applications import Starlette

from engine.live.feed import Feed
from server.edge.edge import ConnectionEdge
from server.edge.http_protocol import http_protocol
from server.observe.health import health_routes, metrics_route
from server.observe.metrics import Metrics
from server.process.serving import listen
from server.settings import Settings


@contextmanager
def probe_listener(settings: Settings) -> Iterator[socket.socket | None]:
    """A socket bound to the port, if the settings name one. Raises `WrongSettings` when it is taken."""
    if settings.work_port is None:
        yield None
        return
    with listen(settings.host, settings.work_port, "DEALBOARD_WORK_PORT") as listener:
        yield listener


class ProbeServer(uvicorn.Server):
    """Answers probes. It leaves signals to the worker, and says when it has started."""

    def __init__(self, config: uvicorn.Config) -> None:
        super().__init__(config)
        self.up = asyncio.Event()

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Leave them alone."""
        yield

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """Start, then say so."""
        await super().startup(sockets)
        self.up.set()


@asynccontextmanager
async def answering_probes(
    settings: Settings,
    listener: socket.socket | None,
    feed: Feed,
    metrics: Metrics,
    is_stopping: Callable[[], bool],
) -> AsyncIterator[str | None]:
    """Answer on the listener, if there is one, and yield its address."""
    if listener is None:
        yield None
        return

    def works() -> Mapping[str, bool]:
        return {"wakeups": feed.wakeups.connected, "working": not is_stopping()}

    def look() -> None:
        metrics.look(feed.database, 0, feed)

    routes = [*health_routes("/livez", feed.database, works), metrics_route(settings, metrics, look)]
    server = ProbeServer(
        uvicorn.Config(
            Starlette(routes=routes),
            loop="none",
            http=http_protocol(ConnectionEdge(settings, metrics)),
            ws="none",
            lifespan="off",
            log_config=None,
            access_log=False,
            server_header=False,
            timeout_graceful_shutdown=1,
        )
    )
    task = asyncio.create_task(server.serve(sockets=[listener]))
    await server.up.wait()
    host, port, *_ = listener.getsockname()
    try:
        yield f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"
    finally:
        server.should_exit = True
        await task
