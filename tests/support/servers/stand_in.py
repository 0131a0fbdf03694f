"""A small engine over a small schema, so that the tests of the transports depend on nothing else."""

import asyncio
import time
from collections.abc import AsyncIterator, Collection, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any

import jwt
import orjson
import uvicorn
from graphql import build_schema, execute_sync, get_variable_values

from engine.caller import Caller, Person, Restriction
from engine.documents import Documents, Prepared
from engine.errors import Code, RequestError, refusal
from engine.limits import Limits
from engine.live.log_place import LogPlace
from engine.live.shared_stream import Frame
from models.database import Database
from server.app import Application, create_app
from server.edge.edge import ConnectionEdge
from server.edge.http_protocol import http_protocol
from server.edge.socket_protocol import socket_protocol
from server.settings import Settings

SECRET = "a secret of the tests, long enough for HS256"

SCHEMA = build_schema("""
    type Query {
      hello(name: String): String! who: String! number(n: Int): Int
      broken: Int lines: Int secret: Int unrun: Int held: Int
    }
    type Mutation { add(n: Int!): Int! held: Int! }
    type Subscription { count(to: Int!): Int! follow: Int! refused: Int! breaks: Int! }
""")


@dataclass
class Answer:
    body: bytes
    executed: bool = True
    code: str = "OK"


class StandIn:
    """Answers as the engine does: finished bytes, RequestError for refusals, subscriptions that can be paused."""

    def __init__(self) -> None:
        self.documents = Documents(SCHEMA, Limits())
        self.added: list[int] = []
        self.begun = asyncio.Event()
        self.release = asyncio.Event()
        self.finished: list[str] = []
        self.end: str | Exception = ""
        self.counted = 0
        self.news: asyncio.Queue[int] = asyncio.Queue()

    async def prepare(self, text: str, operation_name: str | None, caller: Caller) -> Prepared:
        return self.documents.prepare(text, operation_name)

    async def execute(
        self, prepared: Prepared, variables: Mapping[str, Any] | None, caller: Caller, *, cost: bool = False
    ) -> Answer:
        definitions = prepared.operation.variable_definitions or ()
        coerced = get_variable_values(SCHEMA, definitions, dict(variables or {}))
        if isinstance(coerced, list):
            raise RequestError([refusal(Code.BAD_USER_INPUT, found.message).errors[0] for found in coerced])
        if "broken" in prepared.text:
            raise RuntimeError("the secret inside")
        if "secret" in prepared.text:
            raise refusal(Code.FORBIDDEN, "This needs the role admin.")
        if "unrun" in prepared.text:
            return Answer(b'{"errors":[{"message":"Not run.","extensions":{"code":"BAD_USER_INPUT"}}]}', executed=False)
        if "lines" in prepared.text:
            return Answer(b'{"data": {\n"lines": 1\r\n}}')
        if "held" in prepared.text:
            self.begun.set()
            try:
                await self.release.wait()
            except asyncio.CancelledError:
                self.finished.append("cancelled")
                raise
            self.finished.append("held")
        name = prepared.operation.name.value if prepared.operation.name else None
        values = dict(variables or {})
        result = execute_sync(SCHEMA, prepared.document, self.root(caller), None, values, name)
        return Answer(orjson.dumps(result.formatted))

    def root(self, caller: Caller) -> dict[str, Any]:
        def add(_: Any, n: int) -> int:
            self.added.append(n)
            return n

        return {
            "hello": lambda _, name=None: f"Hello, {name or 'world'}!",
            "who": f"{caller.subject} of {caller.organisation} as {caller.role}",
            "number": lambda _, n=None: n,
            "add": add,
            "held": 1,
        }

    async def sign_in(self, caller: Caller) -> Restriction:
        return caller.role

    async def cursor(self, caller: Caller) -> str:
        if isinstance(self.end, Exception):
            raise self.end
        return self.end

    async def find_restricted(self, people: Collection[Person]) -> Mapping[Person, Restriction]:
        return {}

    async def subscribe(
        self,
        prepared: Prepared,
        variables: Mapping[str, Any] | None,
        caller: Caller,
        seen: str | None = None,
        place: LogPlace | None = None,
    ) -> AsyncIterator[Frame]:
        if "refused" in prepared.text:
            raise refusal(Code.BAD_USER_INPUT, "after: no such cursor.")
        try:
            if "count" in prepared.text:
                for number in range(int(seen or 0) + 1, int((variables or {})["to"]) + 1):
                    await asyncio.sleep(0)
                    self.counted = number
                    body = b'{"data":{"count":%d}}' % number
                    width = (variables or {}).get("width", 0)
                    # A number is no cursor, so a socket that is closed as too slow cannot name it.
                    yield Frame(body.ljust(width), None if width else str(number))
                return
            yield Frame(b'{"data":{"follow":0}}', (variables or {}).get("cursor"))
            if "breaks" in prepared.text:
                raise RuntimeError("the secret inside")
            while True:
                yield Frame(b'{"data":{"follow":%d}}' % await self.news.get())
        finally:
            self.finished.append("subscription")


def settings(**given: Any) -> Settings:
    """Settings with the secret of the tests. No consumer runs unless it is asked for: it would use connections of the
    pool, which tests count and fill."""
    return Settings(**{"jwt_secret": SECRET, "consumer_interval": 0, **given})


def token(secret: Any = SECRET, algorithm: str = "HS256", headers: dict[str, Any] | None = None, **claims: Any) -> str:
    """A token for `ann` of `acme`, a rep, for an hour; claims that are given as None are left out."""
    all_claims = {"sub": "ann", "org_id": "acme", "role": "rep", "exp": int(time.time()) + 3600, **claims}
    present = {name: value for name, value in all_claims.items() if value is not None}
    return jwt.encode(present, secret, algorithm=algorithm, headers=headers)


def bearer(**claims: Any) -> dict[str, str]:
    """The header that authenticates a request."""
    return {"Authorization": f"Bearer {token(**claims)}"}


def application(engine: StandIn, **given: Any) -> Application:
    """The application on top of a stand-in."""

    @asynccontextmanager
    async def start(_: Settings, __: Database) -> AsyncIterator[StandIn]:
        yield engine

    return create_app(settings(**given), None, start, schema=SCHEMA)  # type: ignore[arg-type]


@asynccontextmanager
async def listening(app: Application) -> AsyncIterator[int]:
    """The application behind a real server on a free port of this machine."""
    edge = ConnectionEdge(app.service.settings, app.service.calls.metrics)
    config = uvicorn.Config(
        app,
        host="127.0.0.1",
        port=0,
        http=http_protocol(edge),
        ws=socket_protocol(edge),
        log_config=None,
        timeout_graceful_shutdown=1,
    )
    server = uvicorn.Server(config)
    config.load()
    server.lifespan = config.lifespan_class(config)
    await server.startup()
    try:
        yield server.servers[0].sockets[0].getsockname()[1]
    finally:
        await server.shutdown()
