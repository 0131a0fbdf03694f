"""GraphQL over WebSocket: the subprotocol graphql-transport-ws, and no other.

https://github.com/enisdenjo/graphql-ws/blob/master/PROTOCOL.md. `close_codes` lists the codes with which a
socket is closed.

What is wrong with one operation goes into an `error` message for its id, and the socket stays open.
"""

import asyncio
from collections.abc import Callable, Coroutine, Mapping
from contextlib import ExitStack, suppress
from functools import partial
from itertools import count
from typing import Any

import orjson
from starlette.websockets import WebSocket, WebSocketDisconnect

from engine.caller import Caller
from engine.errors import Code, RequestError, error, refusal
from engine.failures import masked
from engine.live.selection import decode_cursor
from server.edge.socket_protocol import SETTLE, Stuck
from server.observe.calls import Call
from server.transport.connections import Ending, TooMany
from server.transport.messages import (
    UNKNOWN,
    Closing,
    Unreadable,
    acknowledged,
    credentials_of,
    failed,
    id_of,
    parsed,
    payload_of,
    pinged,
)
from server.transport.operations import Operation
from server.transport.pulse import Pulse
from server.transport.refusals import NotAvailable, RefusedRequest
from server.transport.service import Service, request_in_object

LONGEST_REASON = 123
"""Bytes that fit beside the code in a close frame (RFC 6455, section 5.5)."""


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
        self.pulse = Pulse(service.settings, self._send_ping, self._give_up)
        self.takes = {
            "connection_init": self._init,
            "subscribe": self._subscribe,
            "complete": self._complete,
            "ping": self._ping,
            "pong": self._pong,
        }

    async def serve(self) -> None:
        """Handle messages until the connection ends; then end its operations, and wait for them."""
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
        """Close the connection once its running mutations have ended and their results are sent."""
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
        with suppress(RuntimeError, WebSocketDisconnect):  # the client may have closed it first
            await self.websocket.close(code, reason.encode()[:LONGEST_REASON].decode(errors="ignore"))

    async def send(self, text: str | Callable[[], str]) -> bool:
        """Send one message after those before it. Once the connection is closed, drop it and return False.

        Everything that the socket sends passes here. A message that depends on those before it is made only then.
        """
        async with self.sending:
            if self.closed:
                return False
            try:
                await self.websocket.send({"type": "websocket.send", "text": text if isinstance(text, str) else text()})
            except (RuntimeError, WebSocketDisconnect):
                self.closed = True
            except Stuck:
                self._spawn(self.close(4413, self._with_cursor("Too slow: the client read nothing for too long")))
            else:
                return True
        return False

    async def _take(self, text: str | None) -> None:
        self.pulse.heard()
        organisation = self.who.organisation if self.who else ""
        try:
            parse = partial(parsed, most=self.service.settings.max_body_bytes)
            message = await self.service.large.read(organisation, text, parse, patient=True) if text else parse(text)
        except Unreadable as unreadable:
            who = self._expect_free(unreadable.id)
            await self._refuse(unreadable.id, who, refusal(Code.BAD_REQUEST, unreadable.reason))
            return
        kind = message.get("type")
        take = self.takes.get(kind) if isinstance(kind, str) else None
        if take is None:
            raise Closing(4400, UNKNOWN)
        await take(message)

    async def _init(self, message: dict[str, Any]) -> None:
        if self.initialised:
            raise Closing(4429, "Too many initialisation requests")
        self.initialised = True
        self.pulse.stop()
        authorization, orgid = credentials_of(message)
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
        settle = self.websocket.scope.get(SETTLE)
        if settle is not None:
            settle()
        await self.send(acknowledged(await self.service.cursor(self.who)))
        self.pulse.begin(self.who.expires_at)

    async def _subscribe(self, message: dict[str, Any]) -> None:
        id_ = id_of(message) if self.who is not None else ""
        who = self._expect_free(id_)
        try:
            asked = request_in_object(payload_of(message), self.service.settings.max_values)
        except RefusedRequest as refused:
            raise Closing(4400, refused.message) from refused
        except RequestError as refused:
            await self._refuse(id_, who, refused)
            return
        operation = Operation(id_, self.send, partial(self.operations.pop, id_))
        most = self.service.settings.max_subscriptions_per_socket
        if len(self.operations) >= most:
            text = f"This socket runs {most} operations, which is the limit: complete one, or open another socket."
            await self.send(failed(operation.id, [error(Code.TOO_MANY_SUBSCRIPTIONS, text, limit=most)]))
            return
        self.operations[id_] = operation
        operation.task = self._spawn(operation.run(self.service, self._call(), asked, who))

    def _expect_free(self, id_: str) -> Caller:
        """The caller of an operation that may begin under this id. Raises `Closing`."""
        if self.who is None:
            raise Closing(4401, "Unauthorized: send connection_init first, and wait for connection_ack")
        if id_ in self.operations:
            raise Closing(4409, f"Subscriber for {id_} already exists")
        return self.who

    async def _refuse(self, id_: str, who: Caller, refused: RequestError) -> None:
        """End an operation that has not begun."""
        with self._call() as call:
            call.organisation, call.code = who.organisation, refused.code
        await self.send(failed(orjson.dumps(id_).decode(), refused.errors))

    def _call(self) -> Call:
        return Call(self.service.calls, "websocket", f"{self.id}-{next(self.calls)}", self.headers)

    async def _complete(self, message: dict[str, Any]) -> None:
        operation = self.operations.pop(id_of(message), None)
        if operation is not None:  # otherwise it has already ended
            operation.drop()

    async def _ping(self, message: dict[str, Any]) -> None:
        payload = payload_of(message)
        answer = {"type": "pong"} if payload is None else {"type": "pong", "payload": payload}
        await self.send(orjson.dumps(answer).decode())

    async def _pong(self, message: dict[str, Any]) -> None:
        payload_of(message)

    def _with_cursor(self, reason: str) -> str:
        """A reason that ends with the cursor up to which every subscription has received everything."""
        cursors = [operation.cursor for operation in self.operations.values() if operation.cursor is not None]
        return f"{reason}; after={min(cursors, key=decode_cursor)}" if cursors else reason

    def _drop_all(self) -> None:
        self.pulse.stop()
        for operation in self.operations.values():
            operation.drop()
        self.operations.clear()

    def _send_ping(self) -> bool:
        """Send a ping, except to a client that does not read: `send_timeout` is for that one."""
        if self.sending.locked():
            return False
        self._spawn(self.send(self._make_ping))
        return True

    def _make_ping(self) -> str:
        found = {operation.name: operation.cursor for operation in self.operations.values()}
        return pinged({name: cursor for name, cursor in found.items() if cursor is not None})

    def _give_up(self, code: int, reason: str) -> None:
        self._spawn(self.close(code, self._with_cursor(reason)))

    def _spawn(self, work: Coroutine[Any, Any, Any]) -> asyncio.Task[Any]:
        task = asyncio.create_task(work)
        self.tasks.add(task)
        task.add_done_callback(self.tasks.discard)
        return task
