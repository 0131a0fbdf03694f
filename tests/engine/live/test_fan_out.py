"""Replay and fan-out take their share: pages fit what events cost, nothing is read for nobody, and loops have turns."""

import asyncio
from collections import Counter
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import replace
from typing import Any

import pytest

from engine.caller import Caller
from engine.engine import Engine
from engine.errors import RequestError
from engine.live.feed import Feed
from engine.live.shared_stream import FIRST_PAGE, PAGE, EventPage, Frame, Rendered, Stream
from engine.live.turns import Turns
from models import Role
from models.database import Database
from models.timeouts import TimedOut
from resolvers.domain import CRM
from tests.support.fixtures.live import SUBSCRIPTION

WAITING = "SELECT count(*) FROM pg_locks WHERE NOT granted"


class Log:
    """A log of events that cost so many seconds each, and the members who asked for them."""

    def __init__(self, seconds: float, limit: float = 1000) -> None:
        self.seconds = seconds
        self.limit = limit
        self.asked: list[tuple[int, str | None]] = []

    async def render(self, after: int, to: int, size: int, member: str | None) -> EventPage:
        self.asked.append((size, member))
        events = [(number, Frame(b"%d" % number)) for number in range(after + 1, min(after + size, to) + 1)]
        if size * self.seconds > self.limit:
            raise TimedOut
        return EventPage(events, events[-1][0] == to, len(events) * self.seconds)

    @property
    def sizes(self) -> list[int]:
        return [size for size, _ in self.asked]

    def stream(self, position: int) -> Stream:
        """A stream of it that stands there, and wants every event."""

        async def tail() -> int:
            return 1

        return Stream(self.render, lambda _: True, position, tail)


def news(*numbers: int) -> list[Mapping[str, Any]]:
    return [{"number": number} for number in numbers]


async def taken(stream: Stream, count: int, position: int = 0) -> list[int]:
    """The numbers of the next events that a member receives."""
    events = stream.follow(position, "ann")
    found: list[Rendered] = [await anext(events) for _ in range(count)]
    await events.aclose()
    return [number for number, _ in found]


async def test_pages_of_cheap_events_grow() -> None:
    """The first page is small; each that is fast makes the next larger, up to the most; nothing is left out."""
    log = Log(0.0001)
    assert await taken(log.stream(500), 500) == list(range(1, 501))
    assert log.sizes == [FIRST_PAGE, 16, 64, PAGE, PAGE, PAGE, PAGE, PAGE]
    assert {member for _, member in log.asked} == {"ann"}


async def test_pages_of_costly_events_shrink() -> None:
    """A page takes about as long as it should, whatever an event costs."""
    log = Log(0.25)
    assert await taken(log.stream(20), 20) == list(range(1, 21))
    assert log.sizes == [FIRST_PAGE, *[2] * 8]


async def test_a_page_that_takes_too_long_is_read_event_by_event() -> None:
    """It is stopped as a whole; one event alone is not."""
    log = Log(4, limit=10)
    assert await taken(log.stream(6), 6) == list(range(1, 7))
    assert log.sizes == [FIRST_PAGE, *[1] * 6]


async def test_one_event_that_takes_too_long_ends_the_replay() -> None:
    """There is nothing smaller to try."""
    log = Log(11, limit=10)
    with pytest.raises(TimedOut):
        await taken(log.stream(6), 1)
    assert log.sizes == [FIRST_PAGE, 1]


async def test_a_slow_stream_leaves_new_events_to_its_subscribers() -> None:
    """The other streams of the organisation do not wait for it: its subscribers read for themselves, in order."""
    log = Log(2.0)
    stream = log.stream(1)
    listening = asyncio.create_task(taken(stream, 9))
    while not log.asked:  # noqa: ASYNC110
        await asyncio.sleep(0)
    await stream.advance(news(2, 3, 4))
    assert stream.position == 4
    await stream.advance(news(5, 6, 7, 8, 9))
    assert stream.position == 9
    assert await listening == list(range(1, 10))
    assert [member for _, member in log.asked].count(None) == 1


async def test_new_events_of_a_fast_stream_are_rendered_once_for_the_organisation() -> None:
    """They are no replay of anybody."""
    log = Log(0.0001)
    stream = log.stream(0)
    listening = [asyncio.create_task(taken(stream, 300)) for _ in range(3)]
    while len(stream.subscribers) < 3:  # noqa: ASYNC110
        await asyncio.sleep(0)
    await stream.advance(news(*range(1, 301)))
    assert await asyncio.gather(*listening) == [list(range(1, 301))] * 3
    assert {member for _, member in log.asked if member is None} == {None}


async def test_nothing_is_rendered_for_nobody() -> None:
    """A stream without subscribers goes on without asking."""
    log = Log(0.0001)
    stream = log.stream(0)
    await stream.advance(news(1, 2, 3))
    assert (log.asked, stream.position) == ([], 3)


