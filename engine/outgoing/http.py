"""The one HTTP client with which requests are sent to URLs that others have chosen.

url        checked for what can be known without asking (target.py)
connect    the name is resolved, every one of its addresses is checked, and one of these is connected to: a name server
           that answers differently the next time changes nothing
request    one POST, no redirects, within a deadline for all of it, and only the beginning of the answer is read
"""

import asyncio
import ssl
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager
from dataclasses import dataclass
from email.utils import parsedate_to_datetime
from functools import partial
from ipaddress import ip_address
from socket import SOCK_STREAM, gaierror, getaddrinfo
from time import perf_counter
from typing import Any, Self

import httpcore2

from engine.outgoing.addresses import Address, is_public, why_refused
from engine.outgoing.target import Guard, Target, TargetRefused, target_of
from models.tables.base import utc_now

DEADLINE = 15.0
"""Seconds for a whole request, from the resolving of the name to the end of the answer."""

LOOK_UP = 2.0
"""Seconds for a name that is looked up before there is anything to send."""

LARGEST_ANSWER = 64 * 1024
"""Bytes of an answer that are read at most. Then the connection is closed."""

KEPT_ALIVE = 20.0
"""Seconds for which an idle connection is kept, so that the next request to the same host needs no new one."""

Resolve = Callable[[str, int], Awaitable[Sequence[str]]]
"""The addresses of a name: `(host, port)`. Raises `OSError`."""


_NAMES = ThreadPoolExecutor(16, "names")
"""Threads that resolve names: those of others are not kept waiting by a name server that does not answer."""


class SendFailed(Exception):
    """A request got no complete answer. `kind` is for programs, the message for people."""

    def __init__(self, kind: str, message: str) -> None:
        super().__init__(message)
        self.kind = kind
        self.message = message


@dataclass(frozen=True)
class Received:
    """What a server answered: the beginning of its body, none of it when the server is not of the public internet."""

    status: int
    headers: Mapping[str, str]
    body: bytes
    seconds: float

    @property
    def retry_after(self) -> float | None:
        """Seconds after which it asks to be asked again, if it does. Source: RFC 9110, section 10.2.3."""
        text = self.headers.get("retry-after", "").strip()
        if text.isdecimal() and text.isascii():
            return float(text[:9])
        try:
            return max(0.0, (parsedate_to_datetime(text) - utc_now()).total_seconds())
        except (TypeError, ValueError):
            return None


async def resolved(host: str, port: int) -> Sequence[str]:
    """The addresses of a name, as this machine resolves it. Raises `OSError`."""
    loop = asyncio.get_running_loop()
    found = await loop.run_in_executor(_NAMES, partial(getaddrinfo, host, port, type=SOCK_STREAM))
    return list(dict.fromkeys(str(address[4][0]) for address in found))


class Pinned(httpcore2.AsyncNetworkBackend):
    """Connects to the addresses of a name that it has checked itself, and to nothing else."""

    def __init__(self, guard: Guard, resolve: Resolve) -> None:
        self.guard = guard
        self.resolve = resolve
        self.beneath = httpcore2.AnyIOBackend()

    async def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,  # noqa: ASYNC109 - as the interface has it
        local_address: str | None = None,
        socket_options: Iterable[Any] | None = None,
    ) -> httpcore2.AsyncNetworkStream:
        """A connection to the first of the addresses that can be reached. Raises `TargetRefused` when any of them is
        refused: a name that has both kinds is a trap."""
        addresses = await self.checked(host.removeprefix("[").removesuffix("]"), port)
        for nth, address in enumerate(addresses, 1):
            try:
                return await self.beneath.connect_tcp(str(address), port, timeout, local_address, socket_options)
            except httpcore2.ConnectError:
                if nth == len(addresses):
                    raise
        raise httpcore2.ConnectError(f"{host} has no address")

    async def checked(self, host: str, port: int) -> list[Address]:
        """The addresses of a host, of which each may be sent to. Raises `TargetRefused`, and `SendFailed` for none."""
        try:
            found = [ip_address(host)]
        except ValueError:
            try:
                found = [ip_address(text) for text in await self.resolve(host, port)]
            except (gaierror, UnicodeError) as failure:
                raise SendFailed("NAME", f"The name {host} cannot be resolved.") from failure
        for address in found:
            if why := why_refused(address, self.guard.networks):
                raise TargetRefused(f"{host} has the address {address}, which belongs to {why}. Nothing is sent there.")
        return found

    async def sleep(self, seconds: float) -> None:
        """Sleep; needed between retries of the pool, of which there are none."""
        await asyncio.sleep(seconds)


