"""The event log in NATS JetStream: a subject for each organisation and type of event, in one stream.

Needs the extra `nats`, which is imported where it is used. Each message has the event's id as `Nats-Msg-Id`, by which
the stream leaves out what it has just got. The connection is opened with the first event and closed after any failure,
so nothing waits in it unseen.
"""

import asyncio
import logging
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress
from typing import TYPE_CHECKING, TypeVar
from uuid import UUID

from engine.background.relay import Message

if TYPE_CHECKING:
    from nats.aio.client import Client
    from nats.js import JetStreamContext

log = logging.getLogger("dealboard.relay")

STREAM = "DEALBOARD"
"""The stream that is created if no stream takes the subjects."""

SUBJECTS = "dealboard.>"

ID, NUMBER = "Nats-Msg-Id", "Dealboard-Number"
"""The headers with the id of the event, and with its number in the log of its organisation."""

TIMEOUT = 5.0
"""Seconds in which NATS has to answer."""

FAREWELL = 1.0
"""Seconds that closing a connection may take."""

T = TypeVar("T")


class NatsBroker:
    """A connection to NATS, opened when it is needed. `url` may name several servers, separated by commas."""

    def __init__(self, url: str) -> None:
        self.servers = url.split(",")
        self.stream = STREAM
        self.line: NatsLine | None = None
        self.opening = asyncio.Lock()
        self.failing = False

    async def last(self, org_id: UUID) -> tuple[int, str] | None:
        """The number and the id of the last event of an organisation that the stream has; None if it has none."""
        from nats.js.errors import NotFoundError  # noqa: PLC0415

        async def ask(jetstream: "JetStreamContext") -> tuple[int, str] | None:
            try:
                found = await jetstream.get_last_msg(self.stream, f"dealboard.{org_id}.>")
            except NotFoundError:
                return None
            headers = found.headers or {}
            return int(headers[NUMBER]), headers[ID]

        return await self._with(ask)

    async def publish(self, message: Message) -> None:
        """Publish an event; it is stored when this returns. Raises `ConnectionError` also while the stream leaves it
        out because of its id, although it was removed from the stream."""
        headers = {ID: message.id, NUMBER: str(message.number)}
        subject = f"dealboard.{message.org_id}.{message.type}"

        async def send(jetstream: "JetStreamContext") -> bool:
            stored = await jetstream.publish(subject, message.body, timeout=TIMEOUT, headers=headers)
            return bool(stored.duplicate)

        if await self._with(send):
            last = await self.last(message.org_id)
            if last is None or last[0] < message.number:
                raise ConnectionError(f"{message.id} was removed from the stream, which knows its id for a while")

    async def close(self) -> None:
        """Close the connection, if there is one."""
        if self.line is not None:
            await self._drop(self.line)

    async def _with(self, use: Callable[["JetStreamContext"], Awaitable[T]]) -> T:
        """Use the connection. Raises `ConnectionError` for what may succeed on another one."""
        line = None
        try:
            async with self.opening:
                line = self.line = self.line or await self._open()
            found = await line.use(use)
        except Exception as failure:
            if _is_final(failure):
                raise
            if line is not None:
                await self._drop(line)
            if not self.failing:
                log.warning("NATS cannot be reached, trying again: %s", failure or type(failure).__name__)
            self.failing = True
            raise ConnectionError(f"NATS cannot be reached: {failure}") from failure
        if self.failing:
            log.warning("NATS is reached again")
        self.failing = False
        return found

    async def _open(self) -> "NatsLine":
        """Connect, and find the stream, or create it."""
        import nats  # noqa: PLC0415

        line = NatsLine()
        line.client = await nats.connect(
            self.servers,
            name="dealboard relay",
            allow_reconnect=False,
            connect_timeout=TIMEOUT,
            max_reconnect_attempts=1,
            reconnect_time_wait=0.1,
            error_cb=_ignore,
            closed_cb=line.closed,
        )
        try:
            self.stream = await line.use(_expect_stream)
        except Exception:
            await self._drop(line)
            raise
        return line

    async def _drop(self, line: "NatsLine") -> None:
        if self.line is line:
            self.line = None
        with suppress(Exception):
            async with asyncio.timeout(FAREWELL):
                await line.client.close()


class NatsLine:
    """An open connection. What waits for an answer fails at once when it is closed."""

    client: "Client"

    def __init__(self) -> None:
        self.lost: asyncio.Future[None] = asyncio.get_running_loop().create_future()

    async def closed(self) -> None:
        """Remember that it was closed."""
        if not self.lost.done():
            self.lost.set_result(None)

    async def use(self, use: Callable[["JetStreamContext"], Awaitable[T]]) -> T:
        """Use it. Raises `ConnectionError` when it is closed meanwhile."""
        answer = asyncio.ensure_future(use(self.client.jetstream(timeout=TIMEOUT)))
        try:
            await asyncio.wait((answer, self.lost), return_when=asyncio.FIRST_COMPLETED)
            if not answer.done():
                raise ConnectionError("the connection was closed")
            return answer.result()
        finally:
            answer.cancel()


async def _expect_stream(jetstream: "JetStreamContext") -> str:
    """The name of the stream that takes the subjects, which is created if there is none."""
    from nats.js.errors import NotFoundError  # noqa: PLC0415

    try:
        return await jetstream.find_stream_name_by_subject(SUBJECTS)
    except NotFoundError:
        await jetstream.add_stream(name=STREAM, subjects=[SUBJECTS])
        return STREAM


def _is_final(failure: Exception) -> bool:
    """Whether NATS has refused a message, or something unexpected has happened, rather than that it was not there."""
    from nats.errors import Error, MaxPayloadError  # noqa: PLC0415
    from nats.js.errors import APIError, ServerError, ServiceUnavailableError  # noqa: PLC0415

    passing = (OSError, TimeoutError, ServerError, ServiceUnavailableError)
    refused = isinstance(failure, APIError | MaxPayloadError)
    return not isinstance(failure, passing) and (refused or not isinstance(failure, Error))


async def _ignore(failure: Exception) -> None:
    """Ignore it: what fails is raised where it is waited for."""


@asynccontextmanager
async def open_nats(url: str) -> AsyncIterator[NatsBroker]:
    """A broker at this URL, closed at the end. It need not be there yet."""
    broker = NatsBroker(url)
    try:
        yield broker
    finally:
        await broker.close()
