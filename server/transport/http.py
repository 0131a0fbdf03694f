"""GraphQL over HTTP: POST with JSON, and GET for queries (https://graphql.github.io/graphql-over-http/draft/).

With `application/graphql-response+json` the status reports the result. With the older `application/json` every
well-formed request gets 200, because its clients cannot distinguish our 4xx from a proxy's.
"""

import asyncio
from collections.abc import AsyncIterator, Iterable, Mapping
from functools import partial

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from engine.caller import Caller
from engine.errors import Code, RequestError, code_of, encode_errors
from engine.failures import masked
from engine.live.log_place import LogPlace
from engine.live.shared_stream import Frame
from server.compression.accepted import Accepted, accepted
from server.compression.sending import compressing
from server.observe.calls import CANCELLED, Call, request_id
from server.transport.connections import Ending, TooMany
from server.transport.media import JSON, LONGEST, RESPONSE, STREAM, Accepts, accepts, is_json
from server.transport.refusals import BadRequest, RefusedRequest, TooManyConnections
from server.transport.reply import send_json, send_refusal
from server.transport.service import GraphQLRequest, Service, request_in_json, request_in_url
from server.transport.streams import once, send_events
from server.transport.watched import Gone, Watched

STATUSES: dict[str, int] = {
    Code.UNAUTHENTICATED: 401,
    Code.FORBIDDEN: 403,
    Code.RATE_LIMITED: 429,
    Code.INTERNAL_SERVER_ERROR: 500,
    Code.SERVICE_UNAVAILABLE: 503,
    Code.TIMED_OUT: 504,
    # Apollo's clients and servers expect 200 with these two, and fall back by their code or message.
    Code.PERSISTED_QUERY_NOT_FOUND: 200,
    Code.PERSISTED_QUERY_NOT_SUPPORTED: 200,
}
"""The status of a refused operation by the code of its first error; 400 for all others."""

SINGLE = frozenset({b"authorization", b"orgid", b"content-type", b"content-encoding", b"host", b"origin"})
"""Headers that a request has at most once."""

NOTHING = Accepted(plain=False)
"""What no answer can be sent in."""

ALLOW = ((b"allow", b"GET, POST, OPTIONS"),)
ALLOW_POST = ((b"allow", b"POST"),)

NEEDS_STREAM = (
    "A subscription is a stream: send `Accept: text/event-stream`, or use a WebSocket with graphql-transport-ws."
)


