"""What the transports share: the engine, authentication, and the parameters of a GraphQL request."""

import asyncio
from collections.abc import AsyncIterator, Collection, Mapping
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from typing import Any, Protocol
from urllib.parse import parse_qsl

import orjson

from engine.caller import Caller, Person, Restriction
from engine.documents import Prepared
from engine.errors import Code, refusal
from engine.live.log_place import LogPlace
from engine.live.shared_stream import Frame
from models.database import UNREACHABLE
from server.auth.tokens import Authenticator
from server.observe.calls import Calls
from server.observe.metrics import Metrics
from server.persisted.trusted import TrustedDocuments
from server.settings import Settings
from server.transport.connections import Connections
from server.transport.large import LargeRequests
from server.transport.refusals import BadRequest

DEEPEST = 64
"""Most levels of objects and lists in the variables."""

PATIENCE = 2.0
"""Seconds in which the database has to name the end of the event log, for a socket that is acknowledged either way."""

PARAMETERS = ("query", "documentId", "operationName", "variables", "extensions")


class Response(Protocol):
    """A complete response body. `executed` is false when the operation was refused before it ran; `code` is the first
    of its errors' codes."""

    @property
    def body(self) -> bytes: ...

    @property
    def executed(self) -> bool: ...

    @property
    def code(self) -> str: ...


class Runs(Protocol):
    """The part of the engine that a transport uses."""

    async def prepare(self, text: str, operation_name: str | None, caller: Caller) -> Prepared: ...

    async def execute(
        self, prepared: Prepared, variables: Mapping[str, Any] | None, caller: Caller, *, cost: bool = False
    ) -> Response: ...

    def subscribe(
        self,
        prepared: Prepared,
        variables: Mapping[str, Any] | None,
        caller: Caller,
        seen: str | None = None,
        place: LogPlace | None = None,
    ) -> AsyncIterator[Frame]: ...

    async def cursor(self, caller: Caller) -> str: ...

    async def sign_in(self, caller: Caller) -> Restriction: ...

    async def find_restricted(self, people: Collection[Person]) -> Mapping[Person, Restriction]: ...


@dataclass(frozen=True, slots=True)
class GraphQLRequest:
    """The parameters of one GraphQL request. With `cost`, the response reports what the operation costs.

    The document is either `query`, or the one that has the `document_id`, or the `document_hash`.
    """

    query: str | None = None
    operation_name: str | None = None
    variables: dict[str, Any] | None = None
    cost: bool = False
    document_id: str | None = None
    document_hash: str | None = None


class Service:
    """The engine, which is set while the app runs, with its settings, calls, connections and authenticator."""

    engine: Runs

    def __init__(
        self, settings: Settings, authenticator: Authenticator | None = None, calls: Calls | None = None
    ) -> None:
        self.settings = settings
        self.calls = calls or Calls(Metrics())
        self.connections = Connections(settings.max_connections_per_member)
        self.large = LargeRequests(self.calls.metrics.hit)
        self.refreshing = asyncio.Lock()
        self.authenticator = authenticator or Authenticator(settings)
        self.trusted = TrustedDocuments()

    async def cursor(self, who: Caller) -> str | None:
        """A cursor that everything from now on comes after; None where the database is away, as operations will say."""
        with suppress(*UNREACHABLE):
            async with asyncio.timeout(PATIENCE):
                return await self.engine.cursor(who)
        return None

    async def prepare(self, asked: GraphQLRequest, who: Caller) -> Prepared:
        """The operation that a request names, ready to be run. Raises `RequestError`."""
        if asked.query is not None:
            text = self.trusted.expect(asked.query)
        elif asked.document_id is not None:
            text = self.trusted.find(asked.document_id)
        else:
            text = self.trusted.find_by_hash(asked.document_hash or "")
        return await self.engine.prepare(text, asked.operation_name, who)


@asynccontextmanager
async def following(results: AsyncIterator[Frame]) -> AsyncIterator[AsyncIterator[Frame]]:
    """The results of a subscription, which is closed at the end, so that it releases what it holds."""
    try:
        yield results
    finally:
        close = getattr(results, "aclose", None)
        if close is not None:
            await close()


def request_in_json(body: bytes | str, most_values: int) -> GraphQLRequest:
    """The request in a JSON body."""
    return request_in_object(_parsed(body, "The body"), most_values)


