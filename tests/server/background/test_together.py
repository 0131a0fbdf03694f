"""What runs in the background is stopped at once, and all of it."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest

from server.background.together import together


async def test_all_are_left_at_once() -> None:
    """The one that takes its time keeps no other one going."""
    left, seen = asyncio.Event(), []

    @asynccontextmanager
    async def quick() -> AsyncIterator[None]:
        seen.append("begun")
        yield
        left.set()

    @asynccontextmanager
    async def slow() -> AsyncIterator[None]:
        seen.append("begun")
        yield
        await left.wait()

    async with asyncio.timeout(20), together(quick(), slow(), quick()):
        assert seen == ["begun"] * 3


async def test_what_was_entered_is_left() -> None:
    """Also when a later one cannot be entered; what it raises comes out."""
    left = []

    @asynccontextmanager
    async def fine() -> AsyncIterator[None]:
        yield
        left.append(True)

    @asynccontextmanager
    async def broken() -> AsyncIterator[None]:
        raise OSError("in use")
        yield

    with pytest.raises(OSError, match="in use"):
        async with together(fine(), broken(), fine()):
            pytest.fail("It has begun.")
    assert left == [True]
