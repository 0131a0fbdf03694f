"""`GET /calendar/{token}.ics`. The token is all that a calendar program has to show; a wrong one is answered like an
address at which there is nothing."""

import asyncio
from hashlib import sha256
from hmac import compare_digest

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from engine.errors import Code, encode_errors, error
from models.database import UNREACHABLE, Database
from resolvers.reads.tasks.calendar import Period, feed_of, stamp_of, tasks_of
from resolvers.reads.tasks.calendar_token import read_token
from server.calendar.icalendar_text import write
from server.transport.media import RESPONSE

MEDIA = "text/calendar; charset=utf-8"


def calendar_route(database: Database) -> Route:
    """The address of calendar feeds."""

    async def calendar(request: Request) -> Response:
        try:
            return await _answer(database, request)
        except UNREACHABLE:
            return _refused(503, Code.SERVICE_UNAVAILABLE, "The database cannot be reached. Try again later.")

    return Route("/calendar/{token}.ics", calendar)


async def _answer(database: Database, request: Request) -> Response:
    token = read_token(request.path_params["token"])
    feed = None if token is None else await feed_of(database, *token[:2])
    if token is None or feed is None or not compare_digest(feed["secret_hash"], token[2]):
        return _refused(404, Code.BAD_REQUEST, "There is no calendar at this address. Create one, or rotate yours.")
    whose, period = token[:2], Period.now()
    stamp = f"{feed['name']} {await stamp_of(database, *whose, period)}"
    tag = f'"{sha256(stamp.encode()).hexdigest()[:32]}"'
    headers = {"etag": tag, "cache-control": "private, no-cache"}
    if tag in [part.strip().removeprefix("W/") for part in request.headers.get("if-none-match", "").split(",")]:
        return Response(status_code=304, headers=headers)
    text = await asyncio.to_thread(write, feed["name"], await tasks_of(database, *whose, period))
    return Response(text, headers=headers, media_type=MEDIA)


def _refused(status: int, code: Code, message: str) -> Response:
    return Response(
        encode_errors([error(code, message)]), status, {"cache-control": "no-store"}, media_type=RESPONSE.decode()
    )
