"""Serving: the database, the application and uvicorn, from the first line printed to the last connection closed."""

import asyncio
import signal
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta

import uvicorn
from rich.console import Console

from models.member import Role
from server.app import create_app
from server.demo import load_demo
from server.runtime import DEMO_ORGANISATION, DEMO_SUBJECT, make_token, open_database
from server.settings import Settings, WrongSettings

DEMO_LIFETIME = timedelta(days=30)


async def serve_app(settings: Settings) -> None:
    """Serve until a signal comes. Raises `WrongSettings` when the port is taken or the database cannot be reached."""
    listener = listen(settings.host, settings.port)
    console = Console()
    with listener:
        async with open_database(settings) as database:
            if settings.demo:
                await load_demo(database)
            configuration = uvicorn.Config(
                create_app(settings, database),
                loop="none",
                http="httptools",
                ws="websockets-sansio",
                ws_ping_interval=None,
                log_level="warning",
                access_log=False,
                ws_max_size=2 * settings.max_body_bytes,
                timeout_graceful_shutdown=3,
                server_header=False,
            )
            server = Announced(configuration, console, settings, listener.getsockname()[1])
            await server.serve(sockets=[listener])


class Announced(uvicorn.Server):
    """A server that says where it is once it answers."""

    def __init__(self, config: uvicorn.Config, console: Console, settings: Settings, port: int) -> None:
        super().__init__(config)
        self.console = console
        self.settings = settings
        self.port = port

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        """End on Ctrl-C and SIGTERM, and do not raise the signal again: the database is still to be closed."""
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
        host = f"[{self.settings.host}]" if ":" in self.settings.host else self.settings.host
        self.console.print(f"\n[bold]Dealboard[/] answers at [link]http://{host}:{self.port}/graphql[/]")
        if self.settings.demo:
            token = make_token(
                self.settings,
                organisation=DEMO_ORGANISATION,
                subject=DEMO_SUBJECT,
                role=Role.ADMIN,
                lifetime=DEMO_LIFETIME,
            )
            self.console.print("Open it in a browser: GraphiQL has working examples and the token filled in.")
            self.console.print("\nFor other clients, an admin of the demo organisation:")
            self.console.print(f"  Authorization: Bearer {token}", soft_wrap=True, highlight=False)
            self.console.print(f"  orgid: {DEMO_ORGANISATION}", highlight=False)
        self.console.print("\nCtrl-C stops everything.")


def listen(host: str, port: int) -> socket.socket:
    """A bound socket. Raises `WrongSettings` when the address cannot be had."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    listener = socket.socket(family, socket.SOCK_STREAM)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listener.bind((host, port))
    except OSError as error:
        listener.close()
        raise WrongSettings(
            f"Cannot listen on {host}:{port} ({error.strerror}). Stop what uses it, or choose another --port."
        ) from error
    return listener
