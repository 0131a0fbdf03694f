"""Serving: the database, the application and uvicorn, from the first line printed to the last connection closed.

With several workers, the process that was started prepares the database and keeps the workers running; each of them is
a server of its own on the same port, and they learn of each other's changes as separate machines do.
"""

import asyncio
import gc
import logging
import signal
import socket
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import AsyncExitStack, asynccontextmanager, contextmanager
from datetime import timedelta
from functools import partial
from tempfile import TemporaryDirectory
from types import FrameType

import uvicorn
from rich.console import Console

from models.database import UNREACHABLE, Database
from models.rules.roles import Role
from schema.api import graphql_schema
from server.app import create_app, make_documents
from server.auth.loopback import is_loopback
from server.edge.edge import ConnectionEdge
from server.edge.http_protocol import http_protocol
from server.edge.open_files import connections_within, raise_open_files
from server.edge.socket_protocol import socket_protocol
from server.observe.calls import Calls
from server.observe.logs import call_level, configure
from server.observe.metrics import Metrics
from server.observe.tracing import opened_tracer
from server.pages import shows_graphiql
from server.persisted.trusted import trusted_documents
from server.process.demo import load_demo
from server.process.runtime import DEMO_ORGANISATION, DEMO_SUBJECT, connect, make_token, open_migrated
from server.process.workers import Parent, Workers
from server.settings import Settings, WrongSettings

log = logging.getLogger("dealboard.serving")

DEMO_LIFETIME = timedelta(days=30)

FAREWELL = 2.0
"""Seconds before the end of its time in which a stopping server answers requests that still wait for the database."""


UNREACHED_MS = 60_000
"""Milliseconds that what was sent may stay unacknowledged, or unread, before the system ends the connection: streams
of Server-Sent Events, which their clients never answer, end by it when the client is lost."""


async def serve_app(settings: Settings) -> None:
    """Serve until a signal comes.

    Raises `WrongSettings` when the port is taken, the database cannot be reached, or a demo is open to other machines.
    """
    _expect_own_demo(settings)
    configure(settings)
    warn_of_foreign_tokens(settings)
    with listen(settings.host, settings.port) as listener:
        announce = partial(print_address, settings, listener.getsockname()[1])
        if settings.workers > 1:
            trusted_documents(settings, make_documents(settings, graphql_schema))  # once, instead of in each of them
            await serve_in_workers(settings, listener, announce)
            return
        async with (
            opened_calls(settings) as calls,
            open_migrated(settings) as url,
            connect(settings, url, calls.metrics) as database,
        ):
            if settings.demo:
                await load_demo(database)
            await Server(settings, database, calls, announce).serve(sockets=[listener])


def _expect_own_demo(settings: Settings) -> None:
    """Everybody who reaches a demo is its admin: beyond this machine that has to be said."""
    if settings.demo and not is_loopback(settings.host) and not settings.demo_hosts:
        raise WrongSettings(
            f"--demo gives everybody who can reach {settings.host} the token of an admin. Listen on 127.0.0.1, or set"
            " DEALBOARD_DEMO_HOSTS to the names by which other machines are to reach it."
        )


@asynccontextmanager
async def opened_calls(settings: Settings) -> AsyncIterator[Calls]:
    """The observers of calls, as the settings say. Raises `WrongSettings`."""
    configure(settings)
    async with opened_tracer(settings) as tracer:
        yield Calls(Metrics(), call_level(settings), tracer)


async def serve_in_workers(settings: Settings, listener: socket.socket, announce: Callable[[], None]) -> None:
    """Prepare the database once, for all the workers."""
    configure(settings)
    async with open_migrated(settings) as url:
        if settings.demo:
            async with connect(settings, url) as database:
                await load_demo(database)
        with TemporaryDirectory(prefix="dealboard-metrics-") as folder:
            given = settings.model_copy(update={"database_url": url})
            await Workers(given, listener, announce, folder).run()


async def serve_as_worker(descriptor: int) -> None:
    """Serve in a process that `Workers` has started, on the listener that it has bound. Raises `WrongSettings`."""
    with socket.socket(fileno=descriptor) as listener:
        async with Parent.connect() as parent:
            url = parent.settings.database_url
            assert url is not None
            async with opened_calls(parent.settings) as calls, AsyncExitStack() as stack:
                try:
                    database = await stack.enter_async_context(connect(parent.settings, url, calls.metrics))
                except UNREACHABLE as failure:
                    # Of a worker that is replaced while the database is away: the parent tries again.
                    raise WrongSettings(f"The database cannot be reached ({type(failure).__name__}).") from failure
                server = Server(parent.settings, database, calls, parent.tell_ready)
                parent.when_gone(server.stop)
                await server.serve(sockets=[listener])


