"""One operation on a WebSocket: it runs, sends its results, and ends with `complete` or `error`."""

import asyncio
from collections.abc import Awaitable, Callable

import orjson

from engine.caller import Caller
from engine.errors import RequestError, code_of
from engine.failures import masked
from engine.live.log_place import LogPlace
from server.observe.calls import Call
from server.transport.messages import failed, pinged
from server.transport.service import GraphQLRequest, Service, following


class Operation:
    """One operation that was subscribed to and has neither ended nor been completed.

    `send` returns whether the message was sent; `release` frees the id for another operation.
    """

    def __init__(self, id_: str, send: Callable[[str], Awaitable[bool]], release: Callable[[], object]) -> None:
        self.name = id_
        self.id = orjson.dumps(id_).decode()
        self.send = send
        self.release = release
        self.next = f'{{"id":{self.id},"type":"next","payload":'
        self.wanted = True
        self.changes = False
        self.place = LogPlace()
        self.last: str | None = None
        self.task: asyncio.Task[None] | None = None

    @property
    def cursor(self) -> str | None:
        """The cursor up to which the client has all its events, if it is known."""
        return self.place.cursor or self.last

    def drop(self) -> None:
        """Send nothing more for it, and cancel it. A mutation runs to its end: half of one is of no use."""
        self.wanted = False
        if self.task is not None and not self.changes:
            self.task.cancel()

    async def run(self, service: Service, call: Call, asked: GraphQLRequest, who: Caller) -> None:
        """Run it, and end it with `complete` or with `error`."""
        last = f'{{"id":{self.id},"type":"complete"}}'
        with call:
            call.organisation = who.organisation
            try:
                await self._answer(service, call, asked, who)
            except RequestError as refused:
                call.code = refused.code
                last = failed(self.id, refused.errors)
            except Exception as failure:
                found = masked(failure)
                call.code = code_of(found)
                last = failed(self.id, [found])
        if self.wanted:
            # The id is free before the client learns that the operation ended, because it may use it again at once.
            self.release()
            await self.send(last)

    async def _answer(self, service: Service, call: Call, asked: GraphQLRequest, who: Caller) -> None:
        prepared, engine = await service.prepare(asked, who), service.engine
        call.runs(prepared)
        self.changes = prepared.kind == "mutation"
        if prepared.kind == "subscription":
            async with following(engine.subscribe(prepared, asked.variables, who, None, self.place)) as results:
                async for body, cursor in results:
                    await self._next(body, cursor)
        else:
            answer = await engine.execute(prepared, asked.variables, who, cost=asked.cost)
            call.code = answer.code
            await self._next(answer.body)

    async def _next(self, body: bytes, cursor: str | None = None) -> None:
        """Send a result, with its cursor in `extensions`; or only the place where the subscription starts."""
        if not self.wanted:
            return
        if not body and cursor is not None:
            text = pinged({self.name: cursor})
        elif cursor is None:
            text = f"{self.next}{body.decode()}}}"
        else:
            text = f'{self.next}{body[:-1].decode()},"extensions":{{"cursor":"{cursor}"}}}}}}'
        if await self.send(text):
            self.last = cursor
