"""Clients that stop reading."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from socket import AF_INET, SO_RCVBUF, SOCK_STREAM, SOL_SOCKET
from socket import socket as socket_of_the_system

from websockets.asyncio.client import connect

from tests.support.servers.sockets import PROTOCOL, Client


@asynccontextmanager
async def another(port: int) -> AsyncIterator[Client]:
    """One more socket to a server."""
    async with connect(f"ws://127.0.0.1:{port}/graphql", subprotocols=[PROTOCOL]) as connection:
        yield Client(connection)


@asynccontextmanager
async def narrow(port: int) -> AsyncIterator[Client]:
    """One more socket to a server, with small buffers: what it does not read soon waits at the server.

    Compression would shrink events of spaces to a hundredth, so that ten thousand fit into the buffers. Without pings
    of its own the client does not give up on a connection that it does not read.
    """
    given = {"subprotocols": [PROTOCOL], "compression": None, "ping_interval": None}
    with socket_of_the_system(AF_INET, SOCK_STREAM) as raw:
        raw.setsockopt(SOL_SOCKET, SO_RCVBUF, 4096)
        raw.setblocking(False)
        await asyncio.get_running_loop().sock_connect(raw, ("127.0.0.1", port))
        async with connect(f"ws://127.0.0.1:{port}/graphql", sock=raw, **given) as connection:
            yield Client(connection)
