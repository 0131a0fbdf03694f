"""GraphQL over WebSocket: the subprotocol graphql-transport-ws, and no other.

https://github.com/enisdenjo/graphql-ws/blob/master/PROTOCOL.md. `close_codes` lists the codes with which a
socket is closed.

What is wrong with one operation goes into an `error` message for its id, and the socket stays open.
"""

import asyncio
import time
from collections.abc import Callable, Coroutine, Mapping
from contextlib import ExitStack, suppress
from functools import partial
from itertools import count
from typing import Any

import orjson
from starlette.websockets import WebSocket, WebSocketDisconnect

from engine.caller import Caller
from engine.errors import Code, RequestError, code_of, error, format_errors
from engine.failures import masked
from engine.live.selection import decode_cursor
from server.auth.tokens import LEEWAY
from server.observe.calls import Call
from server.transport.connections import Ending, TooMany
from server.transport.protocols import Stuck
from server.transport.refusals import NotAvailable, RefusedRequest
from server.transport.service import GraphQLRequest, Service, following, request_in_object

LONGEST_ID = 200
LONGEST_REASON = 123
"""Bytes that fit beside the code in a close frame (RFC 6455, section 5.5)."""

ACKNOWLEDGED = '{"type":"connection_ack"}'
PING = '{"type":"ping"}'


class Closing(Exception):
    """The client did what ends the connection."""

    def __init__(self, code: int, reason: str) -> None:
        super().__init__(reason)
        self.code = code
        self.reason = reason


class Operation:
    """One operation that was subscribed to and has neither ended nor been completed."""

    def __init__(self, id_: str) -> None:
        self.id = orjson.dumps(id_).decode()
        self.next = f'{{"id":{self.id},"type":"next","payload":'
        self.wanted = True
        self.changes = False
        self.cursor: str | None = None
        self.task: asyncio.Task[None] | None = None

    def drop(self) -> None:
        """Nothing more is sent for it. It is cancelled, but a change runs to its end: half of one is of no use."""
        self.wanted = False
        if self.task is not None and not self.changes:
            self.task.cancel()


