"""The place of a subscription: never ahead of what its client has, nor behind what the subscription does not select."""

import asyncio
from collections.abc import AsyncIterator, Mapping
from typing import Any
from uuid import UUID

from engine.live.log_place import LogPlace
from engine.live.selection import decode_cursor
from engine.live.shared_stream import EventPage, Frame, Rendered, Stream

ORG = UUID(int=1)


def stream() -> Stream:
    """A stream of the events with even numbers."""

    async def render(after: int, to: int, size: int, member: str | None) -> EventPage:
        found: list[Rendered] = [(number, Frame(b"{}")) for number in range(after + 1, to + 1) if number % 2 == 0]
        return EventPage(found[:size], len(found) <= size)

    async def tail() -> int:
        return 1

    def wants(event: Mapping[str, Any]) -> bool:
        return bool(event["number"] % 2 == 0)

    return Stream(render, wants, 0, tail)


def news(*numbers: int) -> list[Mapping[str, Any]]:
    return [{"number": number} for number in numbers]


def number_of(place: LogPlace) -> int:
    assert place.cursor is not None
    organisation, number = decode_cursor(place.cursor)
    assert organisation == ORG
    return number


async def waiting(events: AsyncIterator[Rendered], place: LogPlace) -> asyncio.Future[Rendered]:
    """A client that waits for its next event, and has had all before it."""
    coming = asyncio.ensure_future(anext(events))
    for _ in range(20):
        await asyncio.sleep(0)
    assert place.reached is not None
    return coming


def test_before_it_starts_there_is_none() -> None:
    """A place without an organisation has no cursor."""
    assert LogPlace().cursor is None


async def test_the_place_goes_with_the_client() -> None:
    """It moves on with what is not selected while the client waits, and past an event only once the client has come
    back for the next one."""
    followed, place = stream(), LogPlace(ORG)
    events = followed.follow(0, "ann", place)
    coming = await waiting(events, place)
    assert number_of(place) == 0
    await followed.advance(news(1))
    assert number_of(place) == 1
    await followed.advance(news(2, 3))
    assert number_of(place) < 2  # queued
    assert (await coming)[0] == 2
    await followed.advance(news(5))
    assert number_of(place) < 2  # taken, but perhaps not yet sent
    coming = await waiting(events, place)
    assert number_of(place) == 5
    coming.cancel()


async def test_the_place_of_a_replay() -> None:
    """It follows event by event, and at the end of the past it is where the stream is."""
    followed, place = stream(), LogPlace(ORG)
    await followed.advance(news(1, 2, 3, 4, 5))
    events = followed.follow(0, "ann", place)
    for number, before in ((2, 0), (4, 2)):
        assert (await anext(events))[0] == number
        assert number_of(place) == before
    coming = await waiting(events, place)
    assert number_of(place) == 5
    coming.cancel()


async def test_the_place_of_a_client_that_is_too_slow() -> None:
    """It stays at what the client has while the rest waits in the table."""
    followed, place = stream(), LogPlace(ORG)
    coming = await waiting(followed.follow(0, "ann", place), place)
    (subscriber,) = followed.subscribers
    subscriber.behind = True
    await followed.advance(news(1, 2))
    assert number_of(place) == 0
    coming.cancel()
