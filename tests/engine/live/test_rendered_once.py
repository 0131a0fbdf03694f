"""An event is rendered once for all subscribers of the same document: the work does not grow with their number."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import replace
from typing import Any, ClassVar

import asyncpg
import orjson
import pytest
from websockets.asyncio.client import ClientConnection, connect
from websockets.typing import Subprotocol

import engine.engine
import engine.mutations
import engine.subscriptions
import server.transport.messages
import server.transport.operations
import server.transport.sockets
from engine.engine import Engine
from engine.live.feed import Feed
from models.connection import FrugalConnection
from models.database import SESSION, Database
from models.spare import Spare
from resolvers.domain import CRM
from tests.support.servers.stand_in import application, listening, token

SUBSCRIBERS = 200
DOCUMENT = "subscription ($after: String) { stageChanged(after: $after) { cursor lead { id title } toStage { name } } }"
OTHER = "subscription ($after: String) { stageChanged(after: $after) { cursor lead { id value } } }"


class Watched(FrugalConnection):
    """A connection that records its statements."""

    asked: ClassVar[list[str]] = []

    async def fetch(self, query: str, *arguments: Any, **options: Any) -> Any:
        """Fetch rows."""
        self.asked.append(query)
        return await super().fetch(query, *arguments, **options)

    async def fetchrow(self, query: str, *arguments: Any, **options: Any) -> Any:
        """Fetch a row."""
        self.asked.append(query)
        return await super().fetchrow(query, *arguments, **options)


@pytest.fixture
async def serving_engine(engine: Engine) -> AsyncIterator[Engine]:
    """An engine that only serves subscribers: changes are made through another one."""

    async def keep(connection: Any) -> None:
        """Keep the statement as it is."""

    url, given = engine.database.url, {"server_settings": SESSION, "reset": keep, "connection_class": Watched}
    async with asyncpg.create_pool(url, min_size=1, **given) as pool:
        database = Database(pool, Spare(pool), url)
        async with Feed.open(database, CRM, 600) as feed:
            yield Engine(engine.schema, database, engine.documents, feed)
        await database.spare.close()


class Encodings:
    """Replaces the module orjson and counts what is encoded."""

    def __init__(self) -> None:
        self.count = 0
        self.loads = orjson.loads
        self.Fragment = orjson.Fragment
        self.JSONDecodeError = orjson.JSONDecodeError

    def dumps(self, value: Any, *more: Any, **options: Any) -> bytes:
        """Encode."""
        self.count += 1
        return orjson.dumps(value, *more, **options)


async def subscribe(sockets: Sequence[ClientConnection], documents: Sequence[str], after: str) -> None:
    """Subscribe each socket under an operation id of its own; the documents take turns."""
    for nth, socket in enumerate(sockets):
        payload = {"query": documents[nth % len(documents)], "variables": {"after": after}}
        await socket.send(orjson.dumps({"id": f"operation {nth}", "type": "subscribe", "payload": payload}), text=True)


@asynccontextmanager
async def opened(engine: Engine, count: int) -> AsyncIterator[list[ClientConnection]]:
    """So many sockets, with their connections acknowledged."""
    init = {"Authorization": f"Bearer {token(org_id='demo')}"}
    # The check for revoked access is off meanwhile: only the statements of an event are counted.
    app = application(engine, max_connections_per_member=count, event_poll_seconds=600)  # type: ignore[arg-type]
    async with listening(app) as port, AsyncExitStack() as stack:
        sockets = []
        for _ in range(count):
            link = connect(f"ws://127.0.0.1:{port}/graphql", subprotocols=[Subprotocol("graphql-transport-ws")])
            socket = await stack.enter_async_context(link)
            await socket.send(orjson.dumps({"type": "connection_init", "payload": init}), text=True)
            assert orjson.loads(await socket.recv())["type"] == "connection_ack"
            sockets.append(socket)
        yield sockets


async def heard(sockets: Sequence[ClientConnection]) -> list[str]:
    """The next message of each socket, except pings, which say where its operation stands."""
    found = []
    async with asyncio.timeout(60):
        for socket in sockets:
            while (message := str(await socket.recv())).startswith('{"type":"ping"'):
                """The operation has begun."""
            found.append(message)
    return found


@pytest.mark.parametrize(("documents", "asked"), [([DOCUMENT], 2), ([DOCUMENT, OTHER], 3)], ids=["one", "two"])
async def test_the_work_for_an_event_does_not_grow_with_its_subscribers(
    make_board: Any,
    serving_engine: Engine,
    monkeypatch: pytest.MonkeyPatch,
    documents: list[str],
    asked: int,
) -> None:
    """For 200 sockets an event costs one statement that finds it and one per document, and no encoding at all."""
    board = await make_board()
    mover = replace(
        board, engine=Engine(board.engine.schema, board.engine.database, board.engine.documents, serving_engine.feed)
    )
    encodings = Encodings()
    async with opened(serving_engine, SUBSCRIBERS) as sockets:
        await subscribe(sockets, documents, await board.cursor())
        # The first move may still reach the sockets through a replay; once they have received the second, all of them
        # are live, and the poll has found it.
        for stage in ("Talking", "Offer"):
            await mover.move(board.leads[0], stage)
            await heard(sockets)
        for module in (server.transport.sockets, server.transport.messages, server.transport.operations):
            monkeypatch.setattr(module, "orjson", encodings)
        for module in (engine.engine, engine.mutations, engine.subscriptions):
            monkeypatch.setattr(module, "orjson", encodings, raising=False)
        Watched.asked.clear()
        encodings.count = 0
        await mover.move(board.leads[1], "Offer")
        by_the_mutation = encodings.count
        messages = await heard(sockets)
    assert len(Watched.asked) == asked, Watched.asked
    assert encodings.count == by_the_mutation
    payloads = []
    for nth, message in enumerate(messages):
        start = f'{{"id":"operation {nth}","type":"next","payload":'
        assert message.startswith(start)
        payloads.append(message.removeprefix(start))
    assert len(set(payloads)) == len(documents)


async def test_subscribers_of_the_same_document_share_the_bytes(make_board: Any) -> None:
    """An event is in memory once: what each of 200 subscriptions yields is the same object."""
    board = await make_board()
    prepared = board.engine.documents.prepare(DOCUMENT)
    after = await board.cursor()
    subscriptions = [board.engine.subscribe(prepared, {"after": after}, board.caller) for _ in range(SUBSCRIBERS)]
    first = [asyncio.create_task(anext(subscription)) for subscription in subscriptions]
    await board.move(board.leads[0], "Talking")
    await asyncio.gather(*first)
    second = [asyncio.create_task(anext(subscription)) for subscription in subscriptions]
    await board.move(board.leads[0], "Offer")
    bodies = await asyncio.gather(*second)
    for subscription in subscriptions:
        await subscription.aclose()
    assert len({id(body) for body in bodies}) == 1


async def test_those_who_come_back_together_share_the_replay(
    make_board: Any, serving_engine: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    """After a restart, 200 clients that resume from the same cursor get their replay from one rendering of it."""
    board = await make_board()
    after = await board.cursor()
    for stage in ("Talking", "Offer"):
        await board.move(board.leads[0], stage)
    render, pages = serving_engine._render, []

    async def counted(*given: Any) -> Any:
        """Render, once all of them have subscribed."""
        pages.append(given[-3:])
        (reader,) = serving_engine.feed.readers.values()
        while sum(len(stream.subscribers) for stream in reader.streams.values()) < SUBSCRIBERS:  # noqa: ASYNC110
            await asyncio.sleep(0)
        return await render(*given)

    monkeypatch.setattr(serving_engine, "_render", counted)
    prepared = serving_engine.documents.prepare(DOCUMENT)
    returning = [serving_engine.subscribe(prepared, {"after": after}, board.caller) for _ in range(SUBSCRIBERS)]
    bodies = await asyncio.gather(*(anext(one) for one in returning))
    for one in returning:
        await one.aclose()
    assert len(set(bodies)) == 1
    assert len(pages) == 1