async def look_up(url: str, guard: Guard, resolve: Resolve = resolved) -> None:
    """Check the addresses that the name of a URL has now. Raises `TargetRefused`, also when it has none.

    A name server that does not answer in time refuses nothing: each request checks the addresses again.
    """
    target = target_of(url, guard)
    try:
        async with asyncio.timeout(LOOK_UP):
            await Pinned(guard, resolve).checked(target.host, target.port)
    except TimeoutError:
        pass
    except SendFailed as failed:
        raise TargetRefused(f"{failed.message} Check how it is written.") from failed


@dataclass
class GuardedHttp:
    """The client, with its connections. `open` makes one."""

    guard: Guard
    pool: httpcore2.AsyncConnectionPool
    deadline: float = DEADLINE

    @classmethod
    @asynccontextmanager
    async def open(
        cls,
        guard: Guard,
        *,
        deadline: float = DEADLINE,
        most: int = 64,
        resolve: Resolve = resolved,
        trust: ssl.SSLContext | None = None,
    ) -> AsyncIterator[Self]:
        """A client with at most so many connections, which are closed at the end."""
        async with httpcore2.AsyncConnectionPool(
            ssl_context=trust or ssl.create_default_context(),
            max_connections=most,
            max_keepalive_connections=most,
            keepalive_expiry=KEPT_ALIVE,
            network_backend=Pinned(guard, resolve),
        ) as pool:
            yield cls(guard, pool, deadline)

    async def post(self, url: str, headers: Mapping[str, str], body: bytes) -> Received:
        """Send a request. Raises `TargetRefused` and `SendFailed`."""
        target = target_of(url, self.guard)
        began = perf_counter()
        try:
            async with asyncio.timeout(self.deadline):
                return await self._post(target, headers, body, began)
        except TimeoutError as late:
            raise SendFailed("TIMEOUT", f"There was no complete answer within {self.deadline:g} seconds.") from late
        except httpcore2.ConnectError as failure:
            if isinstance(failure.__cause__ or failure.__context__, ssl.SSLError):
                raise SendFailed("TLS", f"No secure connection was possible: {failure}.") from failure
            raise SendFailed("CONNECTION", "The connection was refused, or nobody answers there.") from failure
        except (httpcore2.NetworkError, httpcore2.ProtocolError, httpcore2.TimeoutException, OSError) as failure:
            if isinstance(failure, ssl.SSLError):
                raise SendFailed("TLS", f"No secure connection was possible: {failure}.") from failure
            raise SendFailed("BROKEN", "The connection broke off before the answer was complete.") from failure

    async def _post(self, target: Target, headers: Mapping[str, str], body: bytes, began: float) -> Received:
        sent = [(name.encode(), value.encode("latin-1")) for name, value in headers.items()]
        async with self.pool.stream("POST", target.url, headers=sent, content=body) as response:
            got = {name.decode("latin-1").lower(): value.decode("latin-1") for name, value in response.headers}
            peer = response.extensions["network_stream"].get_extra_info("server_addr")
            read = bytearray()
            async for chunk in response.aiter_stream():
                read += chunk
                if len(read) >= LARGEST_ANSWER:
                    break
            shown = bytes(read[:LARGEST_ANSWER]) if is_public(ip_address(peer[0])) else b""
            return Received(response.status, got, shown, perf_counter() - began)