class Server(uvicorn.Server):
    """A server that calls `announce` once it answers, and drains its connections when it stops."""

    draining: asyncio.Task[None] | None = None

    def __init__(self, settings: Settings, database: Database, calls: Calls, announce: Callable[[], None]) -> None:
        self.application = create_app(settings, database, calls=calls)
        self.patience = settings.shutdown_timeout
        self.pool = database.pool
        most = connections_within(raise_open_files(), settings.max_connections, settings.pool_size)
        edge = ConnectionEdge(settings, calls.metrics, most)
        super().__init__(
            uvicorn.Config(
                self.application,
                loop="none",
                http=http_protocol(edge),
                ws=socket_protocol(edge),
                ws_ping_interval=None,
                ws_per_message_deflate=False,  # it would compress each event anew for every socket
                log_config=None,
                access_log=False,
                ws_max_size=2 * settings.max_body_bytes,
                server_header=False,
            )
        )
        self.announce = announce

    def stop(self) -> None:
        """Stop, as after a signal."""
        self.should_exit = True

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:
        """Stop gracefully; at the second signal, immediately."""
        if self.should_exit:
            self.force_exit = True
            self.pool.terminate()
            if self.draining is not None:
                self.draining.cancel()
        self.should_exit = True

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        """Take no more connections, ask sockets and streams to reconnect elsewhere, let requests finish; in time."""
        for server in self.servers:
            server.close()
        loop = asyncio.get_running_loop()
        end = loop.time() + self.patience
        # Requests that wait for the database until then get an answer that it is away, rather than a cut connection.
        giving_up = loop.call_at(end - min(FAREWELL, self.patience / 2), self.pool.terminate)
        self.draining = asyncio.create_task(self.application.service.connections.drain())
        await asyncio.wait([self.draining], timeout=self.patience)
        self.draining.cancel()
        self.config.timeout_graceful_shutdown = max(1, round(end - loop.time()))
        await super().shutdown(sockets)
        giving_up.cancel()
        if self.force_exit:
            for task in self.server_state.tasks:
                task.cancel()

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Stop on Ctrl-C and SIGTERM without raising the signal again: the database still has to be closed."""
        loop = asyncio.get_running_loop()
        for number in (signal.SIGINT, signal.SIGTERM):
            loop.add_signal_handler(number, self.handle_exit, number, None)
        try:
            yield
        finally:
            for number in (signal.SIGINT, signal.SIGTERM):
                loop.remove_signal_handler(number)

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """Start, then announce."""
        await super().startup(sockets)
        # What was imported stays. To go through all of it took each full collection 50 to 100 ms more, and stopped
        # everything meanwhile.
        gc.collect()
        gc.freeze()
        self.announce()


def warn_of_foreign_tokens(settings: Settings) -> None:
    """Log a warning when tokens are accepted that the same issuer made for another application."""
    if not (settings.demo or settings.jwt_issuer or settings.jwt_audience):
        log.warning(
            "any token with a valid signature is accepted, also one for another application: set"
            " DEALBOARD_JWT_AUDIENCE, DEALBOARD_JWT_ISSUER or both"
        )


def print_address(settings: Settings, port: int) -> None:
    """Print the address of the server, and in demo mode the headers to send."""
    console = Console()
    host = f"[{settings.host}]" if ":" in settings.host else settings.host
    console.print(f"\n[bold]Dealboard[/] answers at [link]http://{host}:{port}/graphql[/]")
    if settings.demo:
        token = make_token(
            settings, organisation=DEMO_ORGANISATION, subject=DEMO_SUBJECT, role=Role.ADMIN, lifetime=DEMO_LIFETIME
        )
        if shows_graphiql(settings):
            console.print("Open it in a browser: GraphiQL starts with working examples and a token.")
        console.print("\nOther clients send these headers, as an admin of the demo organisation:")
        console.print(f"  Authorization: Bearer {token}", soft_wrap=True, highlight=False)
        console.print(f"  orgid: {DEMO_ORGANISATION}", highlight=False)
    console.print("\nPress Ctrl-C to stop.")


def listen(host: str, port: int, chosen_by: str = "--port") -> socket.socket:
    """A socket bound to the address. Raises `WrongSettings` when that is not possible, with what the port is chosen
    by."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    listener = socket.socket(family, socket.SOCK_STREAM)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    if hasattr(socket, "TCP_USER_TIMEOUT"):
        # Accepted connections inherit it. Otherwise the system tries for a quarter of an hour to reach a lost client.
        listener.setsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT, UNREACHED_MS)
    try:
        listener.bind((host, port))
    except OSError as error:
        listener.close()
        raise WrongSettings(
            f"Cannot listen on {host}:{port} ({error.strerror}). Stop what uses the port, or choose another"
            f" {chosen_by}."
        ) from error
    return listener
