"""GraphQL over Server-Sent Events, in its "distinct connections mode": each request is its own stream.

https://github.com/enisdenjo/graphql-sse/blob/master/PROTOCOL.md

Each event of a subscription has its cursor as `id`. A client that reconnects sends the last one in the header
`Last-Event-ID`, as EventSource does by itself, and continues after it
(https://html.spec.whatwg.org/multipage/server-sent-events.html). Before the first event, and in its pauses, a stream
sends the place where it stands as an `id` without data, which is no event.
"""

import asyncio
import time
from collections.abc import AsyncIterator
from datetime import datetime
from typing import Any

from starlette.types import Receive, Send

from engine.errors import Code, RequestError, code_of, encode_errors, error
from engine.failures import masked
from engine.live.log_place import LogPlace
from engine.live.shared_stream import Frame
from server.auth.tokens import LEEWAY
from server.observe.calls import blame
from server.transport.connections import Ending
from server.transport.service import following

HEARTBEAT = 15.0
"""Seconds of silence after which a comment is sent, so that no proxy considers the stream dead."""

OPENING = 1.0
"""Seconds that a stream waits for its first result, to begin with its place, before it begins without."""

HEADERS = (
    (b"content-type", b"text/event-stream; charset=utf-8"),
    (b"cache-control", b"no-store"),
    (b"x-accel-buffering", b"no"),  # nginx would otherwise hold events back
    (b"x-content-type-options", b"nosniff"),
    (b"vary", b"accept"),
)

COMMENT = b":\n\n"
# The empty `data` line matters: without it a browser's EventSource drops the event.
COMPLETE = b"event: complete\ndata:\n\n"

EXPIRED = error(Code.UNAUTHENTICATED, "Your token has expired: connect again with a new one.")


async def once(body: bytes) -> AsyncIterator[Frame]:
    """A stream of one result."""
    yield Frame(body)


async def disconnected(receive: Receive) -> None:
    """Wait until the client disconnects. What it sends before that is dropped."""
    while (await receive())["type"] != "http.disconnect":
        pass


class EventStream:
    """The response of a stream: it begins, with a comment, when its first bytes are sent."""

    def __init__(self, send: Send) -> None:
        self._send = send
        self.open = False

    async def send(self, chunk: bytes, *, more: bool = True) -> None:
        """Send some bytes; the last ones without `more`."""
        if not self.open:
            self.open = True
            await self._send({"type": "http.response.start", "status": 200, "headers": list(HEADERS)})
            chunk = COMMENT + chunk if chunk != COMMENT else chunk
        await self._send({"type": "http.response.body", "body": chunk, "more_body": more})


async def send_events(
    results: AsyncIterator[Frame],
    expires_at: datetime | None,
    receive: Receive,
    send: Send,
    ended: asyncio.Future[Ending] | None = None,
    place: LogPlace | None = None,
) -> None:
    """Send each result as a `next` event until they end, the client disconnects or its token expires; then `complete`.

    Errors are sent as a `next`: a stream that has begun has no other way to report them. When it is `ended` by the
    server, a comment gives the reason, and there is no `complete`, so that clients reconnect.
    """
    gone = asyncio.create_task(disconnected(receive))
    ended = ended or asyncio.get_running_loop().create_future()
    stream = EventStream(send)
    try:
        async with following(results):
            await _relay(results, gone, ended, expires_at, stream, place or LogPlace())
        if not gone.done():
            last = COMPLETE if not ended.done() else f": {ended.result().reason}\n\n".encode()
            await stream.send(last, more=False)
    finally:
        gone.cancel()
        await asyncio.gather(gone, return_exceptions=True)


async def _relay(
    results: AsyncIterator[Frame],
    gone: asyncio.Task[None],
    ended: asyncio.Future[Ending],
    expires_at: datetime | None,
    stream: EventStream,
    place: LogPlace,
) -> None:
    end = expires_at.timestamp() + LEEWAY if expires_at else float("inf")
    coming = asyncio.create_task(_next(results))
    try:
        while not gone.done() and not ended.done():
            left = end - time.time()
            if left <= 0:
                blame(Code.UNAUTHENTICATED)
                await stream.send(_event(encode_errors([EXPIRED])))
                return
            waits: set[asyncio.Future[Any]] = {coming, gone, ended}
            pause = HEARTBEAT if stream.open else OPENING
            await asyncio.wait(waits, timeout=min(pause, left), return_when="FIRST_COMPLETED")
            if coming.done():
                frame = coming.result()
                if frame is None:
                    return
                await stream.send(_event(frame.body, frame.cursor) if frame.body else _stands(frame.cursor))
                coming = asyncio.create_task(_next(results))
            elif left > pause and not gone.done() and not ended.done():
                await stream.send(_stands(place.cursor))
    finally:
        coming.cancel()
        await asyncio.gather(coming, return_exceptions=True)


async def _next(results: AsyncIterator[Frame]) -> Frame | None:
    """The next result; None at the end. A failure becomes the last result."""
    try:
        return await anext(results, None)
    except RequestError as refused:
        blame(refused.code)
        return Frame(encode_errors(refused.errors))
    except Exception as failure:
        found = masked(failure)
        blame(code_of(found))
        return Frame(encode_errors([found]))


def _event(body: bytes, cursor: str | None = None) -> bytes:
    # A line break inside JSON is only white space, but it would end the `data` line.
    data = b"event: next\ndata: " + body.replace(b"\n", b" ").replace(b"\r", b" ") + b"\n\n"
    return data if cursor is None else b"id: " + cursor.encode() + b"\n" + data


def _stands(cursor: str | None) -> bytes:
    """A heartbeat: a comment, and the place if it is known."""
    return COMMENT if cursor is None else b":\nid: " + cursor.encode() + b"\n\n"
