"""GraphQL over Server-Sent Events, in its "distinct connections mode": each request is its own stream.

https://github.com/enisdenjo/graphql-sse/blob/master/PROTOCOL.md

Each event of a subscription has its cursor as `id`. A client that reconnects sends the last one in the header
`Last-Event-ID`, as EventSource does by itself, and continues after it
(https://html.spec.whatwg.org/multipage/server-sent-events.html).
"""

import asyncio
import time
from collections.abc import AsyncIterator
from datetime import datetime
from typing import Any

from starlette.types import Receive, Send

from engine.errors import Code, RequestError, code_of, encode_errors, error
from engine.failures import masked
from engine.live.shared_stream import Frame
from server.auth.tokens import LEEWAY
from server.observe.calls import blame
from server.transport.connections import Ending
from server.transport.service import following

HEARTBEAT = 15.0
"""Seconds of silence after which a comment is sent, so that no proxy considers the stream dead."""

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


async def send_events(
    results: AsyncIterator[Frame],
    expires_at: datetime | None,
    receive: Receive,
    send: Send,
    ended: asyncio.Future[Ending] | None = None,
) -> None:
    """Send each result as a `next` event until they end, the client disconnects or its token expires; then `complete`.

    Errors are sent as a `next`: a stream that has begun has no other way to report them. When it is `ended` by the
    server, a comment gives the reason, and there is no `complete`, so that clients reconnect.
    """
    await send({"type": "http.response.start", "status": 200, "headers": list(HEADERS)})
    await _send(send, COMMENT)
    gone = asyncio.create_task(disconnected(receive))
    ended = ended or asyncio.get_running_loop().create_future()
    try:
        async with following(results):
            await _relay(results, gone, ended, expires_at, send)
        if not gone.done():
            last = COMPLETE if not ended.done() else f": {ended.result().reason}\n\n".encode()
            await send({"type": "http.response.body", "body": last})
    finally:
        gone.cancel()
        await asyncio.gather(gone, return_exceptions=True)


async def _relay(
    results: AsyncIterator[Frame],
    gone: asyncio.Task[None],
    ended: asyncio.Future[Ending],
    expires_at: datetime | None,
    send: Send,
) -> None:
    end = expires_at.timestamp() + LEEWAY if expires_at else float("inf")
    coming = asyncio.create_task(_next(results))
    try:
        while not gone.done() and not ended.done():
            left = end - time.time()
            if left <= 0:
                blame(Code.UNAUTHENTICATED)
                await _send(send, _event(encode_errors([EXPIRED])))
                return
            waits: set[asyncio.Future[Any]] = {coming, gone, ended}
            await asyncio.wait(waits, timeout=min(HEARTBEAT, left), return_when="FIRST_COMPLETED")
            if coming.done():
                told = coming.result()
                if told is None:
                    return
                await _send(send, _event(told.body, told.cursor))
                coming = asyncio.create_task(_next(results))
            elif left > HEARTBEAT and not gone.done() and not ended.done():
                await _send(send, COMMENT)
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


async def _send(send: Send, chunk: bytes) -> None:
    await send({"type": "http.response.body", "body": chunk, "more_body": True})
