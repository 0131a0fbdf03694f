"""Sending answers compressed. Streams are sent as they are: an event would wait for the next ones."""

from starlette.types import Message, Send

from server.compression.accepted import Accepted
from server.compression.compressor import SMALLEST, compress

STREAMED = b"text/event-stream"


def compressing(send: Send, accepted: Accepted) -> Send:
    """`send`, for a client with an `Accept-Encoding`. A response has one body, unless it is a stream."""
    coding = accepted.coding
    if coding is None:
        return send
    smallest = SMALLEST if accepted.plain else 1
    held: list[Message] = []

    async def compressed(message: Message) -> None:
        if message["type"] == "http.response.start":
            if not any(value.startswith(STREAMED) for name, value in message["headers"] if name == b"content-type"):
                held.append(message)
                return
        elif held:
            start, body = held.pop(), message["body"]
            if len(body) >= smallest:
                body = await compress(coding, body)
                headers = [pair for pair in start["headers"] if pair[0] != b"content-length"]
                headers += [(b"content-encoding", coding), (b"content-length", b"%d" % len(body))]
                start, message = {**start, "headers": headers}, {**message, "body": body}
            await send(start)
        await send(message)

    return compressed