class Socket:
    """One connection: opened, then acknowledged (`who` is known), then closed."""

    def __init__(self, service: Service, websocket: WebSocket, headers: Mapping[bytes, bytes], id_: str) -> None:
        self.service = service
        self.websocket = websocket
        self.headers = headers
        self.id = id_
        self.calls = count(1)
        self.who: Caller | None = None
        self.initialised = False
        self.closed = False
        self.operations: dict[str, Operation] = {}
        self.tasks: set[asyncio.Task[Any]] = set()
        self.sending = asyncio.Lock()
        self.joined = ExitStack()
        self.second, self.messages = 0.0, 0
        self.timer: asyncio.TimerHandle | None = None
        self.takes = {
            "connection_init": self._init,
            "subscribe": self._subscribe,
            "complete": self._complete,
            "ping": self._ping,
            "pong": self._pong,
        }

    async def serve(self) -> None:
        """Take messages until the connection ends; then end everything that was begun for it, and wait for it."""
        self._in(self.service.settings.socket_init_timeout, self._late)
        try:
            while (message := await self.websocket.receive())["type"] == "websocket.receive":
                if not self.closed:
                    await self._take(message.get("text"))
        except Closing as closing:
            await self.close(closing.code, closing.reason)
        except WebSocketDisconnect:
            pass
        except Exception as failure:
            masked(failure)
            await self.close(4500, "Internal server error")
        finally:
            self.closed = True
            self._drop_all()
            await asyncio.gather(*self.tasks, return_exceptions=True)
            self.joined.close()

    def end(self, ending: Ending) -> None:
        """Close the connection soon: once the changes that are under way are done and answered."""
        self._spawn(self._end(ending))

    async def _end(self, ending: Ending) -> None:
        changes = [item.task for item in self.operations.values() if item.changes and item.task is not None]
        if changes:
            await asyncio.wait(changes)
        await self.close(ending.code, self._with_cursor(ending.reason))

    async def close(self, code: int, reason: str) -> None:
        """Close the connection, once."""
        if self.closed:
            return
        self.closed = True
        self.service.calls.metrics.closed.labels(code).inc()
        self._drop_all()
        with suppress(RuntimeError, WebSocketDisconnect):  # the client may be faster
            await self.websocket.close(code, reason.encode()[:LONGEST_REASON].decode(errors="ignore"))

    async def send(self, text: str) -> bool:
        """Send one message after those before it. Once the connection is closed it is dropped, and False returned.

        Everything that leaves the socket passes here.
        """
        async with self.sending:
            if self.closed:
                return False
            try:
                await self.websocket.send({"type": "websocket.send", "text": text})
            except (RuntimeError, WebSocketDisconnect):
                self.closed = True
            except Stuck:
                self._spawn(self.close(4413, self._with_cursor("Too slow: nothing was taken for too long")))
            else:
                return True
        return False

    async def _take(self, text: str | None) -> None:
        self._count()
        if text is None:
            raise Closing(4400, "Messages are JSON in text frames, not binary ones")
        if len(text) > self.service.settings.max_body_bytes:
            raise Closing(4400, f"A message has at most {self.service.settings.max_body_bytes:,} characters")
        try:
            message = orjson.loads(text)
        except orjson.JSONDecodeError as wrong:
            raise Closing(4400, f"A message is JSON: {wrong}") from wrong
        kind = message.get("type") if isinstance(message, dict) else None
        take = self.takes.get(kind) if isinstance(kind, str) else None
        if take is None:
            raise Closing(4400, "A message is an object whose `type` is one of graphql-transport-ws")
        await take(message)

    def _count(self) -> None:
        """Count the messages of a second. A burst at the turn of two seconds is forgiven."""
        now, most = time.monotonic(), self.service.settings.max_messages_per_second
        if now - self.second >= 1:
            self.second, self.messages = now, 0
        self.messages += 1
        if self.messages > most:
            raise Closing(4431, f"Too many messages: at most {most} a second")

    async def _init(self, message: dict[str, Any]) -> None:
        if self.initialised:
            raise Closing(4429, "Too many initialisation requests")
        self.initialised = True
        self._disarm()
        payload = {key.lower(): value for key, value in (_payload(message) or {}).items()}
        authorization, orgid = payload.get("authorization"), payload.get("orgid")
        if not isinstance(authorization, str | None) or not isinstance(orgid, str | None):
            raise Closing(4400, "In the payload of connection_init, `Authorization` and `orgid` are strings")
        try:
            self.who = await self.service.authenticator.authenticate(authorization, orgid)
        except NotAvailable as refused:
            raise Closing(1013, refused.message) from refused
        except RefusedRequest as refused:
            raise Closing(4403, f"Forbidden: {refused.message}") from refused
        try:
            self.joined.enter_context(self.service.connections.joined(self.who, self.end))
        except TooMany:
            raise Closing(4430, f"Too many connections: a member has at most {self.service.connections.most}") from None
        await self.send(ACKNOWLEDGED)
        self._watch()

    async def _subscribe(self, message: dict[str, Any]) -> None:
        if self.who is None:
            raise Closing(4401, "Unauthorized: send connection_init first, and wait for connection_ack")
        id_ = _id(message)
        try:
            asked = request_in_object(_payload(message))
        except RefusedRequest as refused:
            raise Closing(4400, refused.message) from refused
        if id_ in self.operations:
            raise Closing(4409, f"Subscriber for {id_} already exists")
        operation = Operation(id_)
        most = self.service.settings.max_subscriptions_per_socket
        if len(self.operations) >= most:
            text = f"This socket runs {most} operations, which is the limit: complete one, or open another socket."
            await self.send(_failed(operation, RequestError([error(Code.TOO_MANY_SUBSCRIPTIONS, text, limit=most)])))
            return
        self.operations[id_] = operation
        operation.task = self._spawn(self._run(id_, operation, asked, self.who))

    async def _complete(self, message: dict[str, Any]) -> None:
        operation = self.operations.pop(_id(message), None)
        if operation is not None:  # otherwise it has ended by itself meanwhile
            operation.drop()

    async def _ping(self, message: dict[str, Any]) -> None:
        payload = _payload(message)
        answer = {"type": "pong"} if payload is None else {"type": "pong", "payload": payload}
        await self.send(orjson.dumps(answer).decode())

    async def _pong(self, message: dict[str, Any]) -> None:
        _payload(message)

    async def _run(self, id_: str, operation: Operation, asked: GraphQLRequest, who: Caller) -> None:
        """Run an operation, and end it with `complete` or with `error`."""
        last = f'{{"id":{operation.id},"type":"complete"}}'
        with Call(self.service.calls, "websocket", f"{self.id}-{next(self.calls)}", self.headers) as call:
            call.organisation = who.organisation
            try:
                await self._answer(call, operation, asked, who)
            except RequestError as refused:
                call.code = refused.code
                last = _failed(operation, refused)
            except Exception as failure:
                found = masked(failure)
                call.code = code_of(found)
                last = _failed(operation, RequestError([found]))
        if operation.wanted:
            # Its id is free before the client learns that it ended, because it may use it again at once.
            del self.operations[id_]
            await self.send(last)

    async def _answer(self, call: Call, operation: Operation, asked: GraphQLRequest, who: Caller) -> None:
        engine = self.service.engine
        prepared = engine.documents.prepare(asked.query, asked.operation_name)
        call.runs(prepared)
        operation.changes = prepared.kind == "mutation"
        if prepared.kind == "subscription":
            async with following(engine.subscribe(prepared, asked.variables, who)) as results:
                async for body, cursor in results:
                    await self._next(operation, body, cursor)
        else:
            answer = await engine.execute(prepared, asked.variables, who)
            call.code = answer.code
            await self._next(operation, answer.body)

    async def _next(self, operation: Operation, body: bytes, cursor: str | None = None) -> None:
        if operation.wanted and await self.send(f"{operation.next}{body.decode()}}}"):
            operation.cursor = cursor

    def _with_cursor(self, reason: str) -> str:
        """A reason that ends with the cursor up to which every subscription has received everything."""
        cursors = [operation.cursor for operation in self.operations.values() if operation.cursor is not None]
        return f"{reason}; after={min(cursors, key=decode_cursor)}" if cursors else reason

    def _drop_all(self) -> None:
        self._disarm()
        for operation in self.operations.values():
            operation.drop()
        self.operations.clear()

    def _late(self) -> None:
        self._spawn(self.close(4408, "Connection initialisation timeout"))

    def _watch(self, ping: bool = False) -> None:
        """Close when the token has expired; until then ping, so that no proxy takes the connection for dead."""
        left = float("inf")
        if self.who is not None and self.who.expires_at is not None:
            left = self.who.expires_at.timestamp() + LEEWAY - time.time()
        if left <= 0:
            expired = "Forbidden: the token has expired, connect again with a new one"
            self._spawn(self.close(4403, self._with_cursor(expired)))
            return
        if ping and not self.sending.locked():  # a client that does not read needs no pings
            self._spawn(self.send(PING))
        self._in(min(self.service.settings.socket_ping_interval, left), partial(self._watch, ping=True))

    def _in(self, seconds: float, call: Callable[[], None]) -> None:
        self.timer = asyncio.get_running_loop().call_later(seconds, call)

    def _disarm(self) -> None:
        if self.timer is not None:
            self.timer.cancel()

    def _spawn(self, work: Coroutine[Any, Any, Any]) -> asyncio.Task[Any]:
        task = asyncio.create_task(work)
        self.tasks.add(task)
        task.add_done_callback(self.tasks.discard)
        return task


def _id(message: dict[str, Any]) -> str:
    id_ = message.get("id")
    if not isinstance(id_, str) or not 1 <= len(id_) <= LONGEST_ID:
        raise Closing(4400, f"`id` is a string of 1 to {LONGEST_ID} characters")
    return id_


def _payload(message: dict[str, Any]) -> dict[str, Any] | None:
    payload = message.get("payload")
    if not isinstance(payload, dict | None):
        raise Closing(4400, "`payload` is an object")
    return payload


def _failed(operation: Operation, refused: RequestError) -> str:
    errors = orjson.dumps(format_errors(refused.errors)).decode()
    return f'{{"id":{operation.id},"type":"error","payload":{errors}}}'