class Held(Log):
    """A log that answers when it is released."""

    def __init__(self) -> None:
        super().__init__(0)
        self.release = asyncio.Event()
        self.cancelled = 0

    async def render(self, after: int, to: int, size: int, member: str | None) -> EventPage:
        try:
            await self.release.wait()
        except asyncio.CancelledError:
            self.cancelled += 1
            raise
        return await super().render(after, to, size, member)


async def test_a_page_is_cancelled_when_nobody_waits_for_it_any_more() -> None:
    """One who leaves does not end it for another; the last one does, and who comes then has a page of their own."""
    log = Held()
    stream = log.stream(2)
    first, second = (asyncio.create_task(taken(stream, 2)) for _ in range(2))
    while sum(past.waiting for past in stream.past.values()) < 2:  # noqa: ASYNC110
        await asyncio.sleep(0)
    assert len(stream.past) == 1
    for leaving, left in ((first, 1), (second, 0)):
        leaving.cancel()
        with suppress(asyncio.CancelledError):
            await leaving
        assert [past.waiting for past in stream.past.values()] == [1] * left
    third = asyncio.create_task(taken(stream, 2))
    while not log.cancelled:  # noqa: ASYNC110
        await asyncio.sleep(0)
    log.release.set()
    assert await third == [1, 2]
    assert (log.cancelled, stream.past) == (1, {})


async def test_turns_are_counted_by_round() -> None:
    """A crowd takes so many turns in a round, in order, and another one does not wait for it."""
    turns, others = Turns(3), Turns(3)
    order: list[int] = []
    rounds: Counter[int] = Counter()
    now = 0

    async def one(number: int) -> None:
        await turns.take()
        order.append(number)
        rounds[now] += 1

    crowd = [asyncio.create_task(one(number)) for number in range(20)]
    while len(order) < 20:
        await others.take()
        now += 1
        await asyncio.sleep(0)
    await asyncio.gather(*crowd)
    assert order == list(range(20))
    assert max(rounds.values()) == 3


async def test_a_turn_that_is_cancelled_is_the_next_one_s() -> None:
    """Nobody waits for one who has left."""
    turns = Turns(1)
    first, leaving, waiting = (asyncio.create_task(turns.take()) for _ in range(3))
    await asyncio.sleep(0)
    assert (first.done(), leaving.done(), waiting.done()) == (True, False, False)
    leaving.cancel()
    await waiting
    assert leaving.cancelled()


async def test_the_different_streams_of_a_member_are_limited(engine: Engine, make_board: Any) -> None:
    """One too many is refused; the same stream again, another member and one in place of another are not."""
    board = await make_board()
    async with Feed.open(engine.database, CRM, 30, most_streams=2) as feed:
        board = replace(board, engine=Engine(engine.schema, engine.database, engine.documents, feed))
        colleague = Caller(board.organisation, "ben", Role.VIEWER)
        one, two, three = board.leads[:3]
        async with board.listening(leadId=one), board.listening(leadId=one) as again, board.listening(colleague):
            async with board.listening(leadId=two) as other:
                await board.move(one, "Offer")
                await again.until(1)
                async with board.listening(leadId=three) as refused:
                    with pytest.raises(RequestError, match="You follow 2 different subscriptions") as failure:
                        await refused.until(1)
                assert failure.value.code == "TOO_MANY_SUBSCRIPTIONS"
                assert failure.value.errors[0].extensions == {"code": "TOO_MANY_SUBSCRIPTIONS", "limit": 2}
                await board.move(two, "Offer")
                await other.until(1)
            async with board.listening(leadId=three) as instead:
                await board.move(three, "Offer")
                await instead.until(1)
        assert feed.readers == {}


async def test_the_statement_of_a_replay_ends_with_its_last_subscriber(database: Database, make_board: Any) -> None:
    """PostgreSQL stops it, and the place in the share of the member is free again."""
    board = await make_board()
    after = await board.cursor()
    await board.move(board.leads[0], "Offer")
    reads = next(iter(board.engine.shares.kinds.values()))
    async with asyncio.timeout(60), database.acquire() as holder, holder.transaction():
        await holder.execute("LOCK TABLE event IN ACCESS EXCLUSIVE MODE")
        events = board.engine.subscribe(board.engine.documents.prepare(SUBSCRIPTION), {"after": after}, board.caller)
        replay = asyncio.create_task(anext(events))
        while not await database.pool.fetchval(WAITING) or not reads.members:
            """Until the statement runs."""
        assert reads.members == {(board.caller.org_id, "tester"): 1}
        replay.cancel()
        with suppress(asyncio.CancelledError):
            await replay
        while await database.pool.fetchval(WAITING) or reads.members:
            """Until it does not run any more."""