class GraphQL:
    """The ASGI application at /graphql. `page` is shown to browsers."""

    def __init__(self, service: Service, page: ASGIApp) -> None:
        self.service = service
        self.page = page

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request. Nothing that a client sends makes this raise."""
        headers = dict(scope["headers"])
        if len(headers) < len(scope["headers"]) and (name := repeated(scope["headers"])):
            await send_refusal(send, BadRequest(f"The header `{name}` is there twice: send it once."))
            return
        taken = accepts(headers.get(b"accept", b"")[:LONGEST])
        method = scope["method"]
        if method == "GET" and taken.page:
            await self.page(scope, receive, send)
        elif method == "OPTIONS":
            await send_json(send, 200, b"{}", taken.json or RESPONSE, ALLOW)
        else:
            with Call(self.service.calls, "http", request_id(headers), headers) as call:
                send = _naming(compressing(send, accepted(headers.get(b"accept-encoding", b""))), call.request_id)
                await self._answer(call, method, scope["query_string"], taken, receive, send)

    async def _answer(
        self, call: Call, method: str, query_string: bytes, taken: Accepts, receive: Receive, send: Send
    ) -> None:
        media = taken.json or RESPONSE
        try:
            _check(method, call.headers, taken)
            who = await self.service.authenticator.authenticate(*_credentials(call.headers))
            call.organisation = who.organisation
            most = self.service.settings.max_values
            if method == "POST":
                parse = partial(request_in_json, most_values=most)
                asked = await self.service.large.read(who.organisation, await _body(receive), parse)
            else:
                asked = request_in_url(query_string, most)
            await self._run(call, asked, who, method, taken, receive, send)
        except Gone:
            call.code = CANCELLED
        except RequestError as refused:
            call.code = refused.code
            # A limit of rates is about the request, not about its operation: every client and proxy understands 429.
            limited = refused.code == Code.RATE_LIMITED
            status = 200 if media == JSON and not limited else STATUSES.get(refused.code, 400)
            await send_json(send, status, encode_errors(refused.errors), media, _retry(refused) if limited else ())
        except RefusedRequest as refused:
            call.code = refused.code
            await send_refusal(send, refused, media)
        except Exception as failure:
            found = masked(failure)
            call.code = code_of(found)
            await send_json(send, 500, encode_errors([found]), media)

    async def _run(
        self, call: Call, asked: GraphQLRequest, who: Caller, method: str, taken: Accepts, receive: Receive, send: Send
    ) -> None:
        engine = self.service.engine
        try:
            prepared = await self.service.prepare(asked, who)
            call.runs(prepared)
            if prepared.kind == "mutation" and method == "GET":
                raise BadRequest(
                    "Mutations are not allowed with GET: send this one with POST.", status=405, headers=ALLOW_POST
                )
            if prepared.kind == "subscription":
                if not taken.stream:
                    raise BadRequest(NEEDS_STREAM, status=406)
                call.transport = "sse"
                place = LogPlace()
                results = engine.subscribe(prepared, asked.variables, who, _seen(call.headers), place)
                await self._stream(results, place, who, receive, send)
                return
            if prepared.kind == "mutation":
                # A mutation runs to its end: half of one is of no use.
                answer = await engine.execute(prepared, asked.variables, who, cost=asked.cost)
            else:
                with Watched(receive):
                    answer = await engine.execute(prepared, asked.variables, who, cost=asked.cost)
        except RequestError as refused:
            if taken.json is not None:
                raise
            # A client that accepts only a stream gets it there (GraphQL over SSE, "distinct connections mode", rule 2).
            call.code = refused.code
            await send_events(once(encode_errors(refused.errors)), who.expires_at, receive, send)
            return
        call.code = answer.code
        if taken.stream_first:
            await send_events(once(answer.body), who.expires_at, receive, send)
            return
        media = taken.json or RESPONSE
        await send_json(send, 200 if answer.executed or media == JSON else 400, answer.body, media)

    async def _stream(
        self, results: AsyncIterator[Frame], place: LogPlace, who: Caller, receive: Receive, send: Send
    ) -> None:
        ended: asyncio.Future[Ending] = asyncio.get_running_loop().create_future()

        def end(ending: Ending) -> None:
            if not ended.done():
                ended.set_result(ending)

        connections = self.service.connections
        try:
            with connections.joined(who, end):
                await send_events(results, who.expires_at, receive, send, ended, place)
        except TooMany:
            raise TooManyConnections(connections.most) from None


def repeated(headers: Iterable[tuple[bytes, bytes]]) -> str | None:
    """The name of a header that decides who asks for what, and that is there more than once.

    A gateway may have checked the first, and this server would use the last.
    """
    seen: set[bytes] = set()
    for name, _ in headers:
        if name in SINGLE:
            if name in seen:
                return name.decode()
            seen.add(name)
    return None


def _retry(refused: RequestError) -> tuple[tuple[bytes, bytes]]:
    """The header that says in how many seconds to send the request again: 1 unless the error says it."""
    seconds = (refused.errors[0].extensions or {}).get("retryAfter", 1)
    return ((b"retry-after", str(seconds).encode()),)


def _naming(send: Send, id_: str) -> Send:
    """`send`, with the request id as a header of the response."""
    header = (b"x-request-id", id_.encode())

    async def named(message: Message) -> None:
        if message["type"] == "http.response.start":
            message["headers"].append(header)
        await send(message)

    return named


def _check(method: str, headers: Mapping[bytes, bytes], taken: Accepts) -> None:
    """Refuse by the method and the headers alone."""
    if method not in ("GET", "POST"):
        raise BadRequest("Send GraphQL with POST, or queries with GET.", status=405, headers=ALLOW)
    if taken.json is None and not taken.stream:
        raise BadRequest(f"`Accept` must take {RESPONSE.decode()}, {JSON.decode()} or {STREAM.decode()}.", status=406)
    if accepted(headers.get(b"accept-encoding", b"")) == NOTHING:
        raise BadRequest("`Accept-Encoding` must take zstd, br, gzip or identity.", status=406)
    if method == "POST":
        if not is_json(headers.get(b"content-type", b"")[:LONGEST]):
            raise BadRequest("The body must be JSON in UTF-8: send `Content-Type: application/json`.", status=415)
        if headers.get(b"content-encoding", b"identity").strip().lower() != b"identity":
            raise BadRequest("The body must not be compressed: leave `Content-Encoding` out.", status=415)


def _credentials(headers: Mapping[bytes, bytes]) -> tuple[str | None, str | None]:
    authorization, orgid = headers.get(b"authorization"), headers.get(b"orgid")
    return (
        None if authorization is None else authorization.decode("latin-1"),
        None if orgid is None else orgid.decode(errors="replace"),
    )


def _seen(headers: Mapping[bytes, bytes]) -> str | None:
    """The id of the last event that the client received on a stream before this one."""
    return headers.get(b"last-event-id", b"").decode("latin-1") or None


async def _body(receive: Receive) -> bytes:
    """The whole body. `BodyLimit` limits its length."""
    message = await receive()
    body: bytes = message.get("body", b"")
    if message["type"] == "http.request" and not message.get("more_body", False):
        return body
    parts = [body]
    while message["type"] == "http.request" and message.get("more_body", False):
        message = await receive()
        parts.append(message.get("body", b""))
    if message["type"] != "http.request":
        raise Gone
    return b"".join(parts)
