"""Patience with a database that is away: what is asked for the live side is asked again until there is an answer."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import TypeVar

import asyncpg

from models.database import UNREACHABLE

Found = TypeVar("Found")

AGAIN = 0.5
"""Seconds before the database is asked again when it could not be reached."""


async def patiently(ask: Callable[[], Awaitable[Found]]) -> Found:
    """The answer of the database, asked again for as long as it cannot be reached or is too busy to answer in time."""
    while True:
        try:
            return await ask()
        except (*UNREACHABLE, asyncpg.QueryCanceledError):  # what a subscription itself asks for raises `TimedOut`
            await asyncio.sleep(AGAIN)
