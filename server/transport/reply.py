"""Sending a response whose body is ready: straight to the server, without a response object on the way."""

from starlette.types import Send

from server.transport.media import JSON, RESPONSE
from server.transport.refusals import Headers, RefusedRequest

COMMON: Headers = (
    (b"cache-control", b"no-store"),
    (b"x-content-type-options", b"nosniff"),
    (b"vary", b"accept, accept-encoding"),
)
HEADERS = {media: ((b"content-type", media + b"; charset=utf-8"), *COMMON) for media in (RESPONSE, JSON)}


async def send_json(send: Send, status: int, body: bytes, media: bytes = RESPONSE, headers: Headers = ()) -> None:
    """Send a complete GraphQL response."""
    length = (b"content-length", b"%d" % len(body))
    await send({"type": "http.response.start", "status": status, "headers": [*HEADERS[media], length, *headers]})
    await send({"type": "http.response.body", "body": body})


async def send_refusal(send: Send, refused: RefusedRequest, media: bytes = RESPONSE) -> None:
    """Send why a request is turned away."""
    await send_json(send, refused.status, refused.body, media, refused.headers)