def request_in_object(value: object, most_values: int) -> GraphQLRequest:
    """The request in a decoded object. Raises BadRequest that names the parameter and its type, and RequestError when
    the variables hold more than `most_values`."""
    if not isinstance(value, dict):
        hint = " Batches are not supported: send each request by itself." if isinstance(value, list) else ""
        raise BadRequest(f"A GraphQL request is one JSON object with a `query`, not {_named(value)}.{hint}")
    query, name, variables = value.get("query"), value.get("operationName"), value.get("variables")
    extensions = value.get("extensions")
    if extensions is not None and not isinstance(extensions, dict):
        raise BadRequest(f"`extensions` must be an object, not {_named(extensions)}.")
    id_, hash_ = value.get("documentId"), None
    if query == "" and (id_ is not None or "persistedQuery" in (extensions or {})):
        query = None  # the client of graphql-ws sends no message without the parameter
    if id_ is not None and (query is not None or not isinstance(id_, str)):
        raise BadRequest("`documentId` must be a string, and the only document: leave `query` out.")
    if query is None and id_ is None:
        hash_ = _hash_in(extensions)
    if not isinstance(query, str) and id_ is None and hash_ is None:
        raise BadRequest(f"`query` must be a string that holds a GraphQL document, not {_named(query)}.")
    if name is not None and not isinstance(name, str):
        raise BadRequest(f"`operationName` must be a string, not {_named(name)}.")
    if variables is not None:
        if not isinstance(variables, dict):
            raise BadRequest(f"`variables` must be an object, not {_named(variables)}.")
        _expect_small(variables, most_values)
    cost = (extensions or {}).get("cost", False)
    if not isinstance(cost, bool):
        raise BadRequest(f"`extensions.cost` must be true or false, not {_named(cost)}.")
    return GraphQLRequest(query, name, variables, cost, id_, hash_)


def _hash_in(extensions: dict[str, Any] | None) -> str | None:
    """The hash of a request in Apollo's form, `{"persistedQuery": {"version": 1, "sha256Hash": "…"}}`."""
    persisted = (extensions or {}).get("persistedQuery")
    if persisted is None:
        return None
    hash_ = persisted.get("sha256Hash") if isinstance(persisted, dict) else None
    if not isinstance(hash_, str):
        raise BadRequest("`extensions.persistedQuery` must be an object with the string `sha256Hash`.")
    return hash_


def request_in_url(query_string: bytes, most_values: int) -> GraphQLRequest:
    """The request in the query string of a URL, where `variables` and `extensions` are JSON."""
    try:
        pairs = parse_qsl(query_string.decode("ascii"), keep_blank_values=True, errors="strict", max_num_fields=50)
    except ValueError as wrong:
        raise BadRequest("The query string of this URL must be percent-encoded UTF-8.") from wrong
    value: dict[str, Any] = {}
    for name, text in pairs:
        if name not in PARAMETERS:
            continue
        if name in value:
            raise BadRequest(f"`{name}` is in this URL twice: send it once.")
        is_json = name in ("variables", "extensions")
        value[name] = _parsed(text, f"`{name}`") if is_json and text else text or None
    return request_in_object(value, most_values)


def _parsed(text: bytes | str, what: str) -> object:
    try:
        return orjson.loads(text)
    except orjson.JSONDecodeError as wrong:
        if isinstance(text, bytes):
            _expect_utf8(text, what)
        raise BadRequest(f"{what} is not JSON in UTF-8: {wrong}.") from wrong


def _named(value: object) -> str:
    if value is None:
        return "null or nothing"
    names: dict[type, str] = {dict: "an object", list: "a list", str: "a string", bool: "a boolean"}
    return names.get(type(value), "a number")


def _expect_utf8(text: bytes, what: str) -> None:
    try:
        text.decode()
    except UnicodeDecodeError as wrong:
        raise BadRequest(
            f"{what} is not UTF-8: byte {wrong.start:,}, counted from 0, is 0x{text[wrong.start]:02X}, which cannot be"
            " there. Encode the JSON as UTF-8."
        ) from wrong


def _expect_small(variables: dict[str, Any], most: int) -> None:
    """Before anything is done for each value, and level by level, because nesting may be deeper than the stack."""
    level: list[Any] = [variables]
    count = 0
    for _ in range(DEEPEST):
        count += sum(map(len, level))
        if count > most:
            text = f"`variables` hold more than {most:,} values: send them in several requests."
            raise refusal(Code.TOO_MANY_VALUES, text, limit=most)
        level = [
            child
            for parent in level
            for child in (parent.values() if isinstance(parent, dict) else parent)
            if isinstance(child, dict | list)
        ]
        if not level:
            return
    raise BadRequest(f"`variables` are nested too deeply: send at most {DEEPEST} levels.")
